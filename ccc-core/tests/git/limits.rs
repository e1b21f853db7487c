//! Tests of the limits of git processes and of checkouts.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use ccc_core::git::{Collected, GitLimits, HostGit};
use ccc_core::vcs::{Access, Grant};
use ccc_core::{Error, ErrorKind, ObjectId, Result};

use crate::support::{
    Entry, TREE, World, as_files, files_below, git, git_text, git_with, repository, run, shell,
    within, write,
};

/// Returns a world whose host has these limits.
fn limited(entries: &[Entry], limits: GitLimits) -> World {
    let World { temp, remote, host } = World::new(entries);
    World { temp, remote, host: host.with_limits(limits) }
}

/// Returns bytes that cannot be compressed, the same in every call.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(bytes)
    .collect()
}

fn check(result: Result<()>, kind: ErrorKind, words: &[&str]) {
    let error: Error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for words in words {
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_call_over_a_limit_is_ended_and_names_the_limit() {
    // spec: X18b
    let (large, zeros) = (noise(2 << 20), vec![0; 80 << 20]);
    let entries: &[Entry] = &[("100644", "large", &large), ("100644", "zeros", &zeros)];
    let defaults = GitLimits::default();
    let mut world = limited(entries, defaults.with_file_bytes(1u64 << 20));
    let fetched = within(120, world.checkout(run(1))).await.map(drop);
    let words = ["wrote a file of more than 1048576 bytes", "fetched the repository"];
    check(fetched, ErrorKind::LimitExceeded, &words);
    // The same repository is fetched with the default limits.
    world.host = world.host.with_limits(defaults);
    world.checkout(run(2)).await.unwrap();
    // To write the file `zeros`, git reads the whole file into memory.
    world.host = world.host.with_limits(defaults.with_memory(48u64 << 20));
    let written = within(120, world.checkout(run(3))).await.map(drop);
    let words = ["needed more than 50331648 bytes of memory", "wrote the files"];
    check(written, ErrorKind::LimitExceeded, &words);
}

#[tokio::test]
async fn a_call_that_prints_or_waits_too_long_is_ended() {
    // spec: X18b
    let entries: &[Entry] = &[("100644", "f", &[b'x'; 5_000])];
    let world = limited(entries, GitLimits::default().with_output_bytes(2_000u64));
    let at = world.checkout(run(1)).await.unwrap();
    let read = world.host.file(run(1), &at.base, "f", 100_000).await.map(drop);
    check(read, ErrorKind::LimitExceeded, &["printed more than 2000 bytes", "contents of files"]);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r.git", silent.local_addr().unwrap());
    let limits = GitLimits::default().with_duration(Duration::from_secs(1));
    let host = world.host.with_limits(limits);
    let (repository, access) = (repository(), Access::open(Grant::Read, url));
    let fetched = within(60, host.checkout(run(2), &repository, &access)).await.map(drop);
    check(fetched, ErrorKind::TimedOut, &["took longer than 1 seconds", "fetched the repository"]);
}

/// Checks that a workspace cannot keep git busy: each of its patterns is compared with each file.
#[tokio::test]
async fn ignore_patterns_that_take_too_long_are_refused() {
    // spec: X18b
    let world = limited(TREE, GitLimits::default().with_workspace_cpu(Duration::from_secs(1)));
    let at = world.checkout(run(1)).await.unwrap();
    let patterns: String = (0..60_000).map(|n| format!("*a*a*b{n}\n")).collect();
    write(&at.path, "new/.gitignore", patterns);
    for n in 0..3_000 {
        write(&at.path, &format!("new/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{n}"), "");
    }
    let collected = within(120, world.collect(run(1), &at.base)).await.unwrap();
    let Collected::Refused(refusal) = &collected else { panic!("{collected:?}") };
    for words in ["more than 1 seconds of CPU time", "ignore patterns"] {
        assert!(refusal.reason.contains(words), "{refusal:?}");
    }
    // Other calls of git have the longer limit, and the service goes on.
    world.host.remove(run(1)).await.unwrap();
    let at = world.checkout(run(2)).await.unwrap();
    assert_eq!(files_below(&at.path), as_files(TREE));
}

/// Creates a tree with these entries, in the form `<mode> <type> <object>\t<name>`.
fn tree(remote: &Path, entries: &[String]) -> String {
    let list = entries.concat();
    let tree = git_with(remote, &["mktree", "--missing", "-z"], list.as_bytes());
    String::from_utf8(tree).unwrap().trim().to_owned()
}

fn blob(remote: &Path, content: &[u8]) -> String {
    let blob = git_with(remote, &["hash-object", "-w", "--stdin"], content);
    String::from_utf8(blob).unwrap().trim().to_owned()
}

/// Makes a tree the default branch of the remote.
fn publish(remote: &Path, tree: &str) -> ObjectId {
    let commit = git_text(remote, &["commit-tree", tree, "-m", "seed"]);
    git(remote, &["update-ref", "refs/heads/main", &commit]);
    ObjectId::new(commit).unwrap()
}

/// Checks that the attributes of a repository, which have no effect, are not compared with its files.
#[tokio::test]
async fn attributes_with_many_patterns_do_not_slow_a_checkout_down() {
    // spec: X6e, X18b
    let world = limited(TREE, GitLimits::default().with_workspace_cpu(Duration::from_secs(12)));
    let patterns: String = (0..60_000).map(|n| format!("*a*a*b{n} foo=1\n")).collect();
    let (attributes, empty) = (blob(&world.remote, patterns.as_bytes()), blob(&world.remote, b""));
    let mut entries = vec![format!("100644 blob {attributes}\t.gitattributes\0")];
    entries.extend(
        (0..3_000)
            .map(|n| format!("100644 blob {empty}\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{n:04}\0")),
    );
    publish(&world.remote, &tree(&world.remote, &entries));
    let at = within(120, world.checkout(run(1))).await.unwrap();
    assert_eq!(files_below(&at.path).len(), 3_001);

    // Patterns with an effect are counted.
    let patterns = patterns.replace("foo=1", "text");
    let attributes = blob(&world.remote, patterns.as_bytes());
    let entries = [format!("100644 blob {attributes}\t.gitattributes\0")];
    publish(&world.remote, &tree(&world.remote, &entries));
    let error = within(120, world.checkout(run(2))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert!(error.to_string().contains("more than 10000 patterns"), "{error}");
}

/// Returns a tree that contains `inner` under ten names, in ten levels.
fn levels(remote: &Path, inner: &str, width: usize, levels: usize) -> String {
    (0..levels).fold(inner.to_owned(), |inner, _| {
        let entries: Vec<_> = (0..width).map(|n| format!("040000 tree {inner}\t{n}\0")).collect();
        tree(remote, &entries)
    })
}

#[tokio::test]
async fn a_checkout_over_a_limit_writes_nothing() {
    // spec: X18c
    let limits =
        GitLimits::default().with_checkout_bytes(64u64 << 20).with_checkout_entries(5_000u64);
    type Make = fn(&Path) -> String;
    let cases: &[(&str, Make, &str)] = &[
        (
            "one file under a thousand names",
            |remote| {
                let blob = blob(remote, &vec![0; 1 << 20]);
                let entry = |n| format!("100644 blob {blob}\t{n}\0");
                tree(remote, &(1_000..2_000).map(entry).collect::<Vec<_>>())
            },
            "68157440 or more bytes in total; a workspace may have at most 67108864 bytes",
        ),
        (
            "ten to the power of ten files",
            |remote| {
                let file = format!("100644 blob {}\tf\0", blob(remote, b""));
                levels(remote, &tree(remote, &[file]), 10, 10)
            },
            "5001 or more files and directories; a workspace may have at most 5000",
        ),
        (
            "ten to the power of ten empty directories",
            |remote| levels(remote, &tree(remote, &[]), 10, 10),
            "5001 or more files",
        ),
        (
            "a chain of directories that is too long for a path",
            |remote| {
                let path = "d/".repeat(2_040) + "f";
                let entry: Entry = ("100644", &path, b"");
                crate::support::commit_tree(remote, "deep", &[entry]);
                git_text(remote, &["rev-parse", "deep^{tree}"])
            },
            "",
        ),
        (
            "a long name",
            |remote| {
                let name = "n".repeat(256);
                tree(remote, &[format!("100644 blob {}\t{name}\0", blob(remote, b""))])
            },
            "name of more than 255 bytes",
        ),
        (
            "a long path",
            |remote| {
                let name = "n".repeat(250);
                let file = format!("100644 blob {}\tf\0", blob(remote, b""));
                (0..20).fold(tree(remote, &[file]), |inner, _| {
                    tree(remote, &[format!("040000 tree {inner}\t{name}\0")])
                })
            },
            "path of more than 4095 bytes",
        ),
    ];
    for (name, make, words) in cases {
        let world = limited(&[], limits);
        publish(&world.remote, &make(&world.remote));
        let checked_out = within(120, world.checkout(run(1))).await;
        if words.is_empty() {
            // The path is just short enough.
            let at = checked_out.unwrap_or_else(|e| panic!("{name}: {e}"));
            let collected = within(120, world.collect(run(1), &at.base)).await.unwrap();
            assert!(matches!(collected, Collected::Nothing { .. }), "{name}");
            continue;
        }
        check(checked_out.map(drop), ErrorKind::LimitExceeded, &[words]);
        let workspace = world.path().join(format!("host/runs/{}/workspace", run(1)));
        assert_eq!(files_below(&workspace).len(), 0, "{name}: files were written");
        assert_eq!(fs::read_dir(workspace.join(".git/objects/pack")).unwrap().count(), 0, "{name}");
        world.host.remove(run(1)).await.unwrap();
        // Another repository of the same host is not affected.
        let mut other = repository();
        other.repo.id = 8;
        let remote = world.path().join("other.git");
        crate::support::init_bare(&remote);
        crate::support::commit_tree(&remote, "main", TREE);
        let access = Access::open(Grant::Read, remote.to_str().unwrap());
        world.host.checkout(run(2), &other, &access).await.unwrap();
    }
}

#[tokio::test]
async fn a_checkout_at_the_limit_is_written_and_counted_once() {
    // spec: X18c
    let World { temp, remote, host } = World::new(TREE);
    let bytes = TREE.iter().map(|(_, _, content)| content.len() as u64).sum::<u64>();
    // The directories `bin` and `docs` count too.
    let entries = TREE.len() as u64 + 2;
    let exact = GitLimits::default().with_checkout_bytes(bytes).with_checkout_entries(entries);
    let mut world = World { temp, remote, host: host.with_limits(exact) };
    let at = world.checkout(run(1)).await.unwrap();
    assert_eq!(files_below(&at.path), as_files(TREE));
    let cache = world.mirror().join("checkout-size");
    let counted = format!("{} {entries} {bytes}\n", at.base);
    assert_eq!(fs::read_to_string(&cache).unwrap(), counted);
    // The limits also apply to a size that was counted before.
    let lower = [
        (exact.with_checkout_bytes(bytes - 1), "more bytes in total"),
        (exact.with_checkout_entries(entries - 1), "more files and directories"),
    ];
    for (n, (limits, words)) in (2..).zip(lower) {
        world.host = world.host.with_limits(limits);
        check(world.checkout(run(n)).await.map(drop), ErrorKind::LimitExceeded, &[words]);
    }
    // A damaged file is ignored.
    world.host = world.host.with_limits(exact);
    fs::write(&cache, "damaged").unwrap();
    world.checkout(run(4)).await.unwrap();
    assert_eq!(fs::read_to_string(&cache).unwrap(), counted);
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_checked_out_or_refused() {
    // spec: X18c
    let entries: &[Entry] =
        &[("100644", "README", b"1"), ("100644", "Readme", b"2"), ("120000", "readme", b"/etc")];
    let world = World::new(entries);
    let at = world.checkout(run(1)).await.unwrap();
    assert_eq!(files_below(&at.path), as_files(entries));
    shell(&at.path, "rm README");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, Collected::Changes(set) if set.changes.len() == 1));
}

#[test]
fn the_limits_of_a_pipeline_are_those_of_its_workspaces() {
    // spec: X18c
    let limits = GitLimits::default();
    let resources = ccc_core::container::Resources::default();
    assert_eq!(limits.checkout_bytes, resources.workspace_bytes);
    assert_eq!(limits.checkout_entries, resources.workspace_entries);
    let _: fn(HostGit, GitLimits) -> HostGit = HostGit::with_limits;
}
