#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

use super::*;
use ccc_core::testing::git;

#[tokio::test]
async fn a_repository_with_special_files_is_refused_and_blocks_nothing() {
    // spec: X20e
    for (name, expected) in [
        ("HEAD", "the file HEAD"),
        ("config", "the file config"),
        ("commondir", "the file commondir"),
        ("packed-refs", "the file packed-refs"),
        ("shallow", "the file shallow"),
        ("objects/info/alternates", "the file objects/info/alternates"),
        ("refs/heads/main", "the file refs/heads/main"),
        ("refs/tags/a", "the file refs/tags/a"),
        ("refs/heads/claude/a", "the file refs/heads/claude/a"),
        ("objects/info/commit-graph", "the file objects/info/commit-graph"),
        ("objects/info/commit-graphs/a", "the file objects/info/commit-graphs/a"),
        ("objects/pack/pack-1.idx", "the file objects/pack/pack-1.idx"),
        ("objects/00", "the file objects/00"),
        ("objects/00/11111111111111111111111111111111111111", "the file objects/00/1111"),
        ("objects/00/other", "the file objects/00/other"),
        ("reftable/tables.list", "the file reftable/tables.list"),
        ("description", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        std::fs::create_dir(&root).unwrap();
        git(&root, &["init", "--quiet"]);
        git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
        let path = root.join(".git").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        match CheckedRepository::open(&root, &BranchPrefix::default()).await {
            Ok(_) => assert_eq!(expected, "", "{name}"),
            Err(error) => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_long_file_or_a_file_without_an_end_is_not_read() {
    // spec: X20e
    /// The replacement of a file: a sparse file with this number of bytes, or a symlink.
    enum New {
        Sparse(u64),
        Link(&'static str),
    }
    use New::{Link, Sparse};
    for (name, new, expected) in [
        (".git", Sparse(5 << 30), "more than 64 KiB"),
        (".git", Sparse((64 << 10) + 1), "more than 64 KiB"),
        (".git", Sparse(64 << 10), "is not in a git repository"),
        (".git", Link("/proc/kmsg"), "is not in a git repository"),
        (".git", Link("/dev/zero"), "is not in a git repository"),
        (".git/commondir", Sparse(3 << 30), "more than 64 KiB"),
        (".git/commondir", Link("/proc/kmsg"), "the file commondir"),
        (".git/commondir", Link("/dev/zero"), "the file commondir"),
        (".git/HEAD", Sparse(5 << 30), "the file HEAD"),
        (".git/HEAD", Link("/proc/kmsg"), "the file HEAD"),
        (".git/config", Sparse(5 << 30), "the file config"),
        (".git/config", Link("/proc/kmsg"), "the file config"),
        (".git/objects/info/alternates", Sparse(5 << 30), "the file objects/info/alternates"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        std::fs::create_dir(&root).unwrap();
        git(&root, &["init", "--quiet"]);
        git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
        let path = root.join(name);
        match path.is_dir() {
            true => std::fs::remove_dir_all(&path).unwrap(),
            false => drop(std::fs::remove_file(&path)),
        }
        match new {
            Sparse(bytes) => std::fs::File::create(&path).unwrap().set_len(bytes).unwrap(),
            Link(target) => std::os::unix::fs::symlink(target, &path).unwrap(),
        }
        let error = CheckedRepository::open(&root, &BranchPrefix::default()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_repository_with_symlinks_that_a_push_writes_through_is_refused() {
    // spec: X20e
    for (name, prefix, expected) in [
        ("refs", "claude/", "has refs "),
        ("refs/heads", "claude/", "has refs/heads "),
        ("refs/heads/claude", "claude/", "the file refs/heads/claude"),
        ("refs/heads/bots", "bots/claude/fix-", "the file refs/heads/bots"),
        ("refs/heads/bots/claude", "bots/claude/fix-", "the file refs/heads/bots/claude"),
        ("refs/heads/main", "claude/", "the file refs/heads/main"),
        ("objects", "claude/", "has objects "),
        ("objects/0f", "claude/", "the file objects/0f"),
        ("objects/pack", "claude/", "the file objects/pack"),
        ("objects/info", "claude/", "the file objects/info"),
        ("reftable", "claude/", "has reftable "),
        ("packed-refs", "claude/", "the file packed-refs"),
        ("shallow", "claude/", "the file shallow"),
        ("logs", "claude/", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        std::fs::create_dir(&root).unwrap();
        git(&root, &["init", "--quiet"]);
        git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
        let (path, outside) = (root.join(".git").join(name), directory.path().join("outside"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if std::fs::rename(&path, &outside).is_err() {
            match ["packed-refs", "shallow"].contains(&name) {
                true => std::fs::write(&outside, "# a file\n").unwrap(),
                false => std::fs::create_dir(&outside).unwrap(),
            }
        }
        std::os::unix::fs::symlink(outside, &path).unwrap();
        let prefix = BranchPrefix::new(prefix).unwrap();
        match CheckedRepository::open(&root, &prefix).await {
            Ok(_) => assert_eq!(expected, "", "{name}"),
            Err(error) => {
                let shown = error.to_string();
                assert!(!expected.is_empty() && shown.contains(expected), "{name}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn ordinary_repositories_pass_the_checks_of_their_files() {
    // spec: X20e
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let plain = at("plain");
    std::fs::create_dir(&plain).unwrap();
    git(&plain, &["init", "--quiet"]);
    git(&plain, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
    git(&plain, &["branch", "claude/issue-1"]);
    git(&plain, &["worktree", "add", "--quiet", "-b", "side", "../worktree"]);
    git(directory.path(), &["clone", "--quiet", "--bare", "plain", "bare.git"]);
    git(directory.path(), &["clone", "--quiet", "--shared", "plain", "shared"]);
    git(directory.path(), &["clone", "--quiet", "plain", "packed"]);
    git(&at("packed"), &["gc", "--quiet"]);
    git(&at("packed"), &["multi-pack-index", "write"]);
    git(&at("packed"), &["commit-graph", "write", "--reachable", "--split"]);
    let (old, moved) = (at("packed/.git/objects/pack"), at("moved.pack"));
    let pack = std::fs::read_dir(old).unwrap().map(|entry| entry.unwrap().path());
    let pack = pack.into_iter().find(|path| path.extension() == Some("pack".as_ref())).unwrap();
    std::fs::rename(&pack, &moved).unwrap();
    std::os::unix::fs::symlink(moved, pack).unwrap();
    std::os::unix::fs::symlink("plain/.git", at("link.git")).unwrap();
    let mut names = vec!["plain", "worktree", "bare.git", "shared", "packed", "link.git"];
    // A version of git that does not know the option knows no reftable.
    let mut reftable = std::process::Command::new("git");
    reftable.args(["init", "--quiet", "--initial-branch=main", "--ref-format=reftable"]);
    if reftable.arg(at("reftable")).status().is_ok_and(|status| status.success()) {
        git(&at("reftable"), &["commit", "--quiet", "--allow-empty", "--message", "start"]);
        names.push("reftable");
    }
    for name in names {
        let opened = CheckedRepository::open(&at(name), &BranchPrefix::default()).await;
        assert!(opened.is_ok(), "{name}: {opened:?}");
    }
}

#[tokio::test]
async fn special_files_among_borrowed_objects_are_refused() {
    // spec: X20e
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("lender")).unwrap();
    git(&at("lender"), &["init", "--quiet"]);
    git(&at("lender"), &["commit", "--quiet", "--allow-empty", "--message", "start"]);
    // The borrower reads the objects of the lender through another repository.
    git(directory.path(), &["clone", "--quiet", "--shared", "lender", "middle"]);
    git(directory.path(), &["clone", "--quiet", "--shared", "middle", "borrower"]);
    let open = || async {
        CheckedRepository::open(&at("borrower"), &BranchPrefix::default()).await.map(drop)
    };
    open().await.unwrap();
    for name in ["00/pipe", "pack/pack-1.idx", "info/commit-graph"] {
        let path = at("lender/.git/objects").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        std::fs::remove_file(path).unwrap();
    }
    open().await.unwrap();
}
