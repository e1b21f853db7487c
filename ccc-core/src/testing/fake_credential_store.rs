use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::credential::{CredentialKey, Precondition, StoredSecret, Version};
use crate::{CredentialStore, Error, ErrorKind, Result, Secret};

/// A credential store in memory.
#[derive(Debug, Default)]
pub struct FakeCredentialStore {
    /// The newest version and the secret of each key. The secret of a deleted record is `None`.
    records: Mutex<BTreeMap<CredentialKey, (u64, Option<Secret>)>>,
}

#[async_trait]
impl CredentialStore for FakeCredentialStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        Ok(match lock(&self.records).get(key) {
            Some((version, Some(secret))) => {
                Some(StoredSecret { secret: secret.clone(), version: Version(*version) })
            }
            _ => None,
        })
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        let mut records = lock(&self.records);
        let (version, stored) = records.entry(key.clone()).or_default();
        let holds = match precondition {
            Precondition::None => true,
            Precondition::Absent => stored.is_none(),
            Precondition::Version(expected) => stored.is_some() && expected.0 == *version,
        };
        if !holds {
            let line = format!(
                "the credential `{key}` has changed or already exists: read the credential, \
                 then retry"
            );
            return Err(Error::new(ErrorKind::Conflict, line));
        }
        *version += 1;
        *stored = Some(secret.clone());
        Ok(Version(*version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        // Retain the version, because the contract forbids using a version twice.
        if let Some((_, stored)) = lock(&self.records).get_mut(key) {
            *stored = None;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let records = lock(&self.records);
        let present = records.iter().filter(|(_, (_, stored))| stored.is_some());
        Ok(present.map(|(key, _)| key.clone()).collect())
    }
}
