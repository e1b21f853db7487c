//! Tests of the permissions, owners and types of the files of a store.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use ccc_core::testing::has_part;
use ccc_core::{CredentialStore as _, Error, ErrorKind};
use ccc_store::FileCredentialStore;

use crate::common::{directory, get, key, keys, put};

async fn open(path: &Path) -> Result<FileCredentialStore, Error> {
    FileCredentialStore::open(path, &keys(&[1])).await
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn record(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "1")).unwrap()
}

#[tokio::test]
async fn directories_and_files_are_created_for_the_owner_only() {
    // spec: S5a
    let parent = directory();
    let path = parent.path().join("a/b");
    let store = open(&path).await.unwrap();
    put(&store, "name", "value").await;
    for made in [parent.path().join("a"), path.clone()] {
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let mut files = 0;
    for file in fs::read_dir(&path).unwrap() {
        let found = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(found & 0o7777, 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "index, lock and the record");
}

/// Creates a store with one credential, applies `harm` to it, and opens it again.
async fn harmed(harm: impl FnOnce(&Path)) -> (Result<FileCredentialStore, Error>, PathBuf) {
    let parent = directory().keep();
    let path = parent.join("store");
    put(&open(&path).await.unwrap(), "name", "value").await;
    harm(&path);
    (open(&path).await, parent)
}

#[tokio::test]
async fn wider_rights_links_and_other_owners_are_refused() {
    // spec: S5a
    type Harm = Box<dyn FnOnce(&Path)>;
    let moved = |name: fn(&Path) -> PathBuf| -> Harm {
        Box::new(move |path| {
            let (from, to) = (name(path), path.parent().unwrap().join("elsewhere"));
            fs::rename(&from, &to).unwrap();
            symlink(&to, &from).unwrap();
        })
    };
    let instead = |name: &'static str, make: fn(&Path)| -> Harm {
        Box::new(move |path| {
            let path = path.join(name);
            fs::remove_file(&path).unwrap();
            make(&path);
        })
    };
    let pipe = |path: &Path| {
        use rustix::fs::{CWD, FileType, Mode};
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    };
    let socket = |path: &Path| {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        mode(path, 0o600);
    };
    let mut cases: Vec<(&str, Harm, &str)> = vec![
        ("others may enter", Box::new(|path| mode(path, 0o701)), "chmod 700"),
        ("a group may read", Box::new(|path| mode(path, 0o750)), "chmod 700"),
        ("a group may write", Box::new(|path| mode(path, 0o720)), "chmod 700"),
        ("the index is open", Box::new(|path| mode(&path.join("index"), 0o604)), "chmod 600"),
        ("the lock is open", Box::new(|path| mode(&path.join("lock"), 0o660)), "chmod 600"),
        ("the record is open", Box::new(|path| mode(&record(path), 0o640)), "chmod 600"),
        ("the directory is a link", moved(Path::to_owned), "symbolic link"),
        ("the index is a link", moved(|path| path.join("index")), "symbolic link"),
        ("the lock is a link", moved(|path| path.join("lock")), "symbolic link"),
        ("the record is a link", moved(record), "symbolic link"),
        ("the index is a pipe", instead("index", pipe), "not a regular file"),
        (
            "the index is a directory",
            instead("index", |path| fs::create_dir(path).unwrap()),
            "not a regular file",
        ),
        ("the lock is a pipe", instead("lock", pipe), "not a regular file"),
        ("the lock is a socket", instead("lock", socket), "cannot open"),
    ];
    if has_part("root", rustix::process::geteuid().is_root(), "run as root") {
        let given = |name: fn(&Path) -> PathBuf| -> Harm {
            Box::new(move |path| chown(name(path), Some(1234), Some(1234)).unwrap())
        };
        cases.push(("the directory has another owner", given(Path::to_owned), "chown"));
        cases.push(("the index has another owner", given(|path| path.join("index")), "chown"));
        cases.push(("the record has another owner", given(record), "chown"));
    }
    for (what, harm, expected) in cases {
        let (opened, parent) = harmed(harm).await;
        let error = match opened {
            Ok(store) => store.get(&key("name")).await.expect_err(what),
            Err(error) => error,
        };
        let kind =
            if expected == "cannot open" { ErrorKind::Unavailable } else { ErrorKind::Refused };
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.to_string().contains(expected), "{what}: {error}");
        fs::remove_dir_all(parent).unwrap();
    }
}

#[tokio::test]
async fn unfinished_files_are_removed_and_unknown_files_stay() {
    // spec: S5b
    let directory = directory();
    let path = directory.path();
    put(&open(path).await.unwrap(), "name", "value").await;
    let stray = record(path).with_extension("7");
    for name in ["unfinished-index", "unfinished-anything", "notes.txt"] {
        fs::write(path.join(name), "x").unwrap();
        mode(&path.join(name), 0o600);
    }
    fs::copy(record(path), &stray).unwrap();
    let store = open(path).await.unwrap();
    assert_eq!(get(&store, "name").await.as_deref(), Some("value"));
    let mut left: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains(".1"))
        .collect();
    left.sort();
    assert_eq!(left, ["index", "lock", "notes.txt"]);
}

#[tokio::test]
async fn unfinished_files_do_not_prevent_a_write() {
    // spec: S5b
    for linked in [false, true] {
        let (directory, outside) = (directory(), tempfile::NamedTempFile::new().unwrap());
        let path = directory.path();
        let store = open(path).await.unwrap();
        put(&store, "name", "first").await;
        for next in [record(path).with_extension("2"), path.join("index")] {
            let name = next.file_name().unwrap().to_str().unwrap();
            let unfinished = path.join(format!("unfinished-{name}"));
            if linked {
                symlink(outside.path(), unfinished).unwrap();
            } else {
                // Longer than the file that is written next.
                fs::write(&unfinished, [b'x'; 10_000]).unwrap();
                mode(&unfinished, 0o600);
            }
        }
        put(&store, "name", "second").await;
        for store in [store, open(path).await.unwrap()] {
            assert_eq!(get(&store, "name").await.as_deref(), Some("second"), "{linked}");
        }
        assert_eq!(fs::read(outside.path()).unwrap(), b"", "the file was written through the link");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_removed_does_not_prevent_a_write() {
    let directory = directory();
    let store = open(directory.path()).await.unwrap();
    put(&store, "name", "first").await;
    let before = record(directory.path());
    fs::remove_file(&before).unwrap();
    fs::create_dir(&before).unwrap();
    put(&store, "name", "second").await;
    assert_eq!(get(&store, "name").await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_path_that_is_not_a_directory_is_a_clear_error() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below"), PathBuf::from("/proc/credentials")] {
        let error = open(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_credential_that_is_too_large_to_be_read_is_not_written() {
    // spec: S5c
    let directory = directory();
    let store = open(directory.path()).await.unwrap();
    put(&store, "name", "before").await;
    let large = ccc_core::Secret::new(vec![0; 17 << 20]);
    let put = store.put(&key("name"), &large, ccc_core::credential::Precondition::None).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(get(&store, "name").await.as_deref(), Some("before"));
}

#[tokio::test]
async fn several_processes_can_create_a_store_at_once() {
    // spec: S5b
    for _ in 0..20 {
        let parent = directory();
        let path = parent.path().join("a/b");
        let mut all = tokio::task::JoinSet::new();
        for number in 0..8 {
            let path = path.clone();
            all.spawn(async move {
                let store = open(&path).await.unwrap();
                put(&store, &format!("name/{number}"), "value").await;
            });
        }
        while let Some(ended) = all.join_next().await {
            ended.unwrap();
        }
        assert_eq!(open(&path).await.unwrap().list().await.unwrap().len(), 8);
    }
}
