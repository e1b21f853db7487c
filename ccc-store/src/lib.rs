#![doc = include_str!("../README.md")]
// If only the internal feature `sealed` is enabled, no store uses its code.
#![cfg_attr(
    all(feature = "sealed", not(any(feature = "durable-object", all(feature = "file", unix)))),
    allow(dead_code, unused_imports, reason = "only stores that are not compiled use this code")
)]

#[cfg(feature = "sealed")]
mod aead;
#[cfg(feature = "sealed")]
mod blocking;
mod bounds;
#[cfg(feature = "durable-object")]
pub mod durable_object;
#[cfg(all(feature = "file", unix))]
mod file_credential_store;
#[cfg(feature = "sealed")]
mod invalid_input;
#[cfg(feature = "sealed")]
mod keys;
mod memory_credential_store;
mod memory_run_store;
#[cfg(feature = "sealed")]
mod random;
#[cfg(feature = "sealed")]
mod sealed;
#[cfg(all(feature = "sqlite", unix))]
mod sqlite_run_store;

pub use bounds::Bounds;
#[cfg(feature = "durable-object")]
pub use durable_object::DurableObjectCredentialStore;
#[cfg(all(feature = "file", unix))]
pub use file_credential_store::FileCredentialStore;
#[cfg(feature = "sealed")]
pub use keys::{KeyId, Keys};
pub use memory_credential_store::MemoryCredentialStore;
pub use memory_run_store::MemoryRunStore;
#[cfg(all(feature = "sqlite", unix))]
pub use sqlite_run_store::SqliteRunStore;
