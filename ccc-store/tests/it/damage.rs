//! Tests with files that were changed, swapped or restored.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ccc_core::credential::Precondition;
use ccc_core::{CredentialStore as _, Error, ErrorKind, Secret};
use ccc_store::{FileCredentialStore, Keys};
use tempfile::TempDir;

use crate::common::{CANARY, directory, get, key, keys, put};

async fn open(path: &Path, numbers: &[u8]) -> Result<FileCredentialStore, Error> {
    FileCredentialStore::open(path, &keys(numbers)).await
}

fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(path).unwrap().map(|file| file.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Returns the files of the records with that version.
fn records(path: &Path, version: &str) -> Vec<PathBuf> {
    let all = files(path).into_keys();
    all.filter(|path| path.extension().is_some_and(|end| end == version)).collect()
}

/// Creates a store with the credentials `one` and `two`, each written twice. Also returns the files
/// as they were between the two writes of `one`.
async fn seeded() -> (TempDir, BTreeMap<PathBuf, Vec<u8>>) {
    let directory = directory();
    let store = open(directory.path(), &[1]).await.unwrap();
    put(&store, "two", "first").await;
    put(&store, "two", CANARY).await;
    put(&store, "one", CANARY).await;
    let before = files(directory.path());
    put(&store, "one", CANARY).await;
    (directory, before)
}

fn restore(files: &BTreeMap<PathBuf, Vec<u8>>, which: impl Fn(&Path) -> bool) {
    for (path, contents) in files.iter().filter(|(path, _)| which(path)) {
        write(path, contents);
    }
}

fn write(path: &Path, contents: impl AsRef<[u8]>) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Checks that reading the store fails with the expected fault. No credential may be reported
/// absent, no plain text may be shown, and the files must not change.
async fn check(what: &str, path: &Path, numbers: &[u8], expected: &str) {
    let before = files(path);
    let read = async {
        let store = open(path, numbers).await?;
        let mut faults = Vec::new();
        for name in ["one", "two"] {
            match store.get(&key(name)).await {
                Ok(found) => assert!(found.is_some(), "{what}: {name} is absent"),
                Err(error) => faults.push(error),
            }
        }
        assert_eq!(store.list().await?.len(), 2, "{what}");
        faults.pop().map_or(Ok(()), Err)
    };
    let error = read.await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(expected), "{what}: {shown}");
    assert!(!shown.contains(CANARY), "{what}: {shown}");
    for (path, contents) in before {
        assert_eq!(fs::read(&path).ok(), Some(contents), "{what}: {} was changed", path.display());
    }
}

#[tokio::test]
async fn files_that_were_tampered_with_are_corrupt_and_are_not_removed() {
    // spec: S2b, S8
    const FORM: &str = "not have the expected form";
    const AUTHENTICATION: &str = "is not authentic";
    type Harm = fn(&Path, &BTreeMap<PathBuf, Vec<u8>>);
    let cases: [(&str, Harm, &str); 12] = [
        (
            "two records are swapped",
            |path, _| {
                let pair = records(path, "2");
                fs::rename(&pair[0], path.join("x")).unwrap();
                fs::rename(&pair[1], &pair[0]).unwrap();
                fs::rename(path.join("x"), &pair[1]).unwrap();
            },
            AUTHENTICATION,
        ),
        (
            "the previous record is restored under the name of the newest one",
            |_, before| {
                let (old, contents) = before
                    .iter()
                    .find(|(path, _)| path.extension().is_some_and(|end| end == "1"))
                    .unwrap();
                assert!(!old.exists());
                write(&old.with_extension("2"), contents);
            },
            AUTHENTICATION,
        ),
        (
            "the newest record is missing, and the previous one is restored",
            |_, before| {
                let old = before
                    .keys()
                    .find(|path| path.extension().is_some_and(|end| end == "1"))
                    .unwrap();
                restore(before, |path| path == old);
                fs::remove_file(old.with_extension("2")).unwrap();
            },
            // The start removes the older record. It must not be accepted as the newest.
            "the stored data is missing",
        ),
        (
            "an index that is outdated is restored",
            |_, before| restore(before, |path| path.ends_with("index")),
            "the stored data is missing",
        ),
        ("a record is truncated", |path, _| cut(&records(path, "2")[0], 100), FORM),
        ("a record is empty", |path, _| cut(&records(path, "2")[0], 0), FORM),
        (
            "a record lost its last byte",
            |path, _| cut(&records(path, "2")[0], usize::MAX),
            AUTHENTICATION,
        ),
        (
            "a record is missing",
            |path, _| fs::remove_file(&records(path, "2")[0]).unwrap(),
            "the stored data is missing",
        ),
        ("a record is plain text", |path, _| write(&records(path, "2")[0], CANARY), FORM),
        ("the index is truncated", |path, _| cut(&path.join("index"), 50), FORM),
        ("the index is JSON", |path, _| write(&path.join("index"), "{}"), FORM),
        (
            "a record replaces the index",
            |path, _| {
                fs::copy(&records(path, "2")[0], path.join("index")).unwrap();
            },
            AUTHENTICATION,
        ),
    ];
    for (what, harm, expected) in cases {
        let (directory, before) = seeded().await;
        harm(directory.path(), &before);
        if what.starts_with("the newest") || what.starts_with("an index") {
            // `check` does not apply, because opening the store removes unused records.
            let store = open(directory.path(), &[1]).await.unwrap();
            let error = store.get(&key("one")).await.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
            assert!(error.to_string().contains(expected), "{what}: {error}");
        } else {
            check(what, directory.path(), &[1], expected).await;
        }
    }
}

#[tokio::test]
async fn a_record_from_an_abandoned_history_is_corrupt() {
    // spec: S8
    let (directory, before) = seeded().await;
    let undone = files(directory.path());
    restore(&before, |_| true);
    // Writes the same version of the same name again.
    put(&open(directory.path(), &[1]).await.unwrap(), "one", CANARY).await;
    restore(&undone, |path| !path.ends_with("index"));
    check("another version 2", directory.path(), &[1], "is not authentic").await;
}

fn cut(path: &Path, length: usize) {
    let mut contents = fs::read(path).unwrap();
    contents.truncate(length.min(contents.len() - 1));
    fs::write(path, contents).unwrap();
}

#[tokio::test]
async fn a_store_whose_index_is_missing_is_not_an_empty_store() {
    // spec: S8
    let (directory, _) = seeded().await;
    fs::remove_file(directory.path().join("index")).unwrap();
    let before = files(directory.path());
    let error = open(directory.path(), &[1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("index"), "{error}");
    assert_eq!(files(directory.path()), before);
}

#[tokio::test]
async fn a_process_notices_an_index_that_is_older_than_one_it_knows() {
    // spec: S8
    let directory = directory();
    let store = open(directory.path(), &[1]).await.unwrap();
    put(&store, "name", "old").await;
    let before = files(directory.path());
    put(&store, "name", "new").await;
    let newest = files(directory.path());
    restore(&before, |path| !path.ends_with("lock"));
    for _ in 0..2 {
        let error = store.get(&key("name")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let written = store.put(&key("name"), &Secret::from("x"), Precondition::None).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    // A process that starts now cannot notice it. docs/envelope.md documents this limit.
    assert_eq!(get(&open(directory.path(), &[1]).await.unwrap(), "name").await.unwrap(), "old");
    restore(&newest, |_| true);
    assert_eq!(get(&store, "name").await.unwrap(), "new");
    fs::remove_file(directory.path().join("index")).unwrap();
    assert_eq!(store.get(&key("name")).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn the_wrong_key_is_named_and_changes_nothing() {
    // spec: S2a, S8
    let (directory, _) = seeded().await;
    check("another key", directory.path(), &[2], "add the key as a retired key").await;
    check("other keys", directory.path(), &[2, 3], "not among the keys").await;
    let store = open(directory.path(), &[2, 1]).await.unwrap();
    assert_eq!(get(&store, "one").await.as_deref(), Some(CANARY));
}

#[tokio::test]
async fn a_store_opens_only_with_its_passphrase_and_valid_costs() {
    // spec: S3b
    let directory = directory();
    let keys = |text: &str| Keys::passphrase(&Secret::from(text)).unwrap();
    let right = keys("correct horse battery staple");
    let store = FileCredentialStore::open(directory.path(), &right).await.unwrap();
    put(&store, "name", CANARY).await;
    let again = FileCredentialStore::open(directory.path(), &right).await.unwrap();
    assert_eq!(get(&again, "name").await.as_deref(), Some(CANARY));
    let wrong = keys("correct horse battery stable");
    let error = FileCredentialStore::open(directory.path(), &wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let derivation = directory.path().join("derivation");
    let text = fs::read_to_string(&derivation).unwrap();
    fs::write(&derivation, text.replace("t=3", "t=1")).unwrap();
    let error = FileCredentialStore::open(directory.path(), &right).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn no_file_contains_a_secret_or_a_name() {
    // spec: S1a
    let directory = directory();
    let store = open(directory.path(), &[1]).await.unwrap();
    let name = "app/4711/private-key";
    put(&store, name, CANARY).await;
    put(&store, name, CANARY).await;
    let reversed: String = CANARY.chars().rev().collect();
    let held = format!("{store:?} {store:#?} {:?}", store.get(&key(name)).await);
    for secret in [CANARY, name, &hex::encode(CANARY), &reversed, &hex::encode([1; 31])] {
        for (path, contents) in files(directory.path()) {
            let shown = format!("{} {}", path.display(), String::from_utf8_lossy(&contents));
            assert!(!shown.contains(secret), "{} contains {secret}", path.display());
        }
        assert!(!held.contains(secret) || secret == name, "{held}");
    }
}
