#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;

use rustix::fs::{Mode, OFlags};

use super::*;

fn check(fill: impl FnOnce(&Path), expected: Option<LimitBreach>) {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    assert_eq!(measure(directory.path(), 1 << 20, 10), expected);
}

#[test]
fn bytes_and_entries_are_counted_at_every_depth() {
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
    // A file with several hard links counts once, a symlink is not followed, and the holes of a
    // sparse file use no space.
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
fn a_file_in_a_directory_without_permissions_is_counted() {
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
fn a_tree_deeper_than_the_longest_path_is_measured() {
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
fn a_file_in_a_directory_without_search_permission_is_counted() {
    // As root, this test proves nothing, because root can search every directory.
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
fn a_deep_and_wide_tree_is_measured() {
    // 150 nested directories, and 2 000 directories in the innermost one: few enough to create
    // quickly.
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d/".repeat(150));
    fs::create_dir_all(&deep).unwrap();
    (0..2_000).for_each(|i| fs::create_dir(deep.join(i.to_string())).unwrap());
    let breach = measure(directory.path(), 1 << 30, 2_150);
    assert_eq!(breach, None);
    assert_eq!(measure(directory.path(), 1 << 30, 2_149), Some(LimitBreach::Entries));
}

#[test]
fn each_breach_has_its_own_status() {
    for breach in
        [LimitBreach::Bytes, LimitBreach::Entries, LimitBreach::Disk, LimitBreach::Processes]
    {
        assert_eq!(LimitBreach::from_status(breach.status().into()), Some(breach));
    }
    assert_eq!(LimitBreach::from_status(0), None);
}
