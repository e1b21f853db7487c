//! Shelves that are in the way.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};

use futures_util::FutureExt as _;

use super::*;

/// What a write meets.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Another writer was quicker, in another process.
    Overtaken,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is not done.
    Refused,
}

#[derive(Debug, Default)]
struct Kept {
    index: Option<Rests>,
    records: BTreeMap<([u8; 32], u64), Vec<u8>>,
    fates: VecDeque<Fate>,
}

#[derive(Clone, Debug, Default)]
struct OddShelf(Arc<Mutex<Kept>>);

impl OddShelf {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Shelf for OddShelf {
    async fn index(&self) -> Result<Option<Rests>> {
        Ok(self.kept().index.clone())
    }

    async fn record(&self, place: Place) -> Result<Option<Vec<u8>>> {
        Ok(self.kept().records.get(&(place.name, place.version)).cloned())
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        let fate = self.kept().fates.pop_front();
        match fate {
            Some(Fate::Overtaken) => {
                let rest = std::mem::take(&mut self.kept().fates);
                put(&store(self), "other", "x").unwrap();
                self.kept().fates = rest;
            }
            Some(Fate::Refused) => return Err(Error::new(ErrorKind::Unavailable, "no")),
            Some(Fate::AnswerLost) | None => {}
        }
        let mut kept = self.kept();
        if kept.index != change.from {
            return Ok(false);
        }
        kept.index = Some(Arc::clone(&change.index));
        if let Some((place, record)) = &change.put {
            kept.records.insert((place.name, place.version), record.clone());
        }
        if let Some(place) = change.remove {
            kept.records.remove(&(place.name, place.version));
        }
        match fate {
            Some(Fate::AnswerLost) => Err(Error::new(ErrorKind::Unavailable, "no answer")),
            _ => Ok(true),
        }
    }

    async fn sweep(&self, _: Rests, keep: Vec<Place>) -> Result<()> {
        let kept = |(name, version): &([u8; 32], u64)| {
            keep.contains(&Place { name: *name, version: *version })
        };
        self.kept().records.retain(|place, _| kept(place));
        Ok(())
    }

    async fn keep_derivation(&self, fresh: String) -> Result<String> {
        Ok(fresh)
    }
}

fn keys() -> Keys {
    Keys::parse(&Secret::from(hex::encode([&[7; 31][..], &[0]].concat()))).unwrap()
}

fn store(shelf: &OddShelf) -> Sealed<OddShelf> {
    Sealed::open(shelf.clone(), "n", &keys()).now_or_never().unwrap().unwrap()
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

fn put(store: &Sealed<OddShelf>, name: &str, value: &str) -> Result<Version> {
    store.put(&key(name), &Secret::from(value), Precondition::None).now_or_never().unwrap()
}

fn get(store: &Sealed<OddShelf>, name: &str) -> Option<(String, u64)> {
    let stored = store.get(&key(name)).now_or_never().unwrap().unwrap()?;
    Some((stored.secret.expose_str().unwrap().to_owned(), stored.version.0))
}

#[test]
fn a_writer_that_was_overtaken_writes_after_the_other() {
    // spec: S9
    let shelf = OddShelf::default();
    let store = store(&shelf);
    put(&store, "name", "first").unwrap();
    shelf.kept().fates.extend([Fate::Overtaken, Fate::Overtaken, Fate::Overtaken]);
    assert_eq!(put(&store, "name", "second").unwrap(), Version(2));
    assert_eq!(get(&store, "name"), Some(("second".to_owned(), 2)));
    assert_eq!(get(&store, "other"), Some(("x".to_owned(), 3)));
    // The index of the start; a record and an index for each put, those that came to nothing as well.
    let (_, index) = store.index().now_or_never().unwrap().unwrap();
    let uses: u64 = index.uses.values().sum();
    assert_eq!(uses, 1 + 2 + 3 * 2 + 4 * 2);
    let held = |precondition| {
        shelf.kept().fates.push_back(Fate::Overtaken);
        let (key, secret) = (key("other"), Secret::from("y"));
        let put = store.put(&key, &secret, precondition);
        put.now_or_never().unwrap().unwrap_err().kind()
    };
    assert_eq!(held(Precondition::Version(Version(3))), ErrorKind::Conflict);
}

#[test]
fn a_write_without_an_answer_happened_or_did_not() {
    // spec: S9
    let shelf = OddShelf::default();
    let store = store(&shelf);
    put(&store, "name", "first").unwrap();
    for (fate, expected) in [(Fate::Refused, ("first", 1)), (Fate::AnswerLost, ("second", 2))] {
        shelf.kept().fates.push_back(fate);
        assert_eq!(put(&store, "name", "second").unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(get(&store, "name"), Some((expected.0.to_owned(), expected.1)), "{fate:?}");
    }
    assert_eq!(put(&store, "name", "third").unwrap(), Version(3));
    assert_eq!(shelf.kept().records.len(), 1, "what was replaced is still there");
}

#[test]
fn a_shelf_that_is_never_written_to_is_told_of() {
    let shelf = OddShelf::default();
    let store = store(&shelf);
    shelf.kept().fates.extend([Fate::Overtaken; TRIES]);
    let error = put(&store, "name", "value").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("all the time"), "{error}");
}
