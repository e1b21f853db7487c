//! A credential store over anything that keeps bytes and can be trusted with none of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
use sha2::{Digest as _, Sha256};

mod aead;
mod envelope;
mod index;
mod port;
mod shelf;

pub(crate) use aead::KEY;
use envelope::{Context, Fault};
use index::{Entry, Index};
pub(crate) use port::store_over_a_shelf;
pub(crate) use shelf::{Change, Place, Rests, Shelf};

use crate::aside::aside;
use crate::keys::{Derivation, KeyRing, Keys};

/// How often somebody else may be quicker: a shelf that never lets us write is broken.
const TRIES: usize = 1_000;
/// How often a rotation goes through everything.
const PASSES: usize = 100;

/// The store: index, envelope and keys over a shelf.
#[derive(Debug)]
pub(crate) struct Sealed<S> {
    shelf: S,
    namespace: String,
    ring: RwLock<Arc<KeyRing>>,
    /// The newest index that was read, as it rests and as it is.
    newest: Mutex<Option<(Rests, Arc<Index>)>>,
    /// One writer at a time and each in its turn, the others would only find that it was quicker; and how many
    /// encryptions no index has counted yet.
    writing: tokio::sync::Mutex<u64>,
}

impl<S: Shelf> Sealed<S> {
    /// Opens the store, sees whether the keys are its keys, and removes what writers that died have left.
    pub(crate) async fn open(shelf: S, namespace: &str, keys: &Keys) -> Result<Self> {
        let ring = ring(&shelf, keys).await?;
        let sealed = Self {
            shelf,
            namespace: namespace.to_owned(),
            ring: RwLock::new(Arc::new(ring)),
            newest: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        // From the first record on there is an index: where none is, nothing was lost.
        sealed.change(|index, _, _| Ok((index.counter == 0).then(Plan::default))).await?;
        if let (Some(rests), index) = sealed.index().await? {
            let there = index.records.iter();
            let keep = there.map(|(key, entry)| sealed.place(key, entry.version)).collect();
            sealed.shelf.sweep(rests, keep).await?;
        }
        Ok(sealed)
    }

    /// Reads with these keys from now on, beside those that it had, and writes with the first of them.
    pub(crate) async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.checked(keys).await.map(drop)
    }

    /// Adopts the keys; the ring of them alone.
    async fn checked(&self, keys: &Keys) -> Result<KeyRing> {
        let new = ring(&self.shelf, keys).await?;
        if let Some(rests) = self.shelf.index().await? {
            Index::open(&new, &self.namespace, &rests).map_err(|fault| corrupt(INDEX, &fault))?;
        }
        // Some records may be under keys that are not among the new ones.
        let both = new.and(&self.ring());
        self.take(both).await;
        Ok(new)
    }

    async fn take(&self, ring: KeyRing) {
        // Whoever writes has one ring from the beginning to the end.
        let _writing = self.writing.lock().await;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Adopts the keys, puts everything that is there under the first of them, and forgets the others that it had.
    /// No read waits meanwhile; how many records were put under it.
    pub(crate) async fn rotate(&self, keys: &Keys) -> Result<usize> {
        let new = self.checked(keys).await?;
        let id = Some(Ok(new.active().id));
        let other = |rests: Option<&[u8]>| rests.map(envelope::key_id) != id;
        let mut rotated = 0;
        for _ in 0..PASSES {
            // The index first: who has only older keys notices, and writes nothing more under them. In each pass:
            // whoever only deletes leaves nothing else to write.
            self.change(|_, rests, _| Ok(other(rests).then(Plan::default))).await?;
            let (mut more, mut damaged) = (0, None);
            for key in self.list().await? {
                match self.rewrap(&key).await {
                    Ok(done) => more += usize::from(done),
                    // The others are put under the new key all the same.
                    Err(error) => damaged = damaged.or(Some(error)),
                }
            }
            rotated += more;
            if let Some(error) = damaged {
                return Err(error);
            }
            // Whoever wrote meanwhile may have done that with an older key.
            if more == 0 && !other(self.index().await?.0.as_deref()) {
                self.take(new).await;
                return Ok(rotated);
            }
        }
        let line =
            "others go on to write under an older key: give them the new one, and rotate again";
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// Whether it was under another key.
    async fn rewrap(&self, key: &CredentialKey) -> Result<bool> {
        let ring = self.ring();
        for _ in 0..TRIES {
            let Some((entry, record)) = self.read(key).await? else { return Ok(false) };
            let again = envelope::rewrap(&ring, &self.context(key, entry.version), &record);
            let Some(again) = again.map_err(|fault| of(key, &fault))? else { return Ok(false) };
            let place = self.place(key, entry.version);
            // Where the name was written since, there is another record to look at.
            let done = self.change(|index, _, _| {
                let same = index.records.get(key) == Some(&entry);
                let put = Some((place, again.clone()));
                Ok(same.then_some(Plan { put, ..Plan::default() }))
            });
            if done.await? {
                return Ok(true);
            }
        }
        Err(overtaken())
    }

    fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn place(&self, key: &CredentialKey, version: u64) -> Place {
        let mut name = Sha256::new();
        for part in ["ccc/v1/place", &self.namespace, key.as_str()] {
            name.update((part.len() as u64).to_be_bytes());
            name.update(part);
        }
        Place { name: name.finalize().into(), version }
    }

    fn context<'a>(&'a self, key: &'a CredentialKey, version: u64) -> Context<'a> {
        Context { namespace: &self.namespace, name: key.as_str(), version }
    }

    /// The index that is there now.
    async fn index(&self) -> Result<(Option<Rests>, Arc<Index>)> {
        // Whoever is quicker than this read may learn of a newer one meanwhile: that says nothing of this one.
        let known = self.newest().as_ref().map(|(_, index)| index.counter);
        let Some(rests) = self.shelf.index().await? else {
            return match known {
                None => Ok((None, Arc::default())),
                Some(_) => Err(corrupt(INDEX, &Fault::Gone)),
            };
        };
        let ring = self.ring();
        let mut newest = self.newest();
        let index = match &*newest {
            Some((same, index)) if *same == rests => Arc::clone(index),
            _ => Index::open(&ring, &self.namespace, &rests)
                .map(Arc::new)
                .map_err(|fault| corrupt(INDEX, &fault))?,
        };
        if known.is_some_and(|known| index.counter < known) {
            return Err(corrupt(INDEX, &Fault::Authentication));
        }
        learn(&mut newest, &rests, &index);
        Ok((Some(rests), index))
    }

    fn newest(&self) -> MutexGuard<'_, Option<(Rests, Arc<Index>)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest record of a name.
    async fn read(&self, key: &CredentialKey) -> Result<Option<(Entry, Vec<u8>)>> {
        for _ in 0..TRIES {
            let (rests, index) = self.index().await?;
            let Some(entry) = index.records.get(key) else { return Ok(None) };
            let record = self.shelf.record(self.place(key, entry.version)).await?;
            let fault = match record {
                Some(record) if envelope::fingerprint(&record) == entry.fingerprint => {
                    return Ok(Some((entry.clone(), record)));
                }
                Some(record) => envelope::key_id(&record).err().unwrap_or(Fault::Authentication),
                None => Fault::Gone,
            };
            // It may have been replaced since the index was read.
            if self.shelf.index().await? == rests {
                return Err(of(key, &fault));
            }
        }
        Err(overtaken())
    }

    /// Writes what `plan` makes of the index, how that rests, and the keys; false when it makes nothing of it.
    async fn change(
        &self,
        mut plan: impl FnMut(&Index, Option<&[u8]>, &KeyRing) -> Result<Option<Plan>> + Send,
    ) -> Result<bool> {
        let mut uncounted = self.writing.lock().await;
        let ring = self.ring();
        for _ in 0..TRIES {
            let (from, index) = self.index().await?;
            let Some(plan) = plan(&index, from.as_deref(), &ring)? else { return Ok(false) };
            *uncounted += 1 + u64::from(plan.put.is_some());
            let mut next = (*index).clone();
            if let Some((key, entry)) = plan.entry {
                next.set(key, entry);
            }
            let rests: Rests = next.seal_next(&ring, &self.namespace, *uncounted)?.into();
            let index = Arc::clone(&rests);
            let change = Change { from, index, put: plan.put, remove: plan.remove };
            if self.shelf.write(Arc::new(change)).await? {
                *uncounted = 0;
                learn(&mut self.newest(), &rests, &Arc::new(next));
                return Ok(true);
            }
        }
        Err(overtaken())
    }
}

fn learn(newest: &mut Option<(Rests, Arc<Index>)>, rests: &Rests, index: &Arc<Index>) {
    if newest.as_ref().is_none_or(|(_, newest)| newest.counter < index.counter) {
        *newest = Some((Arc::clone(rests), Arc::clone(index)));
    }
}

/// One write, as far as it depends on the index.
#[derive(Debug, Default)]
struct Plan {
    put: Option<(Place, Vec<u8>)>,
    remove: Option<Place>,
    /// A name's newest record; none when it is deleted.
    entry: Option<(CredentialKey, Option<Entry>)>,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<S: Shelf> CredentialStore for Sealed<S> {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let Some((entry, record)) = self.read(key).await? else { return Ok(None) };
        let secret = envelope::open(&self.ring(), &self.context(key, entry.version), &record);
        let secret = secret.map_err(|fault| of(key, &fault))?;
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
                    format!("the credential `{key}` is not as expected: read it again, then write");
                return Err(Error::new(ErrorKind::Conflict, line));
            }
            version = index.next_version(key);
            let record = envelope::seal(ring, &self.context(key, version), secret.expose());
            let record = record.map_err(|fault| of(key, &fault))?;
            let entry = Entry { version, fingerprint: envelope::fingerprint(&record) };
            Ok(Some(Plan {
                put: Some((self.place(key, version), record)),
                remove: there.map(|entry| self.place(key, entry.version)),
                entry: Some((key.clone(), Some(entry))),
            }))
        });
        written.await.map_err(|error| error.with_operation("credential_store.put"))?;
        Ok(Version(version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        let deleted = self.change(|index, _, _| {
            Ok(index.records.get(key).map(|entry| Plan {
                remove: Some(self.place(key, entry.version)),
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

const INDEX: &str = "the index of the credentials";

fn of(key: &CredentialKey, fault: &Fault) -> Error {
    corrupt(&format!("the credential `{key}`"), fault)
}

/// An error that leaves everything as it is. It says what `docs/envelope.md` lets it say.
fn corrupt(what: &str, fault: &Fault) -> Error {
    let kind = match fault {
        Fault::Random => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, format!("{what} cannot be read, and is left as it is: {fault}"))
}

fn overtaken() -> Error {
    let line = "others write to this store all the time, or nothing can be written to it: look at what it is on";
    Error::new(ErrorKind::Unavailable, line)
}

async fn ring(shelf: &impl Shelf, keys: &Keys) -> Result<KeyRing> {
    if !keys.need_derivation() {
        return keys.ring(None);
    }
    let kept = shelf.keep_derivation(Derivation::new()?.to_string()).await?.parse()?;
    let keys = keys.clone();
    aside(move || keys.ring(Some(&kept))).await
}

#[cfg(test)]
mod tests;
