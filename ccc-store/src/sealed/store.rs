//! A credential store that stores encrypted records and an encrypted index in a [`BlobStore`].

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

/// Maximum number of attempts at one operation. An attempt fails if another writer changes the
/// index in the meantime. If even the last attempt fails, the storage is considered broken.
pub(super) const MAX_ATTEMPTS: usize = 1_000;

/// A credential store that encrypts all data before it passes the data to its [`BlobStore`].
#[derive(Debug)]
pub(crate) struct Sealed<S> {
    blobs: S,
    namespace: String,
    ring: RwLock<Arc<KeyRing>>,
    /// The newest index that was read, in its encrypted and its decrypted form.
    newest: Mutex<Option<(SealedIndex, Arc<Index>)>>,
    /// A lock that admits one writer of this process at a time, because concurrent writes would
    /// make each other fail and start again. The locked value is the number of encryptions that no
    /// stored index has counted yet.
    pub(super) writing: tokio::sync::Mutex<u64>,
}

impl<S: BlobStore> Sealed<S> {
    /// Opens the store in `blobs`: checks that `keys` decrypt the index, and removes the records of
    /// interrupted writes, which the index does not contain.
    pub(crate) async fn open(blobs: S, namespace: &str, keys: &Keys) -> Result<Self> {
        let ring = ring(&blobs, keys).await?;
        let sealed = Self {
            blobs,
            namespace: namespace.to_owned(),
            ring: RwLock::new(Arc::new(ring)),
            newest: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        // A counter of 0 means that the storage has no index. It never had one, because an index is
        // never removed: the store is new, and this write creates its index.
        sealed.change(|index, _, _| Ok((index.counter == 0).then(Plan::default))).await?;
        if let (Some(sealed_index), index) = sealed.index().await? {
            let entries = index.records.iter();
            let live = entries.map(|(key, entry)| sealed.record_id(key, entry.version)).collect();
            sealed.blobs.remove_unlisted(sealed_index, live).await?;
        }
        Ok(sealed)
    }

    /// Adds `keys` to the keys of the store, if `keys` decrypt the index. Later writes use the
    /// first key of `keys`. All other keys only decrypt.
    pub(crate) async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.adopt_checked(keys).await.map(drop)
    }

    /// Does the same as [`adopt`](Self::adopt), and also returns a ring that contains only `keys`.
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

    /// Waits until no write is in progress, and then replaces the keys of the store with `ring`.
    pub(super) async fn set_ring(&self, ring: KeyRing) {
        // A write must use the same ring from its beginning to its end.
        let _writing = self.writing.lock().await;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Returns the current keys of the store.
    pub(super) fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the id under which the version `version` of the credential `key` is stored.
    pub(super) fn record_id(&self, key: &CredentialKey, version: u64) -> RecordId {
        let mut name = Sha256::new();
        for part in ["ccc/v1/place", &self.namespace, key.as_str()] {
            name.update((part.len() as u64).to_be_bytes());
            name.update(part);
        }
        RecordId { name: name.finalize().into(), version }
    }

    /// Returns the encryption context of the version `version` of the credential `key`.
    pub(super) fn context<'a>(&'a self, key: &'a CredentialKey, version: u64) -> Context<'a> {
        Context { namespace: &self.namespace, name: key.as_str(), version }
    }

    /// Reads the current index, and returns the index in encrypted and in decrypted form.
    pub(super) async fn index(&self) -> Result<(Option<SealedIndex>, Arc<Index>)> {
        // The known counter must be read before the index. Otherwise a concurrent call could read a
        // newer index in between, and this valid index would be reported as outdated.
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
        remember_newest(&mut newest, &sealed_index, &index);
        Ok((Some(sealed_index), index))
    }

    fn newest(&self) -> MutexGuard<'_, Option<(SealedIndex, Arc<Index>)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the index entry and the encrypted newest record of the credential `key`, or `None`
    /// if the credential does not exist.
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
            // Another writer can have replaced the record after the index was read.
            if self.blobs.index().await? == sealed_index {
                return Err(corrupt_record(key, &fault));
            }
        }
        Err(too_many_conflicts())
    }

    /// Calls `plan` with the decrypted index, the encrypted index and the keys, and writes the
    /// change that `plan` returns. Calls `plan` again if another writer has changed the index in
    /// the meantime. Returns `false`, without effect, if `plan` returns `None`.
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
                remember_newest(&mut self.newest(), &sealed_index, &Arc::new(next));
                return Ok(true);
            }
        }
        Err(too_many_conflicts())
    }
}

/// Replaces `newest` with `index` if `index` is newer.
fn remember_newest(
    newest: &mut Option<(SealedIndex, Arc<Index>)>,
    sealed_index: &SealedIndex,
    index: &Arc<Index>,
) {
    if newest.as_ref().is_none_or(|(_, newest)| newest.counter < index.counter) {
        *newest = Some((Arc::clone(sealed_index), Arc::clone(index)));
    }
}

/// A planned write: the record to add, the record to remove, and the change of the index.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) put: Option<(RecordId, Vec<u8>)>,
    pub(super) remove: Option<RecordId>,
    /// The name of a credential and its new entry in the index. If the entry is `None`, the name is
    /// deleted from the index.
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
                    format!("the credential `{key}` was created, changed or deleted in the meantime: read the credential again, then retry");
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

/// Derives the ring of `keys`. If one of the keys is a passphrase, reads the salt from `blobs`. If
/// `blobs` contains no salt, first stores a new salt there.
async fn ring(blobs: &impl BlobStore, keys: &Keys) -> Result<KeyRing> {
    if !keys.need_derivation() {
        return keys.ring(None);
    }
    let stored = blobs.init_derivation(Derivation::new()?.to_string()).await?.parse()?;
    let keys = keys.clone();
    spawn_blocking(move || keys.ring(Some(&stored))).await
}
