//! The files of the database: their permissions, and damage in them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// The size of a page of the database. SQLite uses this size unless a database has another one.
const PAGE: usize = 4096;

/// Returns a place whose database has many pages and was closed.
async fn closed() -> Place {
    let place = Place::new();
    let store = place.open().await.unwrap();
    for number in 0..100 {
        place.accept(&store, number).await.unwrap();
    }
    drop(store);
    place
}

/// Returns a place with the files of a process that was killed: newer pages are in the write-ahead
/// log.
async fn killed() -> Place {
    let (place, copy) = (closed().await, Place::new());
    let store = place.open().await.unwrap();
    place.accept(&store, 100).await.unwrap();
    for file in place.files() {
        fs::copy(&file, copy.directory.path().join(file.file_name().unwrap())).unwrap();
    }
    drop(store);
    assert!(fs::metadata(beside(&copy, "-wal")).unwrap().len() > 0);
    copy
}

fn beside(place: &Place, suffix: &str) -> PathBuf {
    let mut name = place.path().into_os_string();
    name.push(suffix);
    name.into()
}

/// Returns the contents of the database and of its write-ahead log.
fn contents(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = [place.path(), beside(place, "-wal")];
    let read = |path: PathBuf| Some((path.clone(), fs::read(path).ok()?));
    paths.into_iter().filter_map(read).filter(|(_, contents)| !contents.is_empty()).collect()
}

/// Opens the database, which must fail with `expected` and change nothing.
async fn check_refused(place: &Place, what: &str, expected: ErrorKind) {
    let before = contents(place);
    let Err(error) = place.open().await else { panic!("{what}: the database was opened") };
    assert_eq!(error.kind(), expected, "{what}: {error}");
    let line = error.to_string();
    assert!(line.contains(place.path().to_str().unwrap()), "{what}: {line}");
    let next = ["restore a backup", "choose another file"];
    assert!(next.iter().any(|next| line.contains(next)), "{what}: {line}");
    assert!(contents(place) == before, "{what}: the files have changed");
}

#[tokio::test]
async fn only_the_user_of_the_process_can_read_the_files() {
    // spec: Q11b
    let check = |place: &Place, what: &str| {
        for file in place.files() {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{what}: {file:?}");
        }
    };
    let place = Place::new();
    let store = place.open().await.unwrap();
    place.accept(&store, 1).await.unwrap();
    assert!(place.files().len() >= 3, "{:?}", place.files());
    check(&place, "new files");

    // Files of an earlier version, of a restored backup, or of another program.
    for mode in [0o644, 0o660, 0o666, 0o777, 0o604] {
        let place = killed().await;
        let journal = beside(&place, "-journal");
        fs::write(&journal, "").unwrap();
        let files = place.files();
        assert_eq!(files.len(), 5, "{files:?}");
        for file in files {
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
        let store = place.open().await.unwrap();
        check(&place, &format!("{mode:o}"));
        place.accept(&store, 101).await.unwrap();
        check(&place, &format!("{mode:o}, after a write"));
    }
}

#[tokio::test]
async fn a_database_of_another_kind_is_refused_and_stays_as_it_is() {
    // spec: Q11c
    for statement in ["PRAGMA user_version = 99", "PRAGMA application_id = 1"] {
        let place = closed().await;
        let connection = rusqlite::Connection::open(place.path()).unwrap();
        connection.execute_batch(statement).unwrap();
        drop(connection);
        check_refused(&place, statement, ErrorKind::Unsupported).await;
    }
    let place = closed().await;
    fs::write(place.path(), "not a database, but a text of some length").unwrap();
    check_refused(&place, "a text", ErrorKind::Corrupt).await;
}

#[tokio::test]
async fn damage_in_any_page_is_found_and_nothing_is_changed() {
    // spec: Q11c
    let place = closed().await;
    let whole = fs::read(place.path()).unwrap();
    let pages = whole.len() / PAGE;
    assert!(pages > 40, "{pages}");
    for page in 0..pages {
        for fill in [0xa5, 0, 0xff] {
            let mut damaged = whole.clone();
            damaged[page * PAGE..][..PAGE].fill(fill);
            fs::write(place.path(), damaged).unwrap();
            let what = format!("page {page} filled with {fill:#x}");
            check_refused(&place, &what, ErrorKind::Corrupt).await;
        }
    }
    for length in [1, 100, 511, 512, PAGE - 1, PAGE, 2 * PAGE, whole.len() / 2, whole.len() - PAGE]
    {
        fs::write(place.path(), &whole[..length]).unwrap();
        check_refused(&place, &format!("{length} bytes"), ErrorKind::Corrupt).await;
    }
    // Proof that the database opens without damage.
    fs::write(place.path(), &whole).unwrap();
    let store = place.open().await.unwrap();
    assert_eq!(store.unfinished().await.unwrap().len(), 100);
}

#[tokio::test]
async fn damage_beside_a_write_ahead_log_changes_neither() {
    // spec: Q11c
    let place = killed().await;
    let whole = fs::read(place.path()).unwrap();
    let middle = whole.len() / 2;
    let mut damaged = whole.clone();
    damaged[middle..].fill(0xa5);
    for (contents, what) in
        [(&damaged[..], "damaged pages"), (&whole[..middle], "lost pages"), (&[], "no page")]
    {
        fs::write(place.path(), contents).unwrap();
        check_refused(&place, what, ErrorKind::Corrupt).await;
    }
    // Proof that the database opens without damage, with the newest delivery.
    fs::write(place.path(), &whole).unwrap();
    let store = place.open().await.unwrap();
    assert!(place.accept(&store, 100).await.unwrap().duplicate);
}
