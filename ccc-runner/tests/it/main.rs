//! Runners, agents and the way to the model, as their users see them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test's helpers are tests as well"
)]

mod claude;
mod command;
mod conformance;
mod docker;
mod proxy;
mod subprocess;
