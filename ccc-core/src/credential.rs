//! The credential store port: secrets and their versions, by key.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use crate::id::CredentialKey;
use crate::{Result, Secret};

/// The version of one record in a credential store.
///
/// The first write under a key usually creates version 1. If any record of the store was deleted
/// earlier, the first version under a key can be higher. Each further write under the key
/// increases the version by 1. A key never gets the same version twice, even if its record is
/// deleted and written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// The condition under which [`CredentialStore::put`] writes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// No condition: an existing record is replaced, whatever its version is.
    None,
    /// The store must have no record under the key.
    Absent,
    /// The stored record must have this version.
    Version(Version),
}

/// A secret and the version of its record.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// The stored secret.
    pub secret: Secret,
    /// The record's version. A later `put` with this version as [`Precondition::Version`] fails if
    /// the record has changed since it was read.
    pub version: Version,
}

/// A store of secrets, each under a key.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. After two concurrent
/// writes to one key, the store has one of the two complete values. A write that returned `Ok` is
/// as durable as the adapter's documentation states.
///
/// If a record exists but cannot be read, the store returns the error
/// [`Corrupt`](crate::ErrorKind::Corrupt). The store never reports such a record as absent, never
/// deletes it by itself, and never returns a guessed value for it.
///
/// No `Debug` output, error message or log line of an adapter contains a secret.
///
/// # Call order
/// The methods can be called in any order.
///
/// # Errors
/// Every method can return [`Corrupt`](crate::ErrorKind::Corrupt) for stored data that cannot be
/// read, and [`Unavailable`](crate::ErrorKind::Unavailable) if the same call can succeed later.
///
/// # Cancellation
/// The caller can drop the future of any call. A write whose future is dropped then has either its
/// full effect or no effect.
///
/// # Examples
///
/// A store in memory. The conformance suite tests this store.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use ccc_core::credential::{Precondition, StoredSecret, Version};
/// use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
/// use tokio::sync::Mutex;
///
/// /// The newest version of each key, and the secret, which is `None` after a deletion.
/// #[derive(Debug, Default)]
/// struct MapStore(Mutex<BTreeMap<CredentialKey, (u64, Option<Secret>)>>);
///
/// #[async_trait]
/// impl CredentialStore for MapStore {
///     async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
///         let (version, secret) = self.0.lock().await.get(key).cloned().unwrap_or_default();
///         Ok(secret.map(|secret| StoredSecret { secret, version: Version(version) }))
///     }
///
///     async fn put(
///         &self,
///         key: &CredentialKey,
///         new: &Secret,
///         precondition: Precondition,
///     ) -> Result<Version> {
///         let mut records = self.0.lock().await;
///         let (version, secret) = records.entry(key.clone()).or_default();
///         let holds = match precondition {
///             Precondition::None => true,
///             Precondition::Absent => secret.is_none(),
///             Precondition::Version(expected) => secret.is_some() && expected.0 == *version,
///         };
///         if !holds {
///             return Err(Error::new(ErrorKind::Conflict, format!("`{key}` has changed")));
///         }
///         (*version, *secret) = (*version + 1, Some(new.clone()));
///         Ok(Version(*version))
///     }
///
///     async fn delete(&self, key: &CredentialKey) -> Result<()> {
///         // The version stays, because it must not be used again.
///         if let Some((_, secret)) = self.0.lock().await.get_mut(key) {
///             *secret = None;
///         }
///         Ok(())
///     }
///
///     async fn list(&self) -> Result<Vec<CredentialKey>> {
///         let records = self.0.lock().await;
///         let present = records.iter().filter(|(_, (_, secret))| secret.is_some());
///         Ok(present.map(|(key, _)| key.clone()).collect())
///     }
/// }
///
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::conformance::credential_store::Fixture;
///
/// ccc_core::credential_store_conformance!(@run async || Fixture::new(MapStore::default())).await;
/// # }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait CredentialStore: Debug + Send + Sync + 'static {
    /// Returns the secret under `key` and its version, or `None` if there is no record.
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>>;

    /// Stores `secret` under `key` if the record under `key` meets `precondition`. Returns the new
    /// version of the record, which is higher than every earlier version of `key`, including the
    /// versions of a deleted record. See [`Version`].
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the record does not meet `precondition`. In this
    /// case, nothing is written.
    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version>;

    /// Deletes the record under `key`. If there is no such record, the result is also `Ok`, so that
    /// the caller can repeat the call after an error. A later [`put`](Self::put) under `key` must
    /// not use one of the deleted record's versions again.
    async fn delete(&self, key: &CredentialKey) -> Result<()>;

    /// Returns the sorted keys of all records, without the secrets.
    async fn list(&self) -> Result<Vec<CredentialKey>>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: CredentialStore + ?Sized> CredentialStore for Arc<T> {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        (**self).get(key).await
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        (**self).put(key, secret, precondition).await
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        (**self).delete(key).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        (**self).list().await
    }
}
