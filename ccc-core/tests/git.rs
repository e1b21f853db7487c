//! Host git against real repositories: what it lays out, what it finds, what it refuses, what it
//! pushes, and what a hostile workspace gets out of it.
#![cfg(feature = "git")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail the test")]

#[path = "git/checkout.rs"]
mod checkout;
#[path = "git/collect.rs"]
mod collect;
#[path = "git/commit.rs"]
mod commit;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/push.rs"]
mod push;
#[path = "git/remote.rs"]
mod remote;
#[path = "git/root.rs"]
mod root;
#[path = "git/support.rs"]
mod support;
