//! Tests of pushes to a remote on the local file system.

use ccc_core::vcs::{Access, Grant};
use ccc_core::{BranchName, Error, ErrorKind, ObjectId};

use crate::commit::{info, worked};
use crate::support::{Entry, TREE, World, commit_tree, git, git_text, refs, run, script, within};

fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

async fn committed(world: &World, n: u32) -> ObjectId {
    let (base, tree) = worked(world, n).await;
    world.host.commit(run(n), &base, &tree, &info("t")).await.unwrap()
}

#[tokio::test]
async fn a_push_creates_one_ref_and_can_be_repeated() {
    // spec: P7, X9
    let world = World::new(TREE);
    commit_tree(&world.remote, "other", TREE);
    git(&world.remote, &["tag", "-a", "-m", "t", "v1", "main"]);
    let commit = committed(&world, 1).await;
    let mut expected = refs(&world.remote);
    expected.insert("refs/heads/claude/a".to_owned(), commit.to_string());
    for url in
        [world.remote.to_str().unwrap().to_owned(), format!("file://{}", world.remote.display())]
    {
        let access = Access::open(Grant::Publish, url);
        for _ in 0..2 {
            world.host.push(run(1), &commit, &branch("claude/a"), &access).await.unwrap();
            assert_eq!(refs(&world.remote), expected);
        }
    }
    let name = "refs/heads/claude/a:new.txt";
    assert_eq!(git(&world.remote, &["cat-file", "blob", name]), b"new\n");
    git(&world.remote, &["fsck", "--strict"]);
    assert!(!world.git_dir(run(1)).join("FETCH_HEAD").exists());
}

#[tokio::test]
async fn an_existing_branch_is_left_unchanged() {
    // spec: P7, X9
    for rewrite in [false, true] {
        let world = World::new(TREE);
        let commit = committed(&world, 1).await;
        let theirs: &[Entry] = &[("100644", "theirs", b"x")];
        if rewrite {
            // A branch at the base, which the push could fast-forward.
            git(&world.remote, &["update-ref", "refs/heads/claude/a", "main"]);
        } else {
            commit_tree(&world.remote, "claude/a", theirs);
        }
        let before = refs(&world.remote);
        let pushed = world.host.push(run(1), &commit, &branch("claude/a"), &world.access()).await;
        let error = pushed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        assert_eq!(refs(&world.remote), before);
    }
}

#[tokio::test]
async fn a_branch_with_the_same_suffix_is_another_branch() {
    // spec: P7
    let world = World::new(TREE);
    let commit = committed(&world, 1).await;
    for other in ["x/refs/heads/a", "b/a"] {
        git(&world.remote, &["update-ref", &format!("refs/heads/{other}"), "main"]);
    }
    git(&world.remote, &["update-ref", "refs/tags/a", "main"]);
    let access = world.access();
    world.host.push(run(1), &commit, &branch("a"), &access).await.unwrap();
    assert_eq!(git_text(&world.remote, &["rev-parse", "refs/heads/a"]), commit.as_str());
}

#[tokio::test]
async fn a_branch_created_during_the_push_is_left_unchanged() {
    // spec: P7
    let world = World::new(TREE);
    let commit = committed(&world, 1).await;
    let act = "unset GIT_QUARANTINE_PATH; git update-ref refs/heads/claude/a refs/heads/main";
    script(&world.remote.join("hooks/pre-receive"), act);
    let pushed = world.host.push(run(1), &commit, &branch("claude/a"), &world.access()).await;
    let error = pushed.unwrap_err();
    let (there, main) = ("refs/heads/claude/a", "refs/heads/main");
    assert_eq!(refs(&world.remote)[there], refs(&world.remote)[main]);
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[tokio::test]
async fn a_conflict_with_a_parent_branch_is_reported() {
    // spec: P7
    let world = World::new(TREE);
    let commit = committed(&world, 1).await;
    git(&world.remote, &["update-ref", "refs/heads/claude", "main"]);
    let before = refs(&world.remote);
    let pushed = world.host.push(run(1), &commit, &branch("claude/a"), &world.access()).await;
    assert_one_line(&pushed.unwrap_err().error);
    assert_eq!(refs(&world.remote), before);
}

fn assert_one_line(error: &Error) {
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn the_remote_s_message_is_reported() {
    // spec: P7
    for (hook, act, words) in [
        ("pre-receive", "echo 'no pushes on friday' >&2; exit 1", "no pushes on friday"),
        ("update", "echo 'not this ref' >&2; exit 1", "not this ref"),
        (
            "pre-receive",
            "i=0; while [ $i -lt 400 ]; do echo \"line $i\" >&2; i=$((i+1)); done; \
             echo 'last words' >&2; exit 1",
            "last words",
        ),
    ] {
        let world = World::new(TREE);
        let commit = committed(&world, 1).await;
        script(&world.remote.join("hooks").join(hook), act);
        let before = refs(&world.remote);
        let pushed = world.host.push(run(1), &commit, &branch("claude/a"), &world.access()).await;
        let error = pushed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_one_line(&error.error);
        assert_eq!(refs(&world.remote), before);
    }
}

#[tokio::test]
async fn a_push_with_a_lost_response_is_verified() {
    // spec: P7
    let world = World::new(TREE);
    let commit = committed(&world, 1).await;
    // The remote accepts the push and dies before it answers.
    script(&world.remote.join("hooks/post-update"), "kill -9 $PPID");
    let (branch, access) = (branch("claude/a"), world.access());
    within(30, world.host.push(run(1), &commit, &branch, &access)).await.unwrap();
    assert_eq!(refs(&world.remote)["refs/heads/claude/a"], commit.as_str());
}

#[tokio::test]
async fn an_unknown_commit_is_not_pushed() {
    let world = World::new(TREE);
    committed(&world, 1).await;
    let before = refs(&world.remote);
    let nothing = ObjectId::new("1".repeat(40)).unwrap();
    let pushed = world.host.push(run(1), &nothing, &branch("claude/a"), &world.access()).await;
    assert_one_line(&pushed.unwrap_err().error);
    assert_eq!(refs(&world.remote), before);
}

#[tokio::test]
async fn unsupported_remote_urls_are_refused() {
    // spec: X5b, X5c, X9
    let world = World::new(TREE);
    let commit = committed(&world, 1).await;
    let canary = world.path().join("canary");
    let touch = format!("touch%20{}", canary.display());
    let sh = format!("sh -c touch%%20{}", canary.display());
    for url in [
        format!("ext::{sh}"),
        format!("ext::sh -c {touch}"),
        format!("ext::sh -c \"touch {}\" ://x", canary.display()),
        "https://user:hunter2@127.0.0.1:1/r.git".to_owned(),
        "http://token@127.0.0.1:1/r.git".to_owned(),
        "ssh://127.0.0.1:1/r.git".to_owned(),
        "git://127.0.0.1:1/r.git".to_owned(),
        "ftp://127.0.0.1:1/r.git".to_owned(),
        "git@127.0.0.1:r.git".to_owned(),
        "127.0.0.1:r.git".to_owned(),
        format!("--upload-pack=touch {}", canary.display()),
        format!("-u./{}", canary.display()),
        "fd::17".to_owned(),
        "HTTP://127.0.0.1:1/r.git".to_owned(),
    ] {
        let access = Access::open(Grant::Publish, url.as_str());
        let repository = crate::support::repository();
        for attempt in [
            world
                .host
                .push(run(1), &commit, &branch("claude/a"), &access)
                .await
                .map_err(Error::from),
            world.host.checkout(run(2), &repository, &access).await.map(drop),
        ] {
            let error = attempt.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(!canary.exists(), "{url}");
    }
    let nobody = Access::open(Grant::Publish, "http://127.0.0.1:1/x.git");
    let error = world.host.push(run(1), &commit, &branch("claude/a"), &nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.error.is_retryable());
}
