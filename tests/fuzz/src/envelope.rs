//! The decoder of sealed credentials, with storage that an attacker changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ccc_core::credential::Precondition;
use ccc_core::{
    CredentialKey, CredentialStore as _, ErrorKind, Result, Secret, SystemClock, async_trait,
};
use ccc_store::durable_object::{Channel, Rows, handle_message};
use ccc_store::{DurableObjectCredentialStore, Keys};
use tokio::runtime::{Builder, Runtime};

type Stored = BTreeMap<String, Vec<u8>>;

/// The name of the row with the index.
const INDEX: &str = "index";
/// The names of the credentials, each with all secrets that were sealed under its name.
const SEALED: [(&str, &[&str]); 2] =
    [("app/7/private-key", &["first", "second"]), ("app/8/webhook-secret", &["third"])];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().unwrap());

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let digits: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    Keys::parse(&Secret::from(digits)).unwrap()
});

/// The genuine rows: after the first write of each credential, and after all writes.
static GENUINE: LazyLock<[Stored; 2]> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let rows = Storage::default();
        let store = open(&rows).await.unwrap();
        let put = async |name: &str, secret: &str, before: Precondition| {
            store.put(&key(name), &Secret::from(secret), before).await.unwrap()
        };
        let version = put(SEALED[0].0, "first", Precondition::Absent).await;
        put(SEALED[1].0, "third", Precondition::Absent).await;
        let old = rows.rows();
        put(SEALED[0].0, "second", Precondition::Version(version)).await;
        [old, rows.rows()]
    })
});

/// Checks that the store returns only secrets that were sealed under the requested name, and
/// reports every change of its storage.
///
/// The first byte of the input selects the kind of change: `r` replaces one row by the rest of the
/// input, `c` cuts one row, `e` changes single bytes, and `s` copies rows to other places.
pub(crate) fn run(data: &[u8]) {
    let [old, new] = &*GENUINE;
    let Some(rows) = changed(data, old, new) else { return };
    let storage = Storage(Arc::new(Mutex::new(rows.clone())));
    let found: Result<_> = RUNTIME.block_on(async {
        let store = open(&storage).await?;
        let mut found = Vec::new();
        for (name, _) in SEALED {
            found.push(store.get(&key(name)).await);
        }
        Ok(found)
    });
    let index = &rows[INDEX];
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_ne!(*index, new[INDEX], "the index is genuine, but: {error}");
            return;
        }
    };
    assert!([&new[INDEX], &old[INDEX]].contains(&index), "a changed index was accepted");
    for ((name, sealed), found) in SEALED.iter().zip(found) {
        match found {
            Ok(Some(secret)) => {
                let secret = secret.secret.expose_str().unwrap();
                assert!(sealed.contains(&secret), "{name}: {secret:?}");
                // The newest index accepts only the newest record.
                assert!(*index == old[INDEX] || sealed.last() == Some(&secret), "{name}");
            }
            Ok(None) => panic!("{name} is in each index"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                assert_ne!(rows, *new, "nothing was changed, but: {error}");
            }
        }
    }
}

/// Returns the genuine rows with the changes that `data` describes.
fn changed(data: &[u8], old: &Stored, new: &Stored) -> Option<Stored> {
    let names = |stored: &Stored| -> Vec<String> {
        let rows = stored.keys().filter(|name| *name == INDEX || name.starts_with("record/"));
        rows.cloned().collect()
    };
    let places = names(new);
    let place = |byte: u8| &places[usize::from(byte) % places.len()];
    let mut rows = new.clone();
    match data {
        [b'r', at, row @ ..] => drop(rows.insert(place(*at).clone(), row.to_vec())),
        [b'c', at, length] => rows.get_mut(place(*at))?.truncate(usize::from(*length)),
        [b'e', edits @ ..] => {
            for edit in edits.chunks_exact(4) {
                let row = rows.get_mut(place(edit[0]))?;
                let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % row.len().max(1);
                *row.get_mut(at)? ^= edit[3];
            }
        }
        [b's', copies @ ..] => {
            let genuine: Vec<&Vec<u8>> = [new, old]
                .into_iter()
                .flat_map(|stored| names(stored).into_iter().map(|name| &stored[&name]))
                .collect();
            for copy in copies.chunks_exact(2) {
                let row = genuine[usize::from(copy[1]) % genuine.len()];
                rows.insert(place(copy[0]).clone(), row.clone());
            }
        }
        _ => return None,
    }
    Some(rows)
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

async fn open(storage: &Storage) -> Result<DurableObjectCredentialStore> {
    DurableObjectCredentialStore::open(storage.clone(), Arc::new(SystemClock), &KEYS).await
}

/// The storage of a Durable Object in memory, and the channel to it.
#[derive(Clone, Debug, Default)]
struct Storage(Arc<Mutex<Stored>>);

impl Storage {
    fn rows(&self) -> Stored {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Channel for Storage {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = Table(RefCell::new(std::mem::take(&mut *rows)));
        let answer = handle_message(&table, &message, None);
        *rows = table.0.into_inner();
        answer.map(Option::unwrap_or_default)
    }
}

struct Table(RefCell<Stored>);

impl Rows for Table {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().get(name).cloned())
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        self.0.borrow_mut().insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.borrow_mut().remove(name);
        Ok(())
    }

    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>> {
        let rows = self.0.borrow();
        let all = rows.keys().filter(|name| name.starts_with(prefix));
        Ok(all.take(most).cloned().collect())
    }
}
