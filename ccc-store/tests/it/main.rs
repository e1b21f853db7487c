//! Integration tests of the stores.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helper functions of tests")]

#[cfg(all(any(feature = "durable-object", feature = "file"), unix))]
mod common;
mod conformance;
#[cfg(all(feature = "file", unix))]
mod damage;
#[cfg(all(feature = "durable-object", unix))]
mod durable_object;
#[cfg(all(feature = "sqlite", unix))]
mod full_disk;
#[cfg(feature = "durable-object")]
mod https_channel;
#[cfg(all(feature = "file", unix))]
mod rights;
#[cfg(all(feature = "file", unix))]
mod rotation;
mod run_logs;
mod run_store_memory;
#[cfg(all(feature = "sqlite", unix))]
mod run_store_sqlite;
