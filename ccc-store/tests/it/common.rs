use std::sync::atomic::{AtomicUsize, Ordering};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Result, Secret, async_trait};
use ccc_store::Keys;

#[cfg(feature = "durable-object")]
mod object;

#[cfg(feature = "durable-object")]
pub(crate) use object::Object;

/// A secret that must not appear anywhere.
pub(crate) const CANARY: &str = "hunter2-canary-in-the-store";

#[cfg(feature = "file")]
pub(crate) fn directory() -> tempfile::TempDir {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// Returns one key for each number, the active key first.
pub(crate) fn keys(numbers: &[u8]) -> Keys {
    let key = |number: &u8| hex::encode([&[*number; 31][..], &[0]].concat());
    let lines: Vec<String> = numbers.iter().map(key).collect();
    Keys::parse(&Secret::from(lines.join("\n"))).unwrap()
}

pub(crate) fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

pub(crate) async fn put(store: &impl CredentialStore, name: &str, value: &str) -> Version {
    store.put(&key(name), &Secret::from(value), Precondition::None).await.unwrap()
}

pub(crate) async fn get(store: &impl CredentialStore, name: &str) -> Option<String> {
    let stored = store.get(&key(name)).await.unwrap();
    stored.map(|stored| stored.secret.expose_str().unwrap().to_owned())
}

/// Two stores on the same storage, as in two processes. The calls alternate between them.
#[derive(Debug)]
pub(crate) struct Turns<S> {
    stores: [S; 2],
    calls: AtomicUsize,
}

impl<S> Turns<S> {
    pub(crate) async fn open(open: impl AsyncFn() -> S) -> Self {
        Self { stores: [open().await, open().await], calls: AtomicUsize::new(0) }
    }

    fn next(&self) -> &S {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl<S: CredentialStore> CredentialStore for Turns<S> {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        self.next().get(key).await
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        self.next().put(key, secret, precondition).await
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.next().delete(key).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        self.next().list().await
    }
}
