//! Tests of the walk of a workspace.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{RenameFlags, renameat_with};

use super::*;

/// Returns the paths of all files below the workspace, relative to it, and the number of
/// directories that the walk could not enter.
fn walk(workspace: &Path) -> (Vec<String>, usize) {
    let opened = Workspace::open(workspace).unwrap();
    let (mut found, mut failed, mut walk) = (Vec::new(), 0, Walk::new(&opened));
    while let Some(Reached { path, listing }) = walk.next_directory() {
        let Ok(listing) = listing else {
            failed += 1;
            continue;
        };
        for entry in listing {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name().to_bytes();
            let kind = kind(walk.current().unwrap(), name, entry.file_type());
            match kind {
                _ if matches!(name, b"." | b"..") => {}
                Ok(FileType::Directory) => walk.push(name),
                _ => found.push(format!(
                    "{}/{}",
                    String::from_utf8_lossy(&path),
                    String::from_utf8_lossy(name)
                )),
            }
        }
    }
    assert_eq!(walk.waiting(), 0);
    found.sort();
    (found, failed)
}

/// Returns the same as [`walk`] for a walk that resolves whole paths, and so follows symlinks.
fn walk_paths(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(walk_paths(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

/// Replaces the directory `top/a` by a symlink to `victim` and back, in one step each, while
/// `read` runs. Returns the number of replacements.
pub(in crate::git) fn swapping(top: &Path, victim: &Path, read: impl FnOnce()) -> usize {
    let link = top.with_file_name("link");
    symlink(victim, &link).unwrap();
    let (over, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let (from, to) = (&link, top.join("a"));
                renameat_with(CWD, from, CWD, &to, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        read();
        over.store(true, Ordering::Relaxed);
    });
    swaps.into_inner()
}

#[test]
fn a_directory_that_is_swapped_for_a_symlink_does_not_redirect_the_walk() {
    // spec: X6f
    let (place, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let top = place.path().join("top");
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::create_dir_all(victim.path().join("b")).unwrap();
    fs::write(top.join("a/b/own"), "").unwrap();
    fs::write(victim.path().join("b/secret"), "a secret").unwrap();
    let mut fooled = 0;
    let swaps = swapping(&top, victim.path(), || {
        for _ in 0..1_000 {
            for path in walk(&top).0 {
                assert!(path == "/a" || path == "a/b/own", "{path}");
            }
            let opened = Workspace::open(&top).unwrap();
            assert!(opened.stat(b"a/b/secret").is_err());
        }
        // The same swaps redirect a walk that resolves whole paths.
        for _ in 0..200_000 {
            fooled += usize::from(walk_paths(&top).iter().any(|p| p.ends_with("secret")));
            if fooled > 0 {
                break;
            }
        }
    });
    assert!(swaps > 0 && fooled > 0, "{swaps} swaps, {fooled} redirected walks");
}

#[test]
fn every_directory_is_entered_once_at_any_depth() {
    // spec: X6f
    let top = tempfile::tempdir().unwrap();
    let mut path = top.path().join("w");
    let mut expected = Vec::new();
    for depth in 0..300 {
        fs::create_dir_all(path.join("x")).unwrap();
        fs::create_dir_all(path.join("z")).unwrap();
        let above = "d/".repeat(depth);
        for place in ["x", "z"] {
            fs::write(path.join(place).join("f"), "").unwrap();
            expected.push(format!("{above}{place}/f"));
        }
        path.push("d");
    }
    expected.sort();
    assert_eq!(walk(&top.path().join("w")), (expected, 0));
}

#[test]
fn a_symlink_in_a_path_is_not_followed() {
    // spec: X6f
    let top = tempfile::tempdir().unwrap();
    let at = top.path().join("parent/w");
    fs::create_dir_all(at.join("d")).unwrap();
    fs::write(at.join("d/f"), "12345").unwrap();
    symlink("d", at.join("l")).unwrap();
    symlink("d/f", at.join("g")).unwrap();
    let opened = Workspace::open(&at).unwrap();
    assert_eq!(opened.stat(b"d/f").unwrap().st_size, 5);
    let link = opened.stat(b"g").unwrap();
    assert_eq!(FileType::from_raw_mode(link.st_mode), FileType::Symlink);
    let outside = [&b"../w/d/f"[..], b"d/../d/f", b"/d/f", b"d//f", b"..", b"d/.", b""];
    for path in [&b"l/f"[..], b"none/f", b"d/f/x", b"none"].into_iter().chain(outside) {
        assert!(opened.stat(path).is_err(), "{path:?}");
    }
    symlink("w", top.path().join("parent/v")).unwrap();
    symlink("parent", top.path().join("p")).unwrap();
    for path in ["parent/v", "p/w", "parent/w/d/f"] {
        assert!(Workspace::open(&top.path().join(path)).is_err(), "{path}");
    }
}
