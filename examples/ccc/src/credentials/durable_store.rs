//! The durable credential stores: in files, or in a Durable Object.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, SystemClock};
use ccc_store::durable_object::HttpsChannel;
use ccc_store::{DurableObjectCredentialStore, FileCredentialStore, Keys};

use crate::config::Config;

/// A credential store whose contents survive the end of the process.
#[derive(Debug)]
pub(super) enum DurableStore {
    File(FileCredentialStore),
    Object(DurableObjectCredentialStore),
}

impl DurableStore {
    /// Opens the store in `directory`. If `directory` is `None`, opens the store in the configured
    /// Durable Object.
    pub(super) async fn open(
        config: &Config,
        directory: Option<&Path>,
        keys: &Keys,
    ) -> Result<Self> {
        if let Some(directory) = directory {
            return FileCredentialStore::open(directory, keys).await.map(Self::File);
        }
        let settings = &config.store;
        let missing = || {
            let line =
                "the URL of the durable-object store is missing: set store.url or CCC_STORE__URL";
            Error::new(ErrorKind::InvalidInput, line)
        };
        let url = settings.url.as_deref().ok_or_else(missing)?;
        let clock = Arc::new(SystemClock);
        let channel = HttpsChannel::new(url, &settings.secret()?, Arc::clone(&clock) as _)?;
        DurableObjectCredentialStore::open(channel, clock, keys).await.map(Self::Object)
    }

    /// Returns the store as a [`CredentialStore`].
    pub(super) fn store(&self) -> &dyn CredentialStore {
        match self {
            Self::File(store) => store,
            Self::Object(store) => store,
        }
    }

    /// Adds `keys` to the keys of the store. Later writes use the first key of `keys`. The other
    /// keys are used only to decrypt.
    pub(super) async fn adopt(&self, keys: &Keys) -> Result<()> {
        match self {
            Self::File(store) => store.adopt(keys).await,
            Self::Object(store) => store.adopt(keys).await,
        }
    }

    /// Encrypts every record under the first key of `keys`. Returns the number of records that were
    /// encrypted under a different key before this call.
    pub(super) async fn rotate(&self, keys: &Keys) -> Result<usize> {
        match self {
            Self::File(store) => store.rotate(keys).await,
            Self::Object(store) => store.rotate(keys).await,
        }
    }
}

/// Returns the path of the index file of a `file` store. The index file exists as soon as the store
/// contains a record.
pub(super) fn index_file(config: &Config, data_dir: &Path) -> PathBuf {
    directory(config, data_dir).join("index")
}

/// Returns the configured directory of a `file` store. The default is `credentials` in `data_dir`.
pub(crate) fn directory(config: &Config, data_dir: &Path) -> PathBuf {
    config.store.directory.clone().unwrap_or_else(|| data_dir.join("credentials"))
}
