//! A credential store that reads the credentials from environment variables when it is created.
//! Later changes are stored in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};

/// The newest version number of a credential, and the secret. The secret is `None` if the
/// credential was deleted.
type Record = (u64, Option<Secret>);

/// A credential store in memory, which can be filled from environment variables.
#[derive(Debug, Default)]
pub struct EnvCredentialStore(Mutex<BTreeMap<CredentialKey, Record>>);

impl EnvCredentialStore {
    /// Creates a store with the values of environment variables. Each element of `variables` is a
    /// pair `(key, variable)`, such as `("model/api-key", "ANTHROPIC_API_KEY")`. A variable that is
    /// not set is ignored.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for an invalid credential key.
    pub fn from_env(variables: &[(&str, &str)]) -> Result<Self> {
        let store = Self::default();
        for (key, variable) in variables {
            if let Ok(value) = std::env::var(variable) {
                store.lock().insert(CredentialKey::new(*key)?, (1, Some(Secret::from(value))));
            }
        }
        Ok(store)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CredentialKey, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CredentialStore for EnvCredentialStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let Some((version, Some(secret))) = self.lock().get(key).cloned() else { return Ok(None) };
        Ok(Some(StoredSecret { secret, version: Version(version) }))
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        let mut records = self.lock();
        let (version, stored) = records.entry(key.clone()).or_default();
        let holds = match precondition {
            Precondition::None => true,
            Precondition::Absent => stored.is_none(),
            Precondition::Version(expected) => stored.is_some() && expected.0 == *version,
        };
        if !holds {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("the credential `{key}` was changed by another write"),
            ));
        }
        (*version, *stored) = (*version + 1, Some(secret.clone()));
        Ok(Version(*version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        // The version is not removed, because no version may be used twice.
        if let Some((_, stored)) = self.lock().get_mut(key) {
            *stored = None;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let present =
            |(key, record): (&CredentialKey, &Record)| record.1.as_ref().map(|_| key.clone());
        Ok(self.lock().iter().filter_map(present).collect())
    }
}
