//! Tests of host git with real repositories: checkout, collection, refusals, pushes and hostile
//! workspaces.
#![cfg(feature = "git")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers panic to fail their test")]

#[path = "git/attributes.rs"]
mod attributes;
#[path = "git/branches.rs"]
mod branches;
#[path = "git/checkout.rs"]
mod checkout;
#[path = "git/collect.rs"]
mod collect;
#[path = "git/commit.rs"]
mod commit;
#[path = "git/data_dir.rs"]
mod data_dir;
#[path = "git/data_dir_acl.rs"]
mod data_dir_acl;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/limits.rs"]
mod limits;
#[path = "git/push.rs"]
mod push;
#[path = "git/remote.rs"]
mod remote;
#[path = "git/root.rs"]
mod root;
#[path = "git/run_user.rs"]
mod run_user;
#[path = "git/support.rs"]
mod support;
