#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore as _, ErrorKind, Secret};
use ccc_store::Keys;

use super::{ReloadingStore, Rotated, data_dir_id, key_source};
use crate::config::{Config, KeySource};

fn fresh() -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.data_dir = Some(dir.path().join("data"));
    (dir, config)
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

async fn put(store: &ReloadingStore, name: &str) {
    store.put(&key(name), &Secret::from(name), Precondition::None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_store_uses_the_key_that_another_process_rotated_to() {
    // spec: S11c
    let (dir, config) = fresh();
    let ours = Arc::new(ReloadingStore::open(&config).await.unwrap());
    let theirs = ReloadingStore::open(&config).await.unwrap();
    put(&ours, "a").await;
    for turn in 0..3 {
        assert!(matches!(theirs.rotate().await.unwrap(), Rotated::New(_)), "{turn}");
        // All concurrent calls succeed after the rotation, not only the first.
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let ours = Arc::clone(&ours);
            all.spawn(async move { ours.get(&key("a")).await.unwrap().unwrap() });
        }
        assert_eq!(all.join_all().await.len(), 16);
        assert!(matches!(theirs.rotate().await.unwrap(), Rotated::New(_)), "{turn}");
        put(&ours, "b").await;
        assert_eq!(ours.list().await.unwrap().len(), 2, "{turn}");
    }
    // A damaged index is still reported as corrupt.
    fs::write(dir.path().join("data/credentials/index"), "x").unwrap();
    let error = ours.get(&key("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_starts_and_rotations_lose_nothing() {
    // spec: S11b, S11c
    for _ in 0..10 {
        let (_dir, config) = fresh();
        let mut all = tokio::task::JoinSet::new();
        for number in 0..8 {
            let config = config.clone();
            all.spawn(async move {
                let store = ReloadingStore::open(&config).await.unwrap();
                put(&store, &format!("name/{number}")).await;
                // Only one rotation is permitted at a time. All other rotations fail, and lose no
                // credential.
                match store.rotate().await {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
                }
            });
        }
        all.join_all().await;
        let store = ReloadingStore::open(&config).await.unwrap();
        let names = store.list().await.unwrap();
        assert_eq!(names.len(), 8);
        for name in names {
            store.get(&name).await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opens_during_a_rotation() {
    // spec: S11c
    let (_dir, config) = fresh();
    let store = ReloadingStore::open(&config).await.unwrap();
    put(&store, "a").await;
    let over = ccc_core::CancellationToken::new();
    let rotate = async {
        while !over.is_cancelled() {
            // A process that another test starts holds a copy of the lock until it executes its
            // program.
            match store.rotate().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {}
                rotated => drop(rotated.unwrap()),
            }
        }
    };
    let start = async {
        for _ in 0..200 {
            let started = ReloadingStore::open(&config).await.unwrap();
            started.get(&key("a")).await.unwrap().unwrap();
        }
        over.cancel();
    };
    tokio::join!(rotate, start);
}

#[tokio::test]
async fn an_interrupted_rotation_is_resumed() {
    // spec: S11c
    let (dir, config) = fresh();
    let store = ReloadingStore::open(&config).await.unwrap();
    put(&store, "a").await;
    let file = dir.path().join("data/credentials.key");
    let old = fs::read_to_string(&file).unwrap();
    // The new key is in the key file, but no record is encrypted under the new key yet.
    let new = Keys::generate().unwrap();
    fs::write(&file, format!("{}\n{old}", new.expose_str().unwrap())).unwrap();
    assert_eq!(store.rotate().await.unwrap(), Rotated::First(1));
    assert_eq!(fs::read_to_string(&file).unwrap().lines().filter(|l| !l.is_empty()).count(), 2);
    fs::write(&file, new.expose()).unwrap();
    let alone = ReloadingStore::open(&config).await.unwrap();
    assert!(alone.get(&key("a")).await.unwrap().is_some());
}

#[test]
fn a_data_directory_has_one_name_until_its_file_is_damaged() {
    // spec: G1f
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("data/holder"));
    let name = data_dir_id(&data).unwrap();
    assert_eq!(data_dir_id(&data).unwrap(), name);
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "theirs").unwrap();
    for torn in ["", "x", &name[..20]] {
        fs::write(&file, torn).unwrap();
        let other = data_dir_id(&data).unwrap();
        assert_ne!(other, name);
        assert_eq!(data_dir_id(&data).unwrap(), other);
    }
    // The target of a symlink is not part of the data directory, and is not changed.
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    data_dir_id(&data).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "theirs");
}

#[test]
fn a_key_is_read_from_a_regular_file_only() {
    // spec: S11b
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let source = KeySource::File { path: key.clone(), create: false };
    fs::write(&key, Keys::generate().unwrap().expose()).unwrap();
    key_source::read(&source).unwrap();
    let source = KeySource::File { path: dir.path().to_owned(), create: false };
    assert!(key_source::read(&source).unwrap_err().to_string().contains("is not a regular file"));
}
