//! Tests with writers that are interrupted. Each writer is a separate process: the test binary,
//! started with the name of the test `victim`, which is ignored otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a panic fails the test, and the printed counts are for developers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use ccc_core::testing::has_part;
use tempfile::NamedTempFile;

use super::{DERIVATION, INDEX, index, init_derivation, is_record, remove_unlisted};
use crate::file_credential_store::directory::Directory;
use crate::sealed::SealedIndex;

mod hang;
mod scene;

use scene::{ACTS, Act, Scene, WAITS, fresh, seed};

fn strace_is_there() -> bool {
    let asked = Command::new("strace").arg("-V").output();
    has_part("strace", asked.is_ok(), "install strace")
}

/// Returns the names of the system calls that a writer makes for `act`, in order, until the writer
/// reports its result.
fn calls(seed: &Path, act: Act) -> Vec<String> {
    let mut scene = Scene::new(seed, act, None);
    let log = NamedTempFile::new().unwrap();
    assert_eq!(scene.go_with(&["-o", log.path().to_str().unwrap()]), Some(true));
    let text = fs::read_to_string(log.path()).unwrap();
    let lines = text.lines().take_while(|line| !line.starts_with("write(1,"));
    let names = lines.map(|line| line.split('(').next().unwrap());
    names.filter(|name| *name != WAITS).map(str::to_owned).collect()
}

/// Injects `harm` into one system call of a writer that executes `act`: in the first scene into its
/// first system call, in the second scene into its second system call, and so on. If `names` is not
/// empty, only system calls with these names are used. Returns the number of scenes, and what the
/// writers reported.
fn at_every_call(act: Act, names: &[&str], harm: &str) -> (usize, BTreeSet<Option<bool>>) {
    let (seed, mut said, mut made) = (seed(), BTreeSet::new(), BTreeMap::<_, usize>::new());
    for name in calls(seed.path(), act) {
        if names.is_empty() || names.contains(&&*name) {
            // strace counts the calls of each name separately.
            let number = made.entry(name.clone()).or_default();
            *number += 1;
            let inject = format!("inject={name}:{harm}:when={number}");
            let mut scene = Scene::new(seed.path(), act, None);
            let now = scene.go_with(&["-e", &inject, "-o", "/dev/null"]);
            scene.judge(now, &inject);
            said.insert(now);
        }
    }
    (made.values().sum(), said)
}

#[test]
fn a_writer_that_is_killed_at_any_system_call_leaves_the_old_or_the_new_value() {
    // spec: S5b
    if !strace_is_there() {
        return;
    }
    for act in ACTS {
        let (calls, said) = at_every_call(act, &[], "signal=SIGKILL");
        println!("{act:?}: killed at each of {calls} system calls");
        assert!(calls >= 20, "{act:?} made only {calls} calls");
        assert_eq!(said, BTreeSet::from([None]), "{act:?}: a writer survived");
    }
}

#[test]
fn a_disk_that_is_full_or_broken_at_any_call_leaves_the_old_or_the_new_value() {
    // spec: S5b, S5c
    const TO_DISK: [&str; 7] =
        ["openat", "write", "fsync", "renameat", "renameat2", "unlinkat", "flock"];
    if !strace_is_there() {
        return;
    }
    for (act, error) in [
        (Act::First, "ENOSPC"),
        (Act::Put, "ENOSPC"),
        (Act::Put, "EIO"),
        (Act::Delete, "EDQUOT"),
        (Act::Rotate, "EIO"),
    ] {
        let (calls, said) = at_every_call(act, &TO_DISK, &format!("error={error}"));
        println!("{act:?}: {error} at each of {calls} system calls");
        assert!(said.contains(&Some(false)), "{act:?}: {error} was never reported");
        assert!(!said.contains(&None), "{act:?}: {error} ended the process");
    }
}

#[test]
fn a_write_that_is_cut_off_at_any_byte_leaves_the_old_or_the_new_value() {
    // spec: S5b
    for act in ACTS {
        let (seed, mut torn) = (seed(), 0);
        // The kernel writes as many bytes as the file size limit allows, and then ends the process.
        for bytes in 0.. {
            let mut scene = Scene::new(seed.path(), act, Some(bytes));
            let said = scene.go();
            scene.judge(said, &format!("cut off at byte {bytes}"));
            if said.is_some() {
                assert_eq!(said, Some(true));
                break;
            }
            torn += 1;
        }
        println!("{act:?}: cut off at each of {torn} bytes");
        assert!(torn > 300, "{act:?}: only {torn} bytes were written, less than the index has");
    }
}

#[test]
fn contents_are_synced_before_a_rename_and_the_record_before_the_index() {
    // spec: S5b
    if !strace_is_there() {
        return;
    }
    let put = [
        "write unfinished-record",
        "fsync unfinished-record",
        "rename unfinished-record record",
        "fsync directory",
        "write unfinished-index",
        "fsync unfinished-index",
        "rename unfinished-index index",
        "fsync directory",
        "unlink record",
    ];
    let passphrase = [
        "write unfinished-derivation",
        "fsync unfinished-derivation",
        "rename unfinished-derivation derivation",
        "fsync directory",
    ];
    let seed = seed();
    for (act, expected) in [(Act::Put, &put[..]), (Act::Passphrase, &passphrase)] {
        let mut scene = Scene::new(seed.path(), act, None);
        let log = NamedTempFile::new().unwrap();
        let arguments = ["-y", "-e", "trace=write,fsync,renameat,renameat2,unlinkat", "-o"];
        let said = scene.go_with(&[&arguments[..], &[log.path().to_str().unwrap()]].concat());
        assert_eq!(said, Some(true));
        let text = fs::read_to_string(log.path()).unwrap();
        let directory = scene.directory.path().to_str().unwrap();
        let calls: Vec<String> = text.lines().filter_map(|line| call(line, directory)).collect();
        assert_eq!(calls, expected, "{act:?}");
    }
}

/// Returns the name of the system call and the kinds of files in `line` of strace's output, or
/// `None` if `line` does not contain `directory`.
fn call(line: &str, directory: &str) -> Option<String> {
    let (name, rest) = line.split_once('(')?;
    let name = match name {
        "renameat" | "renameat2" => "rename",
        "unlinkat" => "unlink",
        name => name,
    };
    let at = rest.find(directory)?;
    let mut files = Vec::new();
    for part in rest[at..].split([',', '(', ' ', ')', '<', '>', '"']) {
        let part = part.strip_prefix(directory).unwrap_or(part);
        let part = part.trim_start_matches('/');
        let file = part.strip_prefix("unfinished-").unwrap_or(part);
        let word = match file {
            INDEX | DERIVATION => file,
            _ if is_record(file) => "record",
            _ => continue,
        };
        files.push(part.replace(file, word));
    }
    if files.is_empty() {
        files.push("directory".to_owned());
    }
    Some(format!("{name} {}", files.join(" ")))
}

#[test]
fn a_sweep_with_an_outdated_index_removes_nothing() {
    // spec: S5b
    let seed = seed();
    let directory = Directory::open(seed.path()).unwrap();
    let names = || directory.names().unwrap().into_iter().collect::<BTreeSet<_>>();
    let (newest, before) = (index(&directory).unwrap().unwrap(), names());
    remove_unlisted(&directory, &SealedIndex::from(&b"older"[..]), &[]).unwrap();
    assert_eq!(names(), before);
    remove_unlisted(&directory, &newest, &[]).unwrap();
    assert_eq!(names(), BTreeSet::from([INDEX.to_owned()]));
}

#[test]
fn of_concurrent_first_derivations_one_is_stored() {
    // spec: S3b
    for _ in 0..20 {
        let (shared, start) = (fresh(), Barrier::new(8));
        let init = |number: usize| {
            let directory = Directory::open(shared.path()).unwrap();
            start.wait();
            init_derivation(&directory, number.to_string()).unwrap()
        };
        let stored: BTreeSet<String> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|number| scope.spawn(move || init(number))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(stored.len(), 1, "{stored:?}");
    }
}
