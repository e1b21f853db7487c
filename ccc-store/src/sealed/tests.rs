//! Tests of a sealed store with storage that fails, or that other writers change.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt as _;

use ccc_core::credential::{Precondition, Version};
use ccc_core::{
    CredentialKey, CredentialStore as _, Error, ErrorKind, Result, Secret, async_trait,
};

use crate::keys::tests::keys;
use crate::sealed::store::{MAX_ATTEMPTS, Sealed};
use crate::sealed::{BlobStore, Change, RecordId, SealedIndex};

/// An injected failure of a write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The write is applied, but its answer is lost.
    AnswerLost,
    /// The write is not applied.
    Refused,
}

#[derive(Debug, Default)]
struct Stored {
    index: Option<SealedIndex>,
    records: BTreeMap<([u8; 32], u64), Vec<u8>>,
    fates: VecDeque<Fate>,
    /// Actions that simulate another process. Before each read of a record and before each write,
    /// the first action is removed from this queue and executed.
    meanwhile: VecDeque<Option<Act>>,
}

type Act = fn(&OddBlobs);

#[derive(Clone, Debug, Default)]
struct OddBlobs(Arc<Mutex<Stored>>);

impl OddBlobs {
    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    fn let_others_act(&self) {
        let mut acts = std::mem::take(&mut self.stored().meanwhile);
        if let Some(act) = acts.pop_front().flatten() {
            act(self);
        }
        self.stored().meanwhile = acts;
    }
}

#[async_trait]
impl BlobStore for OddBlobs {
    async fn index(&self) -> Result<Option<SealedIndex>> {
        Ok(self.stored().index.clone())
    }

    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>> {
        self.let_others_act();
        Ok(self.stored().records.get(&(id.name, id.version)).cloned())
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        self.let_others_act();
        let mut stored = self.stored();
        let fate = stored.fates.pop_front();
        if let Some(Fate::Refused) = fate {
            return Err(Error::new(ErrorKind::Unavailable, "no"));
        }
        if stored.index != change.from {
            return Ok(false);
        }
        stored.index = Some(Arc::clone(&change.index));
        if let Some((id, record)) = &change.put {
            stored.records.insert((id.name, id.version), record.clone());
        }
        if let Some(id) = change.remove {
            stored.records.remove(&(id.name, id.version));
        }
        match fate {
            Some(Fate::AnswerLost) => Err(Error::new(ErrorKind::Unavailable, "no answer")),
            _ => Ok(true),
        }
    }

    async fn remove_unlisted(&self, _: SealedIndex, live: Vec<RecordId>) -> Result<()> {
        let is_live = |(name, version): &([u8; 32], u64)| {
            live.contains(&RecordId { name: *name, version: *version })
        };
        self.stored().records.retain(|id, _| is_live(id));
        Ok(())
    }

    async fn init_derivation(&self, fresh: String) -> Result<String> {
        Ok(fresh)
    }
}

fn open(blobs: &OddBlobs, numbers: &[u8]) -> Sealed<OddBlobs> {
    Sealed::open(blobs.clone(), "n", &keys(numbers)).now_or_never().unwrap().unwrap()
}

fn store(blobs: &OddBlobs) -> Sealed<OddBlobs> {
    open(blobs, &[7])
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

fn put(store: &Sealed<OddBlobs>, name: &str, value: &str) -> Result<Version> {
    store.put(&key(name), &Secret::from(value), Precondition::None).now_or_never().unwrap()
}

fn get(store: &Sealed<OddBlobs>, name: &str) -> Option<(String, u64)> {
    let stored = store.get(&key(name)).now_or_never().unwrap().unwrap()?;
    Some((stored.secret.expose_str().unwrap().to_owned(), stored.version.0))
}

/// Simulates a write by another process, so that the write in progress must be repeated.
fn overtake(blobs: &OddBlobs) {
    put(&store(blobs), "other", "x").unwrap();
}

/// Simulates a write by a process that does not use the new key of a rotation yet.
fn write_with_the_old_key(blobs: &OddBlobs) {
    put(&open(blobs, &[7, 8]), "b", "late").unwrap();
}

fn delete_with_the_old_key(blobs: &OddBlobs) {
    open(blobs, &[7, 8]).delete(&key("c")).now_or_never().unwrap().unwrap();
}

fn rotate(store: &Sealed<OddBlobs>) -> Result<usize> {
    store.rotate(&keys(&[8, 7])).now_or_never().unwrap()
}

#[test]
fn a_write_that_was_overtaken_is_repeated() {
    // spec: S9
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "name", "first").unwrap();
    blobs.stored().meanwhile.extend([Some(overtake as Act); 3]);
    assert_eq!(put(&store, "name", "second").unwrap(), Version(2));
    assert_eq!(get(&store, "name"), Some(("second".to_owned(), 2)));
    assert_eq!(get(&store, "other"), Some(("x".to_owned(), 3)));
    // The store has encrypted one index when it was opened, and a record and an index for each put,
    // including the puts that were repeated.
    let (_, index) = store.index().now_or_never().unwrap().unwrap();
    let uses: u64 = index.uses.values().sum();
    assert_eq!(uses, 1 + 2 + 3 * 2 + 4 * 2);
    let held = |precondition| {
        blobs.stored().meanwhile.push_back(Some(overtake));
        let (key, secret) = (key("other"), Secret::from("y"));
        let put = store.put(&key, &secret, precondition);
        put.now_or_never().unwrap().unwrap_err().kind()
    };
    assert_eq!(held(Precondition::Version(Version(3))), ErrorKind::Conflict);
}

#[test]
fn a_write_without_an_answer_was_applied_completely_or_not_at_all() {
    // spec: S9
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "name", "first").unwrap();
    for (fate, expected) in [(Fate::Refused, ("first", 1)), (Fate::AnswerLost, ("second", 2))] {
        blobs.stored().fates.push_back(fate);
        assert_eq!(put(&store, "name", "second").unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(get(&store, "name"), Some((expected.0.to_owned(), expected.1)), "{fate:?}");
    }
    assert_eq!(put(&store, "name", "third").unwrap(), Version(3));
    assert_eq!(blobs.stored().records.len(), 1, "the replaced record is still stored");
}

#[test]
fn storage_that_accepts_no_write_is_reported() {
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    blobs.stored().meanwhile.extend([Some(overtake as Act); MAX_ATTEMPTS]);
    let error = put(&store, "name", "value").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("collided with a write"), "{error}");
}

#[test]
fn a_record_that_is_replaced_during_a_read_is_read_again() {
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "other", "first").unwrap();
    blobs.stored().meanwhile.push_back(Some(overtake));
    assert_eq!(get(&store, "other"), Some(("x".to_owned(), 2)));
}

#[test]
fn deleting_a_credential_removes_its_record() {
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "name", "value").unwrap();
    store.delete(&key("name")).now_or_never().unwrap().unwrap();
    assert!(blobs.stored().records.is_empty());
}

#[test]
fn emptied_storage_is_corrupt_for_a_process_that_read_its_index() {
    // spec: S8
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "name", "value").unwrap();
    *blobs.stored() = Stored::default();
    let found = [
        store.get(&key("name")).now_or_never().unwrap().map(drop),
        store.list().now_or_never().unwrap().map(drop),
        put(&store, "name", "newer").map(drop),
    ];
    let kinds = found.map(|found| found.unwrap_err().kind());
    assert_eq!(kinds, [ErrorKind::Corrupt; 3]);
    assert!(blobs.stored().index.is_none(), "a new index was written");
}

#[test]
fn records_written_during_a_rotation_are_under_the_new_key_after_it() {
    // In each case: the action, the number of rotated records if the action comes after the
    // rotation, and the minimum number of rotated records if the action comes during the rotation.
    for (act, late, least) in
        [(write_with_the_old_key as Act, 2, 3), (delete_with_the_old_key, 2, 1)]
    {
        for at in 0.. {
            let blobs = OddBlobs::default();
            let store = store(&blobs);
            for name in ["a", "c"] {
                put(&store, name, name).unwrap();
            }
            blobs.stored().meanwhile.extend(std::iter::repeat_n(None, at).chain([Some(act)]));
            let rotated = rotate(&store).unwrap();
            let over = !std::mem::take(&mut blobs.stored().meanwhile).is_empty();
            let expected = if over { late..=late } else { least..=least.max(late) };
            assert!(expected.contains(&rotated), "{rotated} rotated, action before call {at}");
            let alone = open(&blobs, &[8]);
            for name in alone.list().now_or_never().unwrap().unwrap() {
                assert!(get(&alone, name.as_str()).is_some(), "{name}, action before call {at}");
            }
            if over {
                assert!(at > 5, "a rotation of two records makes more calls than {at}");
                break;
            }
        }
    }
}

#[test]
fn a_rotation_does_not_restore_a_record_that_was_replaced_in_the_meantime() {
    // spec: S4
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    put(&store, "b", "first").unwrap();
    // The simulated process does nothing before the index is written and before the record is read.
    // It replaces the record before the rotation writes the record.
    blobs.stored().meanwhile.extend([None, None, Some(write_with_the_old_key as Act)]);
    assert_eq!(rotate(&store).unwrap(), 1);
    assert_eq!(get(&store, "b"), Some(("late".to_owned(), 2)));
    assert_eq!(blobs.stored().records.len(), 1, "the replaced record was restored");
}

#[test]
fn keys_do_not_change_during_a_write() {
    let blobs = OddBlobs::default();
    let store = store(&blobs);
    let before = store.ring().active().id;
    let new = keys(&[8, 7]);
    let mut adopting = pin!(store.adopt(&new));
    let writing = store.writing.try_lock().unwrap();
    assert!(
        adopting.as_mut().now_or_never().is_none(),
        "the change of keys does not wait for the write"
    );
    assert_eq!(store.ring().active().id, before);
    drop(writing);
    adopting.now_or_never().unwrap().unwrap();
    assert_ne!(store.ring().active().id, before);
}
