//! A store whose keys may be rotated by another process.

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

/// A store that outlives the process. It reloads its keys when another process has rotated them.
#[derive(Debug)]
pub(crate) struct ReloadingStore {
    store: DurableStore,
    source: KeySource,
    /// The keys as they were read last.
    read: tokio::sync::Mutex<Secret>,
    /// The number of reloads that brought other keys.
    reloads: AtomicU64,
}

/// The result of [`ReloadingStore::rotate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// The number of credentials that were put under a new key.
    New(usize),
    /// The number of credentials that were put under the first of the present keys. No key was
    /// generated.
    First(usize),
}

impl ReloadingStore {
    /// Opens the store of the configuration. If its key belongs in the data directory and is
    /// missing, and the store is new, generates the key.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let (settings, data_dir) = (&config.store, config.data_dir()?);
        let directory = directory(config, &data_dir);
        let source = settings.key_source(&data_dir)?;
        let is_file = match settings.kind.as_str() {
            "file" => true,
            "durable-object" => false,
            kind => {
                let line = format!(
                    "there is no store `{kind}`: there are file, durable-object and memory"
                );
                return Err(Error::new(ErrorKind::InvalidInput, line));
            }
        };
        if let KeySource::File { path, create: true } = &source
            && fs::symlink_metadata(path).is_err()
        {
            if !is_file || index_file(config, &data_dir).exists() {
                let line = format!(
                    "the key of the credentials is not at {}: bring it back, name its place in store.key_file or, for \
                     a new store, make one with `ccc keygen`",
                    path.display()
                );
                return Err(Error::new(ErrorKind::NotFound, line));
            }
            if key_file::create(path, &Keys::generate()?)? {
                tracing::warn!(
                    "made a key for the credentials: {}. Keep a copy of it, apart from one of the data directory",
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
                    // Another process may have rotated the key since.
                    let now = key_source::read(&source)?;
                    if now.expose() == known.expose() {
                        return Err(error);
                    }
                    known = now;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Self { store, source, read: tokio::sync::Mutex::new(known), reloads: AtomicU64::new(0) })
    }

    /// Puts everything under a new key, which is generated where the key is in a file of its own.
    /// If something is not yet under the first of the present keys, it is put under that one, and
    /// no key is generated: an earlier rotation was interrupted, or the operator distributed the
    /// new key before.
    pub(crate) async fn rotate(&self) -> Result<Rotated> {
        if matches!(self.source, KeySource::Passphrase(_)) {
            let line = "a store under a passphrase stays under it: make another store, and keep the App there";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        // No other process changes the file from here on to the end.
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
        // The old key stays behind it: running services need both, and so do copies of the store.
        let both =
            Secret::from(format!("{}\n{}", new.expose_str()?, before.expose_str()?.trim_end()));
        key_file::replace(path, &both)?;
        self.store.rotate(&key_source::parse(&self.source, &both)?).await.map(Rotated::New)
    }

    /// Calls the store, and once more with reloaded keys if they were rotated.
    async fn with_reload<'a, T>(
        &'a self,
        call: impl Fn(&'a dyn CredentialStore) -> BoxFuture<'a, Result<T>> + Send + Sync,
    ) -> Result<T> {
        let reloads = self.reloads.load(Ordering::Acquire);
        match call(self.store.store()).await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload(reloads).await => {
                call(self.store.store()).await
            }
            result => result,
        }
    }

    /// Reads the keys again. Returns whether there are other keys than after that number of
    /// reloads.
    async fn reload(&self, reloads: u64) -> bool {
        let mut known = self.read.lock().await;
        if self.reloads.load(Ordering::Acquire) != reloads {
            // Another call reloaded them meanwhile.
            return true;
        }
        let reloaded = async {
            let now = key_source::read(&self.source)?;
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
                    "cannot take the key of the credentials anew: {}",
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
