//! A credential store in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};

/// A [`CredentialStore`] in memory. Credentials are unencrypted, and are lost when the process
/// ends. The store is meant for tests, for demos, and for programs that read their secrets from
/// environment variables at every start.
#[derive(Debug, Default)]
pub struct MemoryCredentialStore {
    records: Mutex<BTreeMap<CredentialKey, Record>>,
}

#[derive(Debug, Default)]
struct Record {
    /// The version of the newest write. A deletion does not reset this number, because no version
    /// may be used twice.
    version: u64,
    secret: Option<Secret>,
}

impl MemoryCredentialStore {
    fn records(&self) -> MutexGuard<'_, BTreeMap<CredentialKey, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl CredentialStore for MemoryCredentialStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        Ok(self.records().get(key).and_then(|record| {
            let secret = record.secret.clone()?;
            Some(StoredSecret { secret, version: Version(record.version) })
        }))
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        let mut records = self.records();
        let record = records.entry(key.clone()).or_default();
        let holds = match precondition {
            Precondition::None => true,
            Precondition::Absent => record.secret.is_none(),
            Precondition::Version(version) => {
                record.secret.is_some() && version.0 == record.version
            }
        };
        if !holds {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the credential `{key}` was created, changed or deleted in the meantime: read the credential again, then retry"
                ),
            )
            .with_operation("credential_store.put"));
        }
        record.version += 1;
        record.secret = Some(secret.clone());
        Ok(Version(record.version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        if let Some(record) = self.records().get_mut(key) {
            record.secret = None;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let records = self.records();
        Ok(records
            .iter()
            .filter(|(_, record)| record.secret.is_some())
            .map(|(key, _)| key.clone())
            .collect())
    }
}
