//! The credential store under test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::sync::Arc;

use crate::Secret;
use crate::credential::{CredentialKey, CredentialStore, Precondition, Version};
use crate::testing::conformance::KeepAlive;

/// The credential store under test. The store is empty, and no other test uses the store.
#[derive(Debug)]
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn CredentialStore>,
    owned: KeepAlive,
}

impl Fixture {
    /// Creates a fixture for an empty store.
    pub fn new(store: impl CredentialStore) -> Self {
        Self { store: Arc::new(store), owned: KeepAlive::default() }
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    pub(super) async fn put(&self, key: &str, secret: &[u8]) -> Version {
        let (key, secret) = (name(key), Secret::new(secret));
        self.store
            .put(&key, &secret, Precondition::None)
            .await
            .expect("an unconditional `put` must succeed")
    }

    pub(super) async fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let stored = self.store.get(&name(key)).await.expect("`get` must succeed");
        stored.map(|stored| (stored.secret.expose().to_vec(), stored.version))
    }

    pub(super) async fn list(&self) -> Vec<CredentialKey> {
        self.store.list().await.expect("`list` must succeed")
    }
}

pub(super) fn name(key: &str) -> CredentialKey {
    CredentialKey::new(key).expect("the suite must use valid keys")
}
