//! A credential store whose keys another process can rotate.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
use ccc_store::Keys;
use futures_util::future::BoxFuture;

use crate::config::{Config, KeySource};
use crate::credentials::durable_store::{DurableStore, directory, index_file};
use crate::credentials::{key_file, key_source};
use crate::remedy::describe;

/// A durable credential store. If another process has rotated the keys, the store reloads the keys.
#[derive(Debug)]
pub(crate) struct ReloadingStore {
    store: DurableStore,
    source: KeySource,
    /// The text of the keys, as it was last read from `source`.
    keys_text: tokio::sync::Mutex<Secret>,
    /// The number of reloads that found changed keys.
    reloads: AtomicU64,
}

/// The result of [`ReloadingStore::rotate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// The number of credentials that were encrypted under a new key.
    New(usize),
    /// The number of credentials that were encrypted under the first of the configured keys. No new
    /// key was generated.
    First(usize),
}

impl ReloadingStore {
    /// Opens the configured store. Generates a key file if the store is a new `file` store, and no
    /// key file exists at the default path in the data directory.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let (settings, data_dir) = (&config.store, config.data_dir()?);
        let directory = directory(config, &data_dir);
        let source = settings.key_source(&data_dir)?;
        let is_file = match settings.kind.as_str() {
            "file" => true,
            "durable-object" => false,
            // The value is not shown, because it may be a secret.
            _ => {
                let line =
                    "store.kind has an unknown value: set it to file, durable-object or memory";
                return Err(Error::new(ErrorKind::InvalidInput, line));
            }
        };
        if let KeySource::File { path, create: true } = &source
            && fs::symlink_metadata(path).is_err()
        {
            if !is_file || index_file(config, &data_dir).exists() {
                let line = format!(
                    "the key file {} of the credential store is missing: restore this file, or set store.key_file \
                     to the path of a file that contains the key; for a new store, write a key from `ccc keygen` \
                     to the missing file",
                    path.display()
                );
                return Err(Error::new(ErrorKind::NotFound, line));
            }
            if key_file::create(path, &Keys::generate()?)? {
                tracing::warn!(
                    "generated the key of the credential store in the file {}: make a copy of the key, and store the copy \
                     separately from copies of the data directory",
                    path.display()
                );
            }
        }
        let mut known = key_source::read(&source)?;
        let store = loop {
            let keys = key_source::parse(&source, &known)?;
            match DurableStore::open(config, is_file.then_some(&*directory), &keys).await {
                Ok(store) => break store,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    // Another process can have rotated the key after this process read it.
                    let now = key_source::read(&source)?;
                    if now.expose() == known.expose() {
                        return Err(error);
                    }
                    known = now;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Self {
            store,
            source,
            keys_text: tokio::sync::Mutex::new(known),
            reloads: AtomicU64::new(0),
        })
    }

    /// Encrypts all records under the first key of the source. If all records were already
    /// encrypted under this key and the source is a key file, generates a new key. The new key is
    /// then inserted before the first key of the file, and all records are encrypted under the new
    /// key.
    pub(crate) async fn rotate(&self) -> Result<Rotated> {
        if matches!(self.source, KeySource::Passphrase(_)) {
            let line = "the passphrase of a credential store cannot be changed: create a new store, and store all credentials there";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        // The lock prevents other processes from changing the file until this function returns.
        let _lock = match &self.source {
            KeySource::File { path, .. } => Some(key_file::lock(path)?),
            _ => None,
        };
        let before = key_source::read(&self.source)?;
        let first = self.store.rotate(&key_source::parse(&self.source, &before)?).await?;
        let KeySource::File { path, .. } = &self.source else { return Ok(Rotated::First(first)) };
        if first > 0 {
            return Ok(Rotated::First(first));
        }
        let new = Keys::generate()?;
        // The old key stays in the file after the new key, because running services and copies of
        // the store still need the old key.
        let both =
            Secret::from(format!("{}\n{}", new.expose_str()?, before.expose_str()?.trim_end()));
        key_file::replace(path, &both)?;
        self.store.rotate(&key_source::parse(&self.source, &both)?).await.map(Rotated::New)
    }

    /// Calls `call` with the store. If the call fails because another process has rotated the keys,
    /// reloads the keys and repeats the call.
    async fn with_reload<'a, T>(
        &'a self,
        call: impl Fn(&'a dyn CredentialStore) -> BoxFuture<'a, Result<T>> + Send + Sync,
    ) -> Result<T> {
        loop {
            let reloads = self.reloads.load(Ordering::Acquire);
            match call(self.store.store()).await {
                // The keys can change again before the repeated call. Each repetition needs another
                // change, so the loop ends.
                Err(error) if error.kind() == ErrorKind::Corrupt && self.reload(reloads).await => {}
                result => return result,
            }
        }
    }

    /// Reads the keys again, after a call of the store failed. `reloads` is the value that
    /// `self.reloads` had before the failed call. Returns whether the keys of the store have
    /// changed since `reloads` was read.
    async fn reload(&self, reloads: u64) -> bool {
        let mut known = self.keys_text.lock().await;
        if self.reloads.load(Ordering::Acquire) != reloads {
            // A concurrent call has already reloaded the keys.
            return true;
        }
        let reloaded = async {
            let now = key_source::read_again(&self.source).await?;
            if now.expose() == known.expose() {
                return Ok(false);
            }
            self.store.adopt(&key_source::parse(&self.source, &now)?).await?;
            *known = now;
            self.reloads.fetch_add(1, Ordering::Release);
            Ok::<_, Error>(true)
        };
        match reloaded.await {
            Ok(reloaded) => reloaded,
            Err(error) => {
                tracing::error!(
                    "cannot reload the key of the credential store: {}",
                    describe(&error)
                );
                false
            }
        }
    }
}

#[async_trait]
impl CredentialStore for ReloadingStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        self.with_reload(|store| store.get(key)).await
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        self.with_reload(|store| store.put(key, secret, precondition)).await
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.with_reload(|store| store.delete(key)).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        self.with_reload(|store| store.list()).await
    }
}
