//! The directory that host git works in.

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
    // By another name it is the same.
    symlink(&root, world.path().join("link")).unwrap();
    let error = HostGit::open(world.path().join("link")).unwrap_err();
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
async fn whatever_an_agent_leaves_is_removed() {
    let world = World::new(TREE);
    let outside = world.path().join("outside");
    write(&outside, "kept", "x");
    chmod(&outside, 0o755);
    let cases: &[(&str, &str)] = &[
        ("nothing more", ":"),
        ("shut directories", "mkdir -p a/b/c; echo x > a/b/f; chmod 0 a/b/c a/b a"),
        ("half-shut directories", "mkdir -p a/b; echo x > a/b/f; chmod 0600 a; chmod 0500 docs"),
        ("a shut workspace", "chmod 0 ."),
        ("shut files", "chmod 0 README.md; echo x > g; chmod 0 g"),
        ("links out", "ln -s ../../../../outside out; ln -s /proc p; ln -s . self"),
        ("a fifo", "mkfifo pipe"),
        ("no workspace", "cd ..; rm -rf workspace"),
        ("a link for a workspace", "cd ..; rm -rf workspace; ln -s ../../../outside workspace"),
        ("odd names", "touch -- -rf '*' \"$(printf 'a\\nb')\" \"$(printf '\\377')\""),
        (
            "names that moving might use",
            "mkdir -p a/moved-1/b moved-1/c; echo x > moved-2; mkdir moved-3",
        ),
    ];
    for (n, (name, act)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        // Without a hang or a panic; what is found is for other tests.
        let _ = within(60, world.collect(run(n), &at.base)).await;
        within(60, world.host.remove(run(n))).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!world.path().join(format!("host/runs/{}", run(n))).exists(), "{name}");
        within(60, world.host.remove(run(n))).await.unwrap();
    }
    assert_eq!(fs::read(outside.join("kept")).unwrap(), b"x");
    assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(world.host.runs().unwrap(), []);
}

/// Removing must not need a stack frame, an open file or a longer path for each level.
#[tokio::test]
async fn no_depth_of_directories_ends_the_process() {
    let world = World::new(TREE);
    for (place, depth) in [("docs", 300), ("docs", 30_000), (".git", 3_000)] {
        let at = world.checkout(run(1)).await.unwrap();
        dig(&at.path.join(place), depth);
        let collected = within(120, world.collect(run(1), &at.base)).await.unwrap();
        let refused = matches!(&collected, Collected::Refused(r) if r.reason.contains("read"));
        // The workspace's own `.git` is thrown away, however deep it is.
        assert!(refused || depth == 300 || place == ".git", "{collected:?}");
        assert!(!at.path.join(".git").exists());
        within(120, world.host.remove(run(1))).await.unwrap();
        assert!(!at.path.exists());
    }
}

#[tokio::test]
async fn runs_are_those_that_have_a_directory() {
    let world = World::new(TREE);
    assert_eq!(world.host.runs().unwrap(), []);
    for n in [1, 2] {
        world.checkout(run(n)).await.unwrap();
    }
    write(&world.path().join("host/runs"), "no-run", "");
    let mut runs = world.host.runs().unwrap();
    runs.sort();
    assert_eq!(runs, [run(1), run(2)]);
    let kept = world.host.patch_path(run(1));
    fs::write(&kept, "patch").unwrap();
    world.host.remove(run(1)).await.unwrap();
    assert_eq!(world.host.runs().unwrap(), [run(2)]);
    assert!(kept.exists(), "a kept patch outlives its run");
}
