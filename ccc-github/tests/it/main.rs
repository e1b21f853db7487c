//! Tests of the GitHub adapter against the emulator, over real HTTP and with real git.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "the exception for tests covers test functions, not their helpers"
)]

mod common;
mod conformance;
mod emulated;
mod emulator;
mod failures;
mod git;
mod host;
mod ledger;
mod outside;
mod permission_checks;
mod tokens;
mod webhooks;
