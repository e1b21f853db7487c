//! The port behind which secrets rest.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use crate::id::CredentialKey;
use crate::{Result, Secret};

/// The version of one record: 1 for the first write, or more where something was deleted before; one more for each
/// write after it; never used twice for the same name, not even after a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// What a record must look like for a `put` to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is there is replaced.
    None,
    /// There must be no such record.
    Absent,
    /// The record must have this version.
    Version(Version),
}

/// A secret and the version it was read at.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// The secret.
    pub secret: Secret,
    /// Its version, for a later [`Precondition::Version`].
    pub version: Version,
}

/// Where secrets rest.
///
/// # Contract
/// Safe to share and to call from many tasks at once; of two concurrent writes to one name, one
/// whole value wins. A write that returned `Ok` is durable in the sense that the adapter's docs
/// state. A write whose future was dropped happened or did not; never half.
///
/// A record that is there and does not read back is [`Corrupt`](crate::ErrorKind::Corrupt): it is
/// never reported as absent, never deleted, never replaced by a guess. No secret is in any `Debug`,
/// error or log of an adapter.
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait CredentialStore: Debug + Send + Sync + 'static {
    /// The secret under `key`; `None` when there is none, which is no error.
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>>;

    /// Writes, and returns the version written. [`Conflict`](crate::ErrorKind::Conflict) when
    /// `precondition` does not hold: nothing was written then.
    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version>;

    /// Removes the record; `Ok` when there was none. May be called again after a failure.
    async fn delete(&self, key: &CredentialKey) -> Result<()>;

    /// The names, sorted; never a value.
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
