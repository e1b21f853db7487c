//! The store that the configuration names, opened with its key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{
    Clock as _, CredentialKey, CredentialStore, Error, ErrorKind, Result, RunId, Secret,
    SystemClock, async_trait,
};
use ccc_store::durable_object::HttpsChannel;
use ccc_store::{DurableObjectCredentialStore, FileCredentialStore, Keys, MemoryCredentialStore};
use futures_util::future::BoxFuture;

use crate::Config;
use crate::config::KeyPlace;

mod key_file;

/// The credentials of this installation.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] names the setting that is missing or wrong; those of the store.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn CredentialStore>> {
    match config.store.kind.as_str() {
        "memory" => Ok(Arc::new(MemoryCredentialStore::default())),
        _ => Ok(Arc::new(KeptStore::open(config).await?)),
    }
}

/// The same, where there is one: looking makes none.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_existing(config: &Config) -> Result<Option<Arc<dyn CredentialStore>>> {
    let data_dir = config.data_dir()?;
    let place = config.store.key_place(&data_dir)?;
    let made = match &place {
        KeyPlace::File { path, may_be_made: true } => fs::symlink_metadata(path).is_ok(),
        _ => true,
    };
    let there = match config.store.kind.as_str() {
        "file" => made || index(config, &data_dir).exists(),
        "memory" => false,
        _ => true,
    };
    if there { open(config).await.map(Some) } else { Ok(None) }
}

/// What is there as soon as a store in files has anything.
fn index(config: &Config, data_dir: &Path) -> PathBuf {
    directory(config, data_dir).join("index")
}

fn directory(config: &Config, data_dir: &Path) -> PathBuf {
    config.store.directory.clone().unwrap_or_else(|| data_dir.join("credentials"))
}

/// Who holds what is under way here: the name of this data directory, which is made with it.
pub(crate) fn holder(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("holder");
    // One that was torn is as good as none.
    if let Some(known) =
        fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<RunId>().ok())
    {
        return Ok(known.to_string());
    }
    if path.exists() {
        tracing::warn!(
            "{} does not read: a new one is made, and what an earlier process held is not known any more",
            path.display()
        );
    }
    let made = RunId::new(SystemClock.now())?.to_string();
    key_file::put(&path, &made).map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("cannot write {}", path.display()))
            .with_source(e)
    })?;
    Ok(made)
}

/// A store that lasts, and that goes on when somebody puts it under another key.
#[derive(Debug)]
pub(crate) struct KeptStore {
    inner: Inner,
    place: KeyPlace,
    /// The keys as they were read last.
    read: tokio::sync::Mutex<Secret>,
    /// How often other keys were taken.
    taken: AtomicU64,
}

#[derive(Debug)]
enum Inner {
    File(FileCredentialStore),
    Object(DurableObjectCredentialStore),
}

impl Inner {
    fn store(&self) -> &dyn CredentialStore {
        match self {
            Self::File(store) => store,
            Self::Object(store) => store,
        }
    }

    async fn adopt(&self, keys: &Keys) -> Result<()> {
        match self {
            Self::File(store) => store.adopt(keys).await,
            Self::Object(store) => store.adopt(keys).await,
        }
    }

    async fn rotate(&self, keys: &Keys) -> Result<usize> {
        match self {
            Self::File(store) => store.rotate(keys).await,
            Self::Object(store) => store.rotate(keys).await,
        }
    }
}

/// What [`KeptStore::rotate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// So many credentials are under a key that was made for it.
    New(usize),
    /// So many are under the first of the keys that were there: they were not, by then.
    First(usize),
}

impl KeptStore {
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let (settings, data_dir) = (&config.store, config.data_dir()?);
        let directory = directory(config, &data_dir);
        let place = settings.key_place(&data_dir)?;
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
        if let KeyPlace::File { path, may_be_made: true } = &place
            && fs::symlink_metadata(path).is_err()
        {
            if !is_file || directory.join("index").exists() {
                let line = format!(
                    "the key of the credentials is not at {}: bring it back, name its place in store.key_file or, for \
                     a new store, make one with `ccc keygen`",
                    path.display()
                );
                return Err(Error::new(ErrorKind::NotFound, line));
            }
            if key_file::make(path, &Keys::generate()?)? {
                tracing::warn!(
                    "made a key for the credentials: {}. Keep a copy of it, apart from one of the data directory",
                    path.display()
                );
            }
        }
        let mut known = read(&place)?;
        let inner = loop {
            match open_inner(config, is_file.then_some(&directory), &keys(&place, &known)?).await {
                Ok(inner) => break inner,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    // Somebody may have put it under another key since.
                    let now = read(&place)?;
                    if now.expose() == known.expose() {
                        return Err(error);
                    }
                    known = now;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Self { inner, place, read: tokio::sync::Mutex::new(known), taken: AtomicU64::new(0) })
    }

    /// Puts everything under a new key, which is made where the key is in a file of its own. Where not everything is
    /// under the first of the keys that are there, it is put under that one, and none is made: somebody began, or
    /// gave the new key out before.
    pub(crate) async fn rotate(&self) -> Result<Rotated> {
        if matches!(self.place, KeyPlace::Passphrase(_)) {
            let line = "a store under a passphrase stays under it: make another store, and keep the App there";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        // Nobody else changes the file from the first look at it to the end.
        let _held = match &self.place {
            KeyPlace::File { path, .. } => Some(key_file::hold(path)?),
            _ => None,
        };
        let before = read(&self.place)?;
        let first = self.inner.rotate(&keys(&self.place, &before)?).await?;
        let KeyPlace::File { path, .. } = &self.place else { return Ok(Rotated::First(first)) };
        if first > 0 {
            return Ok(Rotated::First(first));
        }
        let new = Keys::generate()?;
        // The old one stays, after it: a service that goes on needs both, and so do copies of the store.
        let both =
            Secret::from(format!("{}\n{}", new.expose_str()?, before.expose_str()?.trim_end()));
        key_file::replace(path, &both)?;
        self.inner.rotate(&keys(&self.place, &both)?).await.map(Rotated::New)
    }

    /// Does something; once more where that shows that there are other keys by now.
    async fn again<'a, T>(
        &'a self,
        act: impl Fn(&'a dyn CredentialStore) -> BoxFuture<'a, Result<T>> + Send + Sync,
    ) -> Result<T> {
        let taken = self.taken.load(Ordering::Acquire);
        match act(self.inner.store()).await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload(taken).await => {
                act(self.inner.store()).await
            }
            done => done,
        }
    }

    /// Whether there are other keys than those that were taken then.
    async fn reload(&self, then: u64) -> bool {
        let mut known = self.read.lock().await;
        if self.taken.load(Ordering::Acquire) != then {
            // Somebody else who met the same took them.
            return true;
        }
        let taken = async {
            let now = read(&self.place)?;
            if now.expose() == known.expose() {
                return Ok(false);
            }
            self.inner.adopt(&keys(&self.place, &now)?).await?;
            *known = now;
            self.taken.fetch_add(1, Ordering::Release);
            Ok::<_, Error>(true)
        };
        match taken.await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!("cannot take the key of the credentials anew: {error}");
                false
            }
        }
    }
}

#[async_trait]
impl CredentialStore for KeptStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        self.again(|store| store.get(key)).await
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        self.again(|store| store.put(key, secret, precondition)).await
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.again(|store| store.delete(key)).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        self.again(|store| store.list()).await
    }
}

/// In that directory, or else in the object.
async fn open_inner(config: &Config, directory: Option<&PathBuf>, keys: &Keys) -> Result<Inner> {
    if let Some(directory) = directory {
        return FileCredentialStore::open(directory.clone(), keys).await.map(Inner::File);
    }
    let settings = &config.store;
    let missing = || Error::new(ErrorKind::InvalidInput, "set store.url, or CCC_STORE__URL");
    let url = settings.url.as_deref().ok_or_else(missing)?;
    let clock = Arc::new(SystemClock);
    let channel = HttpsChannel::new(url, &settings.secret()?, Arc::clone(&clock) as _)?;
    DurableObjectCredentialStore::open(channel, clock, keys).await.map(Inner::Object)
}

fn read(place: &KeyPlace) -> Result<Secret> {
    match place {
        KeyPlace::Key(secret) | KeyPlace::Passphrase(secret) => Ok(secret.clone()),
        KeyPlace::File { path, .. } => key_file::read(path),
    }
}

fn keys(place: &KeyPlace, read: &Secret) -> Result<Keys> {
    match place {
        KeyPlace::Passphrase(_) => Keys::passphrase(read),
        KeyPlace::Key(_) => Keys::parse(read),
        KeyPlace::File { path, .. } => Keys::parse(read).map_err(|error| {
            let line = format!("the key in {} does not read: {error}", path.display());
            Error::new(error.kind(), line)
        }),
    }
}

#[cfg(test)]
mod tests;
