//! Runners, agents and the way to the model, as their users see them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers are tests as well")]

mod conformance;
mod proxy;
mod subprocess;
