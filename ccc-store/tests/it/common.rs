use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Result, Secret, SystemClock, async_trait};
use ccc_store::durable_object::{Channel, Rows, answer};
use ccc_store::{DurableObjectCredentialStore, Keys};
use tempfile::TempDir;

/// What must be seen nowhere.
pub(crate) const CANARY: &str = "hunter2-canary-in-the-store";

pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// A key for each number, the active one first.
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

/// Two stores on one thing, as two processes have them, and each call goes to the other one in turn.
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

mod rows;

use rows::Kept;

/// An object as Cloudflare hosts it: what a message does happens at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Arc<Mutex<Kept>>);

impl Object {
    pub(crate) async fn store(&self, keys: &Keys) -> DurableObjectCredentialStore {
        let clock = Arc::new(SystemClock);
        DurableObjectCredentialStore::open(self.clone(), clock, keys).await.unwrap()
    }

    /// All that it keeps, as text as far as it is.
    pub(crate) fn shown(&self) -> String {
        let kept = self.0.lock().unwrap();
        let rows = kept.0.borrow();
        rows.iter()
            .map(|(name, row)| format!("{name} {}\n", String::from_utf8_lossy(row)))
            .collect()
    }
}

#[async_trait]
impl Channel for Object {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        Ok(answer(&*self.0.lock().unwrap(), &message, None)?.unwrap())
    }
}
