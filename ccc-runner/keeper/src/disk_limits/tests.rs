#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use rustix::fs::{Mode, OFlags};

use super::*;

fn check(fill: impl FnOnce(&Path), expected: Option<LimitBreach>) {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    assert_eq!(measure(directory.path(), 1 << 20, 10), expected);
}

#[test]
fn bytes_and_entries_are_counted_wherever_they_lie() {
    // spec: X2
    let file = |path: &Path, bytes: usize| fs::write(path, vec![7; bytes]).unwrap();
    check(|_| {}, None);
    check(|at| file(&at.join("small"), 1_000), None);
    check(|at| file(&at.join("large"), 2 << 20), Some(LimitBreach::Bytes));
    check(
        |at| {
            fs::create_dir_all(at.join("a/b/c")).unwrap();
            file(&at.join("a/b/c/large"), 2 << 20);
        },
        Some(LimitBreach::Bytes),
    );
    check(|at| (0..11).for_each(|i| file(&at.join(i.to_string()), 0)), Some(LimitBreach::Entries));
    // One file of many names is one file; a link is no way out; holes take no room.
    check(
        |at| {
            file(&at.join("one"), 700 << 10);
            fs::hard_link(at.join("one"), at.join("two")).unwrap();
        },
        None,
    );
    check(|at| std::os::unix::fs::symlink("/usr", at.join("usr")).unwrap(), None);
    check(|at| fs::File::create(at.join("holes")).unwrap().set_len(1 << 40).unwrap(), None);
}

#[test]
fn a_directory_that_is_shut_hides_nothing() {
    use std::os::unix::fs::PermissionsExt;
    check(
        |at| {
            fs::create_dir(at.join("shut")).unwrap();
            fs::write(at.join("shut/large"), vec![7; 2 << 20]).unwrap();
            fs::set_permissions(at.join("shut"), fs::Permissions::from_mode(0o000)).unwrap();
        },
        Some(LimitBreach::Bytes),
    );
}

#[test]
fn deeper_than_a_path_reaches_is_too_deep() {
    check(
        |at| {
            let name = "d".repeat(250);
            let flags = OFlags::DIRECTORY | OFlags::RDONLY;
            let mut here = rustix::fs::open(at, flags, Mode::empty()).unwrap();
            for _ in 0..20 {
                rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
                here = rustix::fs::openat(&here, &name, flags, Mode::empty()).unwrap();
            }
        },
        Some(LimitBreach::Entries),
    );
}

#[test]
fn a_directory_that_can_be_listed_and_not_entered_hides_nothing() {
    // As root this passes: root may enter everything.
    use std::os::unix::fs::PermissionsExt;
    check(
        |at| {
            fs::create_dir(at.join("listed")).unwrap();
            fs::write(at.join("listed/large"), vec![7; 2 << 20]).unwrap();
            fs::set_permissions(at.join("listed"), fs::Permissions::from_mode(0o400)).unwrap();
        },
        Some(LimitBreach::Bytes),
    );
}

#[test]
fn a_deep_and_wide_tree_is_measured_at_once() {
    // As many as take no time to make: 150 in each other, and 2 000 at the end.
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d/".repeat(150));
    fs::create_dir_all(&deep).unwrap();
    (0..2_000).for_each(|i| fs::create_dir(deep.join(i.to_string())).unwrap());
    let breach = measure(directory.path(), 1 << 30, 2_150);
    assert_eq!(breach, None);
    assert_eq!(measure(directory.path(), 1 << 30, 2_149), Some(LimitBreach::Entries));
}

#[test]
fn each_breach_has_a_status_of_its_own() {
    for breach in
        [LimitBreach::Bytes, LimitBreach::Entries, LimitBreach::Disk, LimitBreach::Processes]
    {
        assert_eq!(LimitBreach::from_status(breach.status().into()), Some(breach));
    }
    assert_eq!(LimitBreach::from_status(0), None);
}
