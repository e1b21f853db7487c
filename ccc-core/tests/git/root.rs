//! Tests of the root directory of host git.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use ccc_core::ErrorKind;
use ccc_core::git::{Collected, HostGit};

use crate::support::{TREE, World, chmod, dig, reopen, run, shell, within, write};

#[tokio::test]
async fn a_root_belongs_to_one_process() {
    let world = World::new(TREE);
    let root = world.path().join("host");
    let error = HostGit::open(&root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains(root.to_str().unwrap()), "{error}");
    // A path through a symlink leads to the same directory.
    symlink(world.path(), world.path().join("link")).unwrap();
    let error = HostGit::open(world.path().join("link/host")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let World { temp, host, .. } = world;
    host.check().await.unwrap();
    drop(host);
    reopen(&temp.path().join("host")).await;

    for (n, sub) in ["", "mirrors", "runs", "patches"].iter().enumerate() {
        let mode = fs::metadata(root.join(sub)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{n}: {sub}");
    }
    let in_a_file = root.join("lock").join("x");
    assert_eq!(HostGit::open(in_a_file).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn removal_deletes_any_files_that_an_agent_left() {
    let world = World::new(TREE);
    let outside = world.path().join("outside");
    write(&outside, "kept", "x");
    chmod(&outside, 0o755);
    let cases: &[(&str, &str)] = &[
        ("no change", ":"),
        ("directories without permissions", "mkdir -p a/b/c; echo x > a/b/f; chmod 0 a/b/c a/b a"),
        (
            "directories with some permissions",
            "mkdir -p a/b; echo x > a/b/f; chmod 0600 a; chmod 0500 docs",
        ),
        ("a workspace without permissions", "chmod 0 ."),
        ("files without permissions", "chmod 0 README.md; echo x > g; chmod 0 g"),
        (
            "symlinks that leave the workspace",
            "ln -s ../../../../outside out; ln -s /proc p; ln -s . self",
        ),
        ("a fifo", "mkfifo pipe"),
        ("no workspace", "cd ..; rm -rf workspace"),
        (
            "a symlink in place of the workspace",
            "cd ..; rm -rf workspace; ln -s ../../../outside workspace",
        ),
        (
            "names with special characters",
            "touch -- -rf '*' \"$(printf 'a\\nb')\" \"$(printf '\\377')\"",
        ),
        (
            "names like those of moved directories",
            "mkdir -p a/moved-1/b moved-1/c; echo x > moved-2; mkdir moved-3",
        ),
    ];
    for (n, (name, act)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        // Must not hang or panic. Other tests check the result.
        let _ = within(60, world.collect(run(n), &at.base)).await;
        within(60, world.host.remove(run(n))).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!world.path().join(format!("host/runs/{}", run(n))).exists(), "{name}");
        within(60, world.host.remove(run(n))).await.unwrap();
    }
    assert_eq!(fs::read(outside.join("kept")).unwrap(), b"x");
    assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(world.host.runs().await.unwrap(), []);
}

/// Checks that removal needs no stack frame, open file or longer path for each level.
#[tokio::test]
async fn deeply_nested_directories_are_removed() {
    let world = World::new(TREE);
    for (place, depth) in [("docs", 300), ("docs", 30_000), (".git", 3_000)] {
        let at = world.checkout(run(1)).await.unwrap();
        dig(&at.path.join(place), depth);
        let collected = within(120, world.collect(run(1), &at.base)).await.unwrap();
        let refused = matches!(&collected, Collected::Refused(r) if r.reason.contains("read"));
        // The workspace's own `.git` is deleted at any depth.
        assert!(refused || depth == 300 || place == ".git", "{collected:?}");
        assert!(!at.path.join(".git").exists());
        within(120, world.host.remove(run(1))).await.unwrap();
        assert!(!at.path.exists());
    }
}

#[tokio::test]
async fn runs_lists_the_run_directories() {
    let world = World::new(TREE);
    assert_eq!(world.host.runs().await.unwrap(), []);
    for n in [1, 2] {
        world.checkout(run(n)).await.unwrap();
    }
    write(&world.path().join("host/runs"), "no-run", "");
    let mut runs = world.host.runs().await.unwrap();
    runs.sort();
    assert_eq!(runs, [run(1), run(2)]);
    let kept = world.host.patch_path(run(1));
    fs::write(&kept, "patch").unwrap();
    world.host.remove(run(1)).await.unwrap();
    assert_eq!(world.host.runs().await.unwrap(), [run(2)]);
    assert!(kept.exists(), "a stored patch outlives its run");
}
