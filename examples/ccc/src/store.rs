//! The store that the configuration names, opened with its key.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{
    CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, SystemClock, async_trait,
};
use ccc_store::durable_object::Remote;
use ccc_store::{DurableObjectCredentialStore, FileCredentialStore, Keys, MemoryCredentialStore};

use crate::Config;
use crate::config::KeyPlace;

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

/// A store that lasts, and that goes on when somebody puts it under another key.
#[derive(Debug)]
pub(crate) struct KeptStore {
    inner: Inner,
    place: KeyPlace,
    /// The keys as they were read last.
    read: Mutex<Secret>,
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

    async fn rotate(&self, keys: &Keys) -> Result<usize> {
        match self {
            Self::File(store) => store.rotate(keys).await,
            Self::Object(store) => store.rotate(keys).await,
        }
    }
}

impl KeptStore {
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let (settings, data_dir) = (&config.store, config.data_dir()?);
        let directory = settings.directory.clone().unwrap_or_else(|| data_dir.join("credentials"));
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
            && !path.exists()
        {
            if !is_file || directory.join("index").exists() {
                let line = format!(
                    "the key of the credentials is not at {}: bring it back, or name its place in store.key_file",
                    path.display()
                );
                return Err(Error::new(ErrorKind::NotFound, line));
            }
            write_key(path, &Keys::generate()?)?;
            tracing::warn!(
                "made a key for the credentials: {}. Keep a copy of it, apart from one of the data directory",
                path.display()
            );
        }
        let read = read_key(&place)?;
        let keys = keys(&place, &read)?;
        let inner = if is_file {
            Inner::File(FileCredentialStore::open(directory, &keys).await?)
        } else {
            let missing =
                || Error::new(ErrorKind::InvalidInput, "set store.url, or CCC_STORE__URL");
            let url = settings.url.as_deref().ok_or_else(missing)?;
            let clock = Arc::new(SystemClock);
            let remote = Remote::new(url, &settings.secret()?, Arc::clone(&clock) as _)?;
            Inner::Object(DurableObjectCredentialStore::open(remote, clock, &keys).await?)
        };
        Ok(Self { inner, place, read: Mutex::new(read) })
    }

    /// Puts everything under a new key, which is made where the key is in a file of its own; elsewhere under the
    /// first of those that are there. How many credentials that were.
    pub(crate) async fn rotate(&self) -> Result<usize> {
        let mut read = read_key(&self.place)?;
        if let KeyPlace::File { path, .. } = &self.place {
            let new = Keys::generate()?;
            // The old one stays, after it: a service that goes on needs both, and so do copies of the store.
            let both = format!("{}\n{}", new.expose_str()?, read.expose_str()?);
            read = Secret::from(both);
            write_key(path, &read)?;
        }
        let rotated = self.inner.rotate(&keys(&self.place, &read)?).await?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(rotated)
    }

    /// Takes other keys, when there are other ones by now.
    async fn reload(&self) -> bool {
        let Ok(read) = read_key(&self.place) else { return false };
        let same = |known: &Secret| known.expose() == read.expose();
        if same(&self.read.lock().unwrap_or_else(PoisonError::into_inner)) {
            return false;
        }
        let Ok(keys) = keys(&self.place, &read) else { return false };
        let taken = self.inner.rotate(&keys).await.is_ok();
        if taken {
            tracing::info!("took the new key of the credentials");
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        }
        taken
    }
}

#[async_trait]
impl CredentialStore for KeptStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        match self.inner.store().get(key).await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload().await => {
                self.inner.store().get(key).await
            }
            done => done,
        }
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        match self.inner.store().put(key, secret, precondition).await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload().await => {
                self.inner.store().put(key, secret, precondition).await
            }
            done => done,
        }
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        match self.inner.store().delete(key).await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload().await => {
                self.inner.store().delete(key).await
            }
            done => done,
        }
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        match self.inner.store().list().await {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.reload().await => {
                self.inner.store().list().await
            }
            done => done,
        }
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

fn read_key(place: &KeyPlace) -> Result<Secret> {
    let path = match place {
        KeyPlace::Key(secret) | KeyPlace::Passphrase(secret) => return Ok(secret.clone()),
        KeyPlace::File { path, .. } => path,
    };
    let failed = |e: io::Error| {
        let line = format!("cannot read the key of the credentials from {}", path.display());
        Error::new(ErrorKind::InvalidInput, line).with_source(e)
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o007 != 0 {
        tracing::warn!(
            "everybody on this machine can read the key of the credentials: chmod 600 {}",
            path.display()
        );
    }
    fs::read(path).map(Secret::new).map_err(failed)
}

/// Puts a key file in place, whole and for its owner alone.
fn write_key(path: &Path, key: &Secret) -> Result<()> {
    let written = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let _ = fs::remove_file(&new);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(key.expose())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(directory)?.sync_all()
    };
    written().map_err(|e| {
        let line = format!("cannot write the key of the credentials to {}", path.display());
        Error::new(ErrorKind::Unavailable, line).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn a_store_that_is_open_takes_the_key_that_another_process_made() {
        // spec: S11c
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: Some(dir.path().join("data")), ..Config::default() };
        let (ours, theirs) =
            (KeptStore::open(&config).await.unwrap(), KeptStore::open(&config).await.unwrap());
        let key = |name: &str| CredentialKey::new(name).unwrap();
        let put = async |store: &KeptStore, name: &str| {
            store.put(&key(name), &Secret::from(name), Precondition::None).await
        };
        put(&ours, "a").await.unwrap();
        for turn in 0..3 {
            assert!(theirs.rotate().await.unwrap() > 0, "{turn}");
            assert!(ours.get(&key("a")).await.unwrap().is_some(), "{turn}");
            assert!(theirs.rotate().await.unwrap() > 0, "{turn}");
            put(&ours, "b").await.unwrap();
            assert!(theirs.rotate().await.unwrap() > 0, "{turn}");
            assert_eq!(ours.list().await.unwrap().len(), 2, "{turn}");
        }
        // What is damaged stays damaged, and is said once.
        std::fs::write(dir.path().join("data/credentials/index"), "x").unwrap();
        let error = ours.get(&key("a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}
