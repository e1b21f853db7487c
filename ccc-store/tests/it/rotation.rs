//! Tests of key rotation while other processes read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use ccc_core::{CredentialStore as _, ErrorKind};
use ccc_store::FileCredentialStore;
use tokio::task::JoinSet;

use crate::common::{directory, get, key, keys, put};

const NAMES: usize = 40;
const ROTATIONS: u8 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_read_waits_for_a_rotation_or_fails() {
    // spec: S4
    let directory = directory();
    let store = Arc::new(FileCredentialStore::open(directory.path(), &keys(&[1])).await.unwrap());
    for number in 0..NAMES {
        put(&*store, &format!("name/{number}"), &format!("value {number}")).await;
    }
    // Stands for another process, which has all keys from the start.
    let every: Vec<u8> = (1..=ROTATIONS + 1).collect();
    let other = FileCredentialStore::open(directory.path(), &keys(&every)).await.unwrap();
    let readers = [Arc::clone(&store), Arc::clone(&store), Arc::new(other)];
    let (reads, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut running = JoinSet::new();
    for (reader, store) in readers.into_iter().enumerate() {
        let (reads, over) = (Arc::clone(&reads), Arc::clone(&over));
        running.spawn(async move {
            for number in (0..NAMES).cycle().skip(reader) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let found = get(&*store, &format!("name/{number}")).await;
                assert_eq!(found, Some(format!("value {number}")));
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // Creates and deletes names during the rotations: none may be left under an old key.
    let (writer, stop) = (Arc::clone(&store), Arc::clone(&over));
    running.spawn(async move {
        for number in (0..20).cycle() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            put(&*writer, &format!("new/{number}"), "new").await;
            writer.delete(&key(&format!("new/{number}"))).await.unwrap();
        }
    });
    let writer = Arc::clone(&store);
    let stop = Arc::clone(&over);
    running.spawn(async move {
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            put(&*writer, "written", &written.to_string()).await;
            assert_eq!(get(&*writer, "written").await, Some(written.to_string()));
            written += 1;
        }
    });
    #[allow(clippy::disallowed_methods, reason = "printed for information")]
    let start = Instant::now();
    for number in 2..=ROTATIONS + 1 {
        let before = reads.load(Ordering::Relaxed);
        let rotated = store.rotate(&keys(&[number, number - 1])).await.unwrap();
        assert!((NAMES..=NAMES + 2).contains(&rotated), "{rotated} records");
        assert!(reads.load(Ordering::Relaxed) > before, "no read completed during the rotation");
    }
    over.store(true, Ordering::Relaxed);
    let took = start.elapsed();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    let reads = reads.load(Ordering::Relaxed);
    #[allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "printed for information")]
    {
        println!(
            "{reads} reads, {:.0} a second, during {ROTATIONS} rotations of {NAMES} records: none failed",
            reads as f64 / took.as_secs_f64()
        );
    }
    let alone = FileCredentialStore::open(directory.path(), &keys(&[ROTATIONS + 1])).await.unwrap();
    for name in alone.list().await.unwrap() {
        alone.get(&name).await.unwrap().expect("a listed credential");
    }
    let old = FileCredentialStore::open(directory.path(), &keys(&[ROTATIONS])).await.unwrap_err();
    assert_eq!(old.kind(), ErrorKind::Corrupt, "{old}");
}

#[tokio::test]
async fn keys_that_do_not_open_the_store_are_not_adopted() {
    // spec: S4
    let directory = directory();
    let store = FileCredentialStore::open(directory.path(), &keys(&[1])).await.unwrap();
    put(&store, "name", "value").await;
    let error = store.rotate(&keys(&[2, 3])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    put(&store, "name", "newer").await;
    assert_eq!(store.rotate(&keys(&[1])).await.unwrap(), 0, "every record is under the active key");
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 0);
    assert_eq!(get(&store, "name").await.as_deref(), Some("newer"));
    assert_eq!(get(&store, "none").await, None);
    assert_eq!(store.rotate(&keys(&[2])).await.unwrap(), 0, "the old key is no longer needed");
    let error = store.adopt(&keys(&[3])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn a_record_that_another_process_wrote_under_the_old_key_is_rotated_too() {
    // spec: S4
    let directory = directory();
    let open = async |numbers: &[u8]| {
        FileCredentialStore::open(directory.path(), &keys(numbers)).await.unwrap()
    };
    let (ours, theirs) = (open(&[1]).await, open(&[1, 2]).await);
    put(&ours, "ours", "1").await;
    assert_eq!(ours.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    // This store has the new key, but does not write with it yet. Its write puts the index under
    // the old key again.
    put(&theirs, "theirs", "2").await;
    assert_eq!(get(&ours, "theirs").await.as_deref(), Some("2"));
    theirs.adopt(&keys(&[2, 1])).await.unwrap();
    assert_eq!(ours.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert_eq!(get(&open(&[2]).await, "theirs").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_damaged_record_is_reported_and_does_not_stop_a_rotation() {
    // spec: S4, S8
    let directory = directory();
    let store = FileCredentialStore::open(directory.path(), &keys(&[1])).await.unwrap();
    for name in ["a", "b", "c"] {
        put(&store, name, name).await;
    }
    let before: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().path()).collect();
    put(&store, "b", "newer").await;
    let after = std::fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().path());
    let damaged = after.into_iter().find(|path| !before.contains(path)).unwrap();
    let whole = std::fs::read(&damaged).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, changed).unwrap();
    let error = store.rotate(&keys(&[2, 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("`b`"), "{error}");
    // The other records are still readable, and so is the damaged one when it is restored, because
    // the store still has the old key.
    assert_eq!(get(&store, "a").await.as_deref(), Some("a"));
    std::fs::write(&damaged, whole).unwrap();
    assert_eq!(get(&store, "b").await.as_deref(), Some("newer"));
    let others = FileCredentialStore::open(directory.path(), &keys(&[2])).await.unwrap();
    assert_eq!(get(&others, "a").await.as_deref(), Some("a"));
    assert_eq!(get(&others, "c").await.as_deref(), Some("c"));
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert_eq!(get(&others, "b").await.as_deref(), Some("newer"));
}

#[tokio::test]
async fn older_keys_are_used_for_reading_until_a_rotation_has_ended() {
    // spec: S4
    let directory = directory();
    let open = async |numbers: &[u8]| {
        FileCredentialStore::open(directory.path(), &keys(numbers)).await.unwrap()
    };
    let ours = open(&[1]).await;
    put(&ours, "old", "1").await;
    // Now only the index and the new record are under the new key.
    put(&open(&[2, 1]).await, "new", "2").await;
    ours.adopt(&keys(&[2])).await.unwrap();
    assert_eq!(get(&ours, "old").await.as_deref(), Some("1"));
    assert_eq!(ours.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert_eq!(ours.rotate(&keys(&[2])).await.unwrap(), 0);
    put(&open(&[1, 2]).await, "old", "3").await;
    let error = ours.get(&key("old")).await.unwrap_err();
    assert!(error.to_string().contains("not among the keys"), "{error}");
}

#[tokio::test]
async fn an_empty_store_is_rotated_too() {
    // spec: S4
    let directory = directory();
    let open =
        async |numbers: &[u8]| FileCredentialStore::open(directory.path(), &keys(numbers)).await;
    let store = open(&[1]).await.unwrap();
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 0);
    assert_eq!(open(&[1]).await.unwrap_err().kind(), ErrorKind::Corrupt);
    open(&[2]).await.unwrap();
}
