//! The stores, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers are tests as well")]

#[cfg(unix)]
mod common;
mod conformance;
#[cfg(unix)]
mod damage;
#[cfg(unix)]
mod object;
mod remote;
#[cfg(unix)]
mod rights;
#[cfg(unix)]
mod rotation;
