//! The store that the cases are about.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::sync::Arc;

use crate::Secret;
use crate::credential::{CredentialKey, CredentialStore, Precondition, Version};
use crate::testing::conformance::Kept;

/// A store that is empty and that nobody else uses.
#[derive(Debug)]
pub struct Fixture {
    /// The store.
    pub store: Arc<dyn CredentialStore>,
    kept: Kept,
}

impl Fixture {
    /// An empty store.
    pub fn new(store: impl CredentialStore) -> Self {
        Self { store: Arc::new(store), kept: Kept::default() }
    }

    /// Keeps something for as long as the fixture is there.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.kept.push(thing);
        self
    }

    pub(super) async fn put(&self, key: &str, secret: &[u8]) -> Version {
        let (key, secret) = (name(key), Secret::new(secret));
        self.store.put(&key, &secret, Precondition::None).await.expect("an unconditional put")
    }

    pub(super) async fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let stored = self.store.get(&name(key)).await.expect("a get");
        stored.map(|stored| (stored.secret.expose().to_vec(), stored.version))
    }
}

pub(super) fn name(key: &str) -> CredentialKey {
    CredentialKey::new(key).expect("a name that the suite made")
}
