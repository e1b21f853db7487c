//! The sealed store: index, envelope and keys over a [`BlobStore`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
use sha2::{Digest as _, Sha256};

use crate::blocking::spawn_blocking;
use crate::keys::{Derivation, KeyRing, Keys};
use crate::sealed::blob_store::{BlobStore, Change, RecordId, SealedIndex};
use crate::sealed::envelope::{self, Context, Fault};
use crate::sealed::error::{INDEX, corrupt, corrupt_record, too_many_conflicts};
use crate::sealed::index::{Entry, Index};

/// Maximum number of attempts at one operation that other writers overtake. Storage that rejects
/// more attempts is considered broken.
pub(super) const MAX_ATTEMPTS: usize = 1_000;

/// A credential store that encrypts all data before it passes the data to its [`BlobStore`].
#[derive(Debug)]
pub(crate) struct Sealed<S> {
    blobs: S,
    namespace: String,
    ring: RwLock<Arc<KeyRing>>,
    /// The newest index that was read, encrypted and decrypted.
    newest: Mutex<Option<(SealedIndex, Arc<Index>)>>,
    /// A lock that admits one writer of this process at a time, so that writers do not overtake
    /// each other. It holds the number of encryptions that no index has counted yet.
    pub(super) writing: tokio::sync::Mutex<u64>,
}

impl<S: BlobStore> Sealed<S> {
    /// Opens the store, checks that the keys open it, and removes records that dead writers left.
    pub(crate) async fn open(blobs: S, namespace: &str, keys: &Keys) -> Result<Self> {
        let ring = ring(&blobs, keys).await?;
        let sealed = Self {
            blobs,
            namespace: namespace.to_owned(),
            ring: RwLock::new(Arc::new(ring)),
            newest: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        // Creates the index of a new store. Storage has no index only if nothing was written yet.
        sealed.change(|index, _, _| Ok((index.counter == 0).then(Plan::default))).await?;
        if let (Some(sealed_index), index) = sealed.index().await? {
            let entries = index.records.iter();
            let live = entries.map(|(key, entry)| sealed.record_id(key, entry.version)).collect();
            sealed.blobs.remove_unlisted(sealed_index, live).await?;
        }
        Ok(sealed)
    }

    /// Adds `keys` to the keys that the store reads with. Later writes use the first of them.
    pub(crate) async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.adopt_checked(keys).await.map(drop)
    }

    /// Adopts `keys` as [`adopt`](Self::adopt) does. Returns a ring of only `keys`.
    pub(super) async fn adopt_checked(&self, keys: &Keys) -> Result<KeyRing> {
        let new = ring(&self.blobs, keys).await?;
        if let Some(sealed_index) = self.blobs.index().await? {
            Index::open(&new, &self.namespace, &sealed_index)
                .map_err(|fault| corrupt(INDEX, &fault))?;
        }
        // Some records can still be under previous keys.
        let both = new.and(&self.ring());
        self.set_ring(both).await;
        Ok(new)
    }

    /// Replaces the keys when no write is in progress.
    pub(super) async fn set_ring(&self, ring: KeyRing) {
        // A write must use the same ring from its beginning to its end.
        let _writing = self.writing.lock().await;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Returns the current keys.
    pub(super) fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the id under which a version of a credential is stored.
    pub(super) fn record_id(&self, key: &CredentialKey, version: u64) -> RecordId {
        let mut name = Sha256::new();
        for part in ["ccc/v1/place", &self.namespace, key.as_str()] {
            name.update((part.len() as u64).to_be_bytes());
            name.update(part);
        }
        RecordId { name: name.finalize().into(), version }
    }

    /// Returns the context that a version of a credential is sealed with.
    pub(super) fn context<'a>(&'a self, key: &'a CredentialKey, version: u64) -> Context<'a> {
        Context { namespace: &self.namespace, name: key.as_str(), version }
    }

    /// Returns the current index, encrypted and decrypted.
    pub(super) async fn index(&self) -> Result<(Option<SealedIndex>, Arc<Index>)> {
        // The known counter is read before the index: a concurrent read can learn of a newer index
        // in the meantime, and that does not make this one outdated.
        let known = self.newest().as_ref().map(|(_, index)| index.counter);
        let Some(sealed_index) = self.blobs.index().await? else {
            return match known {
                None => Ok((None, Arc::default())),
                Some(_) => Err(corrupt(INDEX, &Fault::Gone)),
            };
        };
        let ring = self.ring();
        let mut newest = self.newest();
        let index = match &*newest {
            Some((same, index)) if *same == sealed_index => Arc::clone(index),
            _ => Index::open(&ring, &self.namespace, &sealed_index)
                .map(Arc::new)
                .map_err(|fault| corrupt(INDEX, &fault))?,
        };
        if known.is_some_and(|known| index.counter < known) {
            return Err(corrupt(INDEX, &Fault::Authentication));
        }
        learn(&mut newest, &sealed_index, &index);
        Ok((Some(sealed_index), index))
    }

    fn newest(&self) -> MutexGuard<'_, Option<(SealedIndex, Arc<Index>)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the newest record of a credential, encrypted.
    pub(super) async fn read(&self, key: &CredentialKey) -> Result<Option<(Entry, Vec<u8>)>> {
        for _ in 0..MAX_ATTEMPTS {
            let (sealed_index, index) = self.index().await?;
            let Some(entry) = index.records.get(key) else { return Ok(None) };
            let record = self.blobs.record(self.record_id(key, entry.version)).await?;
            let fault = match record {
                Some(record) if envelope::fingerprint(&record) == entry.fingerprint => {
                    return Ok(Some((entry.clone(), record)));
                }
                Some(record) => envelope::key_id(&record).err().unwrap_or(Fault::Authentication),
                None => Fault::Gone,
            };
            // The record can have been replaced since the index was read.
            if self.blobs.index().await? == sealed_index {
                return Err(corrupt_record(key, &fault));
            }
        }
        Err(too_many_conflicts())
    }

    /// Applies the change that `plan` returns for the decrypted index, the encrypted index and the
    /// keys. Returns `false`, without effect, if `plan` returns `None`.
    pub(super) async fn change(
        &self,
        mut plan: impl FnMut(&Index, Option<&[u8]>, &KeyRing) -> Result<Option<Plan>> + Send,
    ) -> Result<bool> {
        let mut uncounted = self.writing.lock().await;
        let ring = self.ring();
        for _ in 0..MAX_ATTEMPTS {
            let (from, index) = self.index().await?;
            let Some(plan) = plan(&index, from.as_deref(), &ring)? else { return Ok(false) };
            *uncounted += 1 + u64::from(plan.put.is_some());
            let mut next = (*index).clone();
            if let Some((key, entry)) = plan.entry {
                next.set(key, entry);
            }
            let sealed_index: SealedIndex =
                next.seal_next(&ring, &self.namespace, *uncounted)?.into();
            let index = Arc::clone(&sealed_index);
            let change = Change { from, index, put: plan.put, remove: plan.remove };
            if self.blobs.write(Arc::new(change)).await? {
                *uncounted = 0;
                learn(&mut self.newest(), &sealed_index, &Arc::new(next));
                return Ok(true);
            }
        }
        Err(too_many_conflicts())
    }
}

/// Remembers an index if it is newer than the known one.
fn learn(
    newest: &mut Option<(SealedIndex, Arc<Index>)>,
    sealed_index: &SealedIndex,
    index: &Arc<Index>,
) {
    if newest.as_ref().is_none_or(|(_, newest)| newest.counter < index.counter) {
        *newest = Some((Arc::clone(sealed_index), Arc::clone(index)));
    }
}

/// The part of a write that depends on the index.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) put: Option<(RecordId, Vec<u8>)>,
    pub(super) remove: Option<RecordId>,
    /// The new entry of a name in the index. An inner `None` deletes the name.
    pub(super) entry: Option<(CredentialKey, Option<Entry>)>,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<S: BlobStore> CredentialStore for Sealed<S> {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let Some((entry, record)) = self.read(key).await? else { return Ok(None) };
        let secret = envelope::open(&self.ring(), &self.context(key, entry.version), &record);
        let secret = secret.map_err(|fault| corrupt_record(key, &fault))?;
        Ok(Some(StoredSecret { secret, version: Version(entry.version) }))
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        let mut version = 1;
        let written = self.change(|index, _, ring| {
            let there = index.records.get(key);
            let holds = match precondition {
                Precondition::None => true,
                Precondition::Absent => there.is_none(),
                Precondition::Version(wanted) => {
                    there.is_some_and(|entry| entry.version == wanted.0)
                }
            };
            if !holds {
                let line =
                    format!("the credential `{key}` has changed or already exists: read it again, then retry");
                return Err(Error::new(ErrorKind::Conflict, line));
            }
            version = index.next_version(key);
            let record = envelope::seal(ring, &self.context(key, version), secret.expose());
            let record = record.map_err(|fault| corrupt_record(key, &fault))?;
            let entry = Entry { version, fingerprint: envelope::fingerprint(&record) };
            Ok(Some(Plan {
                put: Some((self.record_id(key, version), record)),
                remove: there.map(|entry| self.record_id(key, entry.version)),
                entry: Some((key.clone(), Some(entry))),
            }))
        });
        written.await.map_err(|error| error.with_operation("credential_store.put"))?;
        Ok(Version(version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        let deleted = self.change(|index, _, _| {
            Ok(index.records.get(key).map(|entry| Plan {
                remove: Some(self.record_id(key, entry.version)),
                entry: Some((key.clone(), None)),
                put: None,
            }))
        });
        deleted.await.map(drop).map_err(|error| error.with_operation("credential_store.delete"))
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let (_, index) = self.index().await?;
        Ok(index.records.keys().cloned().collect())
    }
}

/// Derives the ring of `keys`, with the salt of the store if there is a passphrase among them.
async fn ring(blobs: &impl BlobStore, keys: &Keys) -> Result<KeyRing> {
    if !keys.need_derivation() {
        return keys.ring(None);
    }
    let stored = blobs.init_derivation(Derivation::new()?.to_string()).await?.parse()?;
    let keys = keys.clone();
    spawn_blocking(move || keys.ring(Some(&stored))).await
}
