//! Tests of host git with real repositories: checkout, collection, refusals, pushes and hostile
//! workspaces.
#![cfg(feature = "git")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers panic to fail their test")]

#[path = "git/attributes.rs"]
mod attributes;
#[path = "git/branches.rs"]
mod branches;
#[path = "git/cancelled.rs"]
mod cancelled;
#[path = "git/change_limits.rs"]
mod change_limits;
#[path = "git/changes.rs"]
mod changes;
#[path = "git/checkout.rs"]
mod checkout;
#[path = "git/commit.rs"]
mod commit;
#[path = "git/data_dir.rs"]
mod data_dir;
#[path = "git/data_dir_acl.rs"]
mod data_dir_acl;
#[path = "git/environment.rs"]
mod environment;
#[path = "git/expected.rs"]
mod expected;
#[path = "git/file_names.rs"]
mod file_names;
#[path = "git/filters.rs"]
mod filters;
#[path = "git/full_disk.rs"]
mod full_disk;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/http_server.rs"]
mod http_server;
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
#[path = "git/secrets.rs"]
mod secrets;
#[path = "git/special_files.rs"]
mod special_files;
#[path = "git/support.rs"]
mod support;
