#![doc = include_str!("../README.md")]

mod aside;
pub mod durable_object;
#[cfg(not(target_arch = "wasm32"))]
mod file_credential_store;
mod keys;
mod memory_credential_store;
mod memory_run_store;
mod sealed;

pub use durable_object::DurableObjectCredentialStore;
#[cfg(not(target_arch = "wasm32"))]
pub use file_credential_store::FileCredentialStore;
pub use keys::{KeyId, Keys};
pub use memory_credential_store::MemoryCredentialStore;
pub use memory_run_store::{Bounds, MemoryRunStore};
