//! The configured credential store.

use std::fs;
use std::sync::Arc;

use ccc_core::{CredentialStore, Result};
use ccc_store::MemoryCredentialStore;

mod data_dir_id;
mod durable_store;
mod key_file;
mod key_source;
mod reloading_store;

pub(crate) use data_dir_id::data_dir_id;
pub(crate) use durable_store::directory;
pub(crate) use reloading_store::{ReloadingStore, Rotated};

use crate::config::{Config, KeySource};
use crate::credentials::durable_store::index_file;

/// Opens the configured credential store. Creates the store if it does not exist.
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a missing or invalid setting, and the
/// errors of the store.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn CredentialStore>> {
    match config.store.kind.as_str() {
        "memory" => Ok(Arc::new(MemoryCredentialStore::default())),
        _ => Ok(Arc::new(ReloadingStore::open(config).await?)),
    }
}

/// Opens the configured credential store if it exists. Returns `None` if the store does not exist,
/// or is of the kind `memory`.
///
/// # Errors
/// The errors of [`open`].
pub(crate) async fn open_existing(config: &Config) -> Result<Option<Arc<dyn CredentialStore>>> {
    let data_dir = config.data_dir()?;
    let source = config.store.key_source(&data_dir)?;
    let has_key = match &source {
        KeySource::File { path, create: true } => fs::symlink_metadata(path).is_ok(),
        _ => true,
    };
    let exists = match config.store.kind.as_str() {
        "file" => has_key || index_file(config, &data_dir).exists(),
        "memory" => false,
        _ => true,
    };
    if exists { open(config).await.map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests;
