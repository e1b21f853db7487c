//! A program with its own credential store. The store passes the conformance suite of `ccc-core`
//! for credential stores.
//!
//! ```sh
//! cargo run -p ccc-embed --bin custom_store
//! cargo test -p ccc-embed custom_store
//! ```
use std::collections::BTreeMap;

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
use tokio::sync::Mutex;

/// A credential store in memory. A deleted credential stays in the map as a version without a
/// secret, because a store must not use the same version number twice for a credential.
#[derive(Debug, Default)]
struct MapStore(Mutex<BTreeMap<CredentialKey, (u64, Option<Secret>)>>);

#[async_trait]
impl CredentialStore for MapStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let (version, secret) = self.0.lock().await.get(key).cloned().unwrap_or_default();
        Ok(secret.map(|secret| StoredSecret { secret, version: Version(version) }))
    }

    async fn put(&self, key: &CredentialKey, new: &Secret, only: Precondition) -> Result<Version> {
        let mut records = self.0.lock().await;
        let (version, secret) = records.entry(key.clone()).or_default();
        let holds = match only {
            Precondition::None => true,
            Precondition::Absent => secret.is_none(),
            Precondition::Version(expected) => secret.is_some() && expected.0 == *version,
        };
        if !holds {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("the credential `{key}` was changed by another write"),
            ));
        }
        (*version, *secret) = (*version + 1, Some(new.clone()));
        Ok(Version(*version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        if let Some((_, secret)) = self.0.lock().await.get_mut(key) {
            *secret = None;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let records = self.0.lock().await;
        let present = records.iter().filter(|(_, (_, secret))| secret.is_some());
        Ok(present.map(|(key, _)| key.clone()).collect())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = MapStore::default();
    let key = CredentialKey::new("model/api-key")?;
    let version = store.put(&key, &Secret::from("secret"), Precondition::Absent).await?;
    println!("{key} {version:?} {:?}", store.get(&key).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ccc_core::testing::conformance::credential_store::Fixture;

    ccc_core::credential_store_conformance!(async || Fixture::new(super::MapStore::default()));
}
