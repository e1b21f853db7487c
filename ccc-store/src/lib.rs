#![doc = include_str!("../README.md")]

mod memory_credential_store;
mod memory_run_store;

pub use memory_credential_store::MemoryCredentialStore;
pub use memory_run_store::{Bounds, MemoryRunStore};
