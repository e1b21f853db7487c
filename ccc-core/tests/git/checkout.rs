//! Tests of checkouts: the files of a workspace and its git directory.

use std::fs;

use ccc_core::ErrorKind;
use ccc_core::git::HostGit;
use ccc_core::vcs::{Access, Grant};

use crate::support::{
    ELSEWHERE, Entry, TREE, World, as_files, chmod, commit_tree, files_below, git, git_text,
    git_with, plain_git, refs, repository, run, try_git, within, write,
};

#[tokio::test]
async fn the_files_are_those_of_the_commit() {
    // spec: X5a
    let world = World::new(TREE);
    let workspace = world.checkout(run(1)).await.unwrap();
    assert_eq!(files_below(&workspace.path), as_files(TREE));
    assert_eq!(workspace.base.as_str(), git_text(&world.remote, &["rev-parse", "main"]));

    // Compares with `git archive`, an independent way to the same files.
    let tar = world.path().join("all.tar");
    let other = world.path().join("archive");
    fs::create_dir(&other).unwrap();
    let out = format!("--output={}", tar.display());
    git(&world.remote, &["archive", &out, "main"]);
    crate::support::shell(&other, "tar -xf ../all.tar");
    assert_eq!(files_below(&workspace.path), files_below(&other));
}

#[tokio::test]
async fn the_agent_s_git_works_and_names_no_host_path() {
    // spec: X5a
    let world = World::new(TREE);
    commit_tree(&world.remote, "main", TREE);
    let at = world.checkout(run(1)).await.unwrap();
    let ws = &at.path;
    assert_eq!(git_text(ws, &["status", "--porcelain"]), "");
    assert_eq!(git_text(ws, &["log", "--format=%H"]), at.base.as_str());
    assert_eq!(git_text(ws, &["branch", "--show-current"]), "main");
    assert_eq!(git_text(ws, &["remote"]), "");
    write(ws, "README.md", "other\n");
    assert_eq!(git_text(ws, &["diff", "--stat=80"]).lines().count(), 2);
    git(ws, &["commit", "-qam", "mine"]);

    // No file in it names a host directory, not even the directory that it was created in.
    let root = world.path().to_str().unwrap().as_bytes();
    for (path, (_, content)) in files_below(&ws.join(".git")) {
        let names_it = content.windows(root.len()).any(|window| window == root);
        assert!(!names_it, "{path} names a host path");
    }
    assert!(!ws.join(".git/objects/info/alternates").exists());
}

#[tokio::test]
async fn a_missing_or_empty_repository_is_not_found() {
    let world = World::new(&[]);
    let error = world.checkout(run(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("push a first commit"), "{error}");

    let nowhere = Access::open(Grant::Read, world.path().join("nowhere").to_str().unwrap());
    let missing = world.host.checkout(run(1), &repository(), &nowhere).await;
    let error = missing.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");

    commit_tree(&world.remote, "trunk", TREE);
    let error = world.checkout(run(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let trunk = repository().with_default_branch("trunk");
    let at = world.host.checkout(run(1), &trunk, &world.access()).await.unwrap();
    assert_eq!(git_text(&at.path, &["branch", "--show-current"]), "trunk");
    for n in [1, 1, 2] {
        world.host.remove(run(n)).await.unwrap();
    }
    assert_eq!(world.host.runs().await.unwrap(), []);
}

/// Checks names that the `HEAD` of a new repository points to and names that it does not.
#[tokio::test]
async fn the_default_branch_can_have_any_name() {
    for branch in ["main", "master", "a/b.c", "HEAD", "x@y"] {
        let world = World::new(&[]);
        let named = repository().with_default_branch(branch);
        for n in 1..=3 {
            let entry: Entry = ("100644", "n", &[n]);
            let tip = commit_tree(&world.remote, branch, &[entry]);
            let at = world.host.checkout(run(n.into()), &named, &world.access()).await;
            let at = at.unwrap_or_else(|e| panic!("{branch}: {e}"));
            assert_eq!(at.base, tip, "{branch}");
            assert_eq!(fs::read(at.path.join("n")).unwrap(), [n], "{branch}");
            assert_eq!(git_text(&at.path, &["status", "--porcelain"]), "", "{branch}");
            assert_eq!(git_text(&at.path, &["branch", "--show-current"]), branch);
        }
    }
}

#[tokio::test]
async fn a_host_name_that_is_not_a_file_name_is_refused() {
    let world = World::new(TREE);
    for host in ["", "..", "../x", "a/b", ".x", "a\nb", "ä"] {
        let mut odd = repository();
        host.clone_into(&mut odd.repo.host);
        let error = world.host.checkout(run(1), &odd, &world.access()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host}: {error}");
    }
}

#[tokio::test]
async fn fetched_objects_are_not_fetched_again() {
    let noise: Vec<u8> = (0..400_000_u32)
        .map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .collect();
    let world = World::new(&[("100644", "big", &noise)]);
    // Covers the branch that `HEAD` of a new repository points to: it must be treated like others.
    for branch in ["master", "main"] {
        git(&world.remote, &["update-ref", &format!("refs/heads/{branch}"), "main"]);
    }
    let first = world.checkout(run(1)).await.unwrap();
    let size = |world: &World| {
        git_text(&world.mirror(), &["count-objects", "-v"])
            .lines()
            .filter_map(|line| line.strip_prefix("in-pack: ")?.parse::<u32>().ok())
            .sum::<u32>()
    };
    assert_eq!(size(&world), 3);
    for branch in ["main", "master"] {
        let small: &[Entry] = &[("100644", "big", &noise), ("100644", branch, b"x")];
        commit_tree(&world.remote, branch, small);
    }
    git(&world.remote, &["update-ref", "refs/heads/gone/x", "main"]);
    let second = world.checkout(run(2)).await.unwrap();
    assert_ne!(first.base, second.base);
    // One commit, one tree and one blob are new; existing objects were not fetched again.
    assert_eq!(size(&world), 6);
    assert_eq!(git_text(&first.path, &["log", "--format=%H"]), first.base.as_str());

    // One branch name becomes a directory, and one branch is rewritten.
    git(&world.remote, &["update-ref", "-d", "refs/heads/gone/x"]);
    git(&world.remote, &["update-ref", "refs/heads/gone", "main"]);
    git(&world.remote, &["update-ref", "refs/heads/main", first.base.as_str()]);
    let third = world.checkout(run(3)).await.unwrap();
    assert_eq!(third.base, first.base);
}

#[tokio::test]
async fn the_base_commit_is_retained_until_the_run_is_removed() {
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    let held = format!("refs/runs/{}", run(1));
    assert_eq!(refs(&world.mirror()).get(&held).map(String::as_str), Some(at.base.as_str()));

    // The remote deletes the commit, another run fetches, and the mirror is garbage-collected.
    git(&world.remote, &["update-ref", "-d", "refs/heads/main"]);
    commit_tree(&world.remote, "main", &[("100644", "other", b"x")]);
    world.checkout(run(2)).await.unwrap();
    git(&world.mirror(), &["gc", "-q", "--prune=now"]);
    write(&at.path, "new", "x");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, ccc_core::git::Collected::Changes(_)), "{collected:?}");

    world.host.remove(run(1)).await.unwrap();
    world.host.remove(run(1)).await.unwrap();
    assert!(!refs(&world.mirror()).contains_key(&held), "{:?}", refs(&world.mirror()));
    assert_eq!(world.host.runs().await.unwrap(), [run(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_share_a_mirror_at_the_same_time() {
    let world = World::new(TREE);
    let all = futures_util::future::join_all((1..=6).map(|n| world.checkout(run(n))));
    for at in within(60, all).await {
        assert_eq!(files_below(&at.unwrap().path), as_files(TREE));
    }
    assert_eq!(world.host.runs().await.unwrap().len(), 6);
    let removed = futures_util::future::join_all((1..=6).map(|n| world.host.remove(run(n))));
    for removed in within(60, removed).await {
        removed.unwrap();
    }
    assert_eq!(refs(&world.mirror()).len(), 1);
}

#[tokio::test]
async fn a_mirror_with_many_packs_is_repacked_without_loss() {
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    // Adds packs one by one, as a year of fetches does. No ref points to their objects.
    let packs = world.mirror().join("objects/pack");
    let many = || fs::read_dir(&packs).unwrap().filter(is_pack).count();
    let mut objects = Vec::new();
    while many() <= 50 {
        let content = format!("content {}\n", objects.len());
        let object =
            git_with(&world.mirror(), &["hash-object", "-w", "--stdin"], content.as_bytes());
        git_with(&world.mirror(), &["pack-objects", "-q", "objects/pack/pack"], &object);
        git(&world.mirror(), &["prune-packed", "-q"]);
        objects.push(String::from_utf8(object).unwrap().trim().to_owned());
    }
    world.checkout(run(2)).await.unwrap();
    world.host.remove(run(2)).await.unwrap();
    assert!(many() < 5, "{}", many());
    for object in &objects {
        git(&world.mirror(), &["cat-file", "-e", object]);
    }
    // A run that borrowed objects from the deleted packs can still read them.
    write(&at.path, "new", "x");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, ccc_core::git::Collected::Changes(_)), "{collected:?}");
    // Removal also deletes packed refs.
    world.host.remove(run(1)).await.unwrap();
    assert_eq!(refs(&world.mirror()).len(), 1);
    assert_eq!(files_below(&world.checkout(run(3)).await.unwrap().path), as_files(TREE));
}

fn is_pack(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().path().extension() == Some("pack".as_ref())
}

#[tokio::test]
async fn a_repeated_checkout_starts_with_an_empty_directory() {
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, "left/over", "x");
    fs::remove_file(at.path.join("README.md")).unwrap();
    fs::write(world.git_dir(run(1)).join("index.lock"), "").unwrap();
    let again = world.checkout(run(1)).await.unwrap();
    assert_eq!(again, at);
    assert_eq!(files_below(&at.path), as_files(TREE));
}

#[tokio::test]
async fn submodules_are_empty_directories() {
    // spec: X5b
    let world = World::new(&[
        ("100644", ".gitmodules", b"[submodule \"s\"]\n\tpath = s\n\turl = ../other.git\n"),
        ("160000", "s", ELSEWHERE),
        ("100644", "a", b"a"),
    ]);
    let at = world.checkout(run(1)).await.unwrap();
    assert_eq!(fs::read_dir(at.path.join("s")).unwrap().count(), 0);
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, ccc_core::git::Collected::Nothing { .. }));
}

#[tokio::test]
async fn checkout_does_not_follow_symlinks_of_the_tree() {
    // spec: X5a
    let world = World::new(&[("100644", "a", b"a")]);
    let outside = world.path().join("outside");
    fs::create_dir(&outside).unwrap();
    commit_tree(
        &world.remote,
        "main",
        &[("120000", "out", outside.to_str().unwrap().as_bytes()), ("100644", "z", b"z")],
    );
    let at = world.checkout(run(1)).await.unwrap();
    assert_eq!(fs::read_link(at.path.join("out")).unwrap(), outside);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A committed symlink is not a change of the agent.
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, ccc_core::git::Collected::Nothing { .. }));
}

#[tokio::test]
async fn a_root_path_with_special_characters_works() {
    let world = World::new(TREE);
    for name in ["with blank", "a:b", "ä", "$(id)", "a;b", "\"quoted\"", "-x", "a%20b", "a#b"] {
        let host = HostGit::open(world.path().join(name)).unwrap();
        let at = host.checkout(run(1), &repository(), &world.access()).await;
        let at = at.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(files_below(&at.path), as_files(TREE), "{name}");
        write(&at.path, "new", "x");
        let set = world_collect(&host, &at.base).await;
        assert_eq!(set.len(), 1, "{name}");
        let status = plain_git(&at.path).args(["status", "--porcelain"]).output().unwrap();
        assert!(!status.status.success(), "{name}: collect left a .git");
    }
}

async fn world_collect(host: &HostGit, base: &ccc_core::ObjectId) -> Vec<ccc_core::git::Change> {
    let policy = ccc_core::policy::TrustPolicy::default();
    let redactor = ccc_core::observe::Redactor::default();
    match host.collect(run(1), base, &policy, &redactor).await.unwrap() {
        ccc_core::git::Collected::Changes(set) => set.changes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn leftovers_of_a_killed_git_do_not_block_a_checkout() {
    let world = World::new(TREE);
    let mirror = world.mirror();
    let half = mirror.with_extension("new");
    fs::create_dir_all(&half).unwrap();
    chmod(half.parent().unwrap(), 0o700);
    fs::write(half.join("HEAD"), "").unwrap();
    world.checkout(run(1)).await.unwrap();
    for lock in ["packed-refs.lock", "refs/heads/main.lock", "shallow.lock"] {
        fs::write(mirror.join(lock), "").unwrap();
    }
    for pack in ["tmp_pack_x", ".tmp-7-pack-x.pack"] {
        fs::write(mirror.join("objects/pack").join(pack), "x").unwrap();
    }
    commit_tree(&world.remote, "main", &TREE[..1]);
    // For plain git the locks do block an update.
    let refused = try_git(&mirror, &["update-ref", "refs/heads/main", "main~0"]);
    assert!(!refused.status.success());
    let at = world.checkout(run(2)).await.unwrap();
    assert_eq!(files_below(&at.path), as_files(&TREE[..1]));
    for pack in ["tmp_pack_x", ".tmp-7-pack-x.pack"] {
        assert!(!mirror.join("objects/pack").join(pack).exists(), "{pack}");
    }
}

#[tokio::test]
async fn damage_to_one_workspace_git_does_not_reach_other_runs() {
    // spec: X5a
    let world = World::new(TREE);
    world.checkout(run(9)).await.unwrap();
    let ruined = world.checkout(run(1)).await.unwrap();
    // Overwrites the file in place: if it were a hard link to the mirror's file, that would change
    // too.
    for entry in fs::read_dir(ruined.path.join(".git/objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        chmod(&path, 0o600);
        fs::write(path, "ruined").unwrap();
    }
    let next = world.checkout(run(2)).await.unwrap();
    git(&next.path, &["fsck", "--full", "--strict"]);
    assert_eq!(git_text(&next.path, &["status", "--porcelain"]), "");
    assert_eq!(git_text(&next.path, &["rev-list", "--count", "HEAD"]), "1");
    git(&world.mirror(), &["fsck", "--full"]);

    // Another base needs a new snapshot. Only the latest snapshot is stored.
    let base = commit_tree(&world.remote, "main", &TREE[..2]);
    let moved = world.checkout(run(3)).await.unwrap();
    assert_eq!(git_text(&moved.path, &["rev-parse", "HEAD"]), base.as_str());
    let kept = fs::read_dir(world.mirror().join("snapshots")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, [base.as_str()]);
}
