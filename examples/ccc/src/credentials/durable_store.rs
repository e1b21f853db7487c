//! The stores that outlive the process: in files, or in a Durable Object.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, SystemClock};
use ccc_store::durable_object::HttpsChannel;
use ccc_store::{DurableObjectCredentialStore, FileCredentialStore, Keys};

use crate::config::Config;

/// A store that outlives the process.
#[derive(Debug)]
pub(super) enum DurableStore {
    File(FileCredentialStore),
    Object(DurableObjectCredentialStore),
}

impl DurableStore {
    /// Opens the store in `directory`, or else the one in the Durable Object.
    pub(super) async fn open(
        config: &Config,
        directory: Option<&Path>,
        keys: &Keys,
    ) -> Result<Self> {
        if let Some(directory) = directory {
            return FileCredentialStore::open(directory, keys).await.map(Self::File);
        }
        let settings = &config.store;
        let missing = || Error::new(ErrorKind::InvalidInput, "set store.url, or CCC_STORE__URL");
        let url = settings.url.as_deref().ok_or_else(missing)?;
        let clock = Arc::new(SystemClock);
        let channel = HttpsChannel::new(url, &settings.secret()?, Arc::clone(&clock) as _)?;
        DurableObjectCredentialStore::open(channel, clock, keys).await.map(Self::Object)
    }

    /// Returns the store through its port.
    pub(super) fn store(&self) -> &dyn CredentialStore {
        match self {
            Self::File(store) => store,
            Self::Object(store) => store,
        }
    }

    /// Reads with these keys too, and writes under the first of them.
    pub(super) async fn adopt(&self, keys: &Keys) -> Result<()> {
        match self {
            Self::File(store) => store.adopt(keys).await,
            Self::Object(store) => store.adopt(keys).await,
        }
    }

    /// Puts every record under the first of these keys. Returns how many were put under it.
    pub(super) async fn rotate(&self, keys: &Keys) -> Result<usize> {
        match self {
            Self::File(store) => store.rotate(keys).await,
            Self::Object(store) => store.rotate(keys).await,
        }
    }
}

/// Returns the file that exists as soon as a store in files has a record.
pub(super) fn index_file(config: &Config, data_dir: &Path) -> PathBuf {
    directory(config, data_dir).join("index")
}

/// Returns the directory of a store in files.
pub(super) fn directory(config: &Config, data_dir: &Path) -> PathBuf {
    config.store.directory.clone().unwrap_or_else(|| data_dir.join("credentials"))
}
