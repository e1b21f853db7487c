//! Integration tests of the runners, the agents and the model proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helper functions of tests"
)]

mod claude;
mod command;
mod conformance;
mod docker;
mod proxy;
mod subprocess;
