//! Real git over the emulator's HTTP server: the access that each token permits.

use std::time::Duration;

use ccc_core::vcs::Grant;
use ccc_core::{Secret, VcsHost as _};

use crate::common::{World, git, world};

async fn push(world: &World, authorization: Option<&Secret>, branch: &str) -> (bool, String) {
    let work = world.dir.path().join("work");
    if !work.exists() {
        let url = world.emulator.git_url(&world.emulated);
        let cloned = git(world.dir.path(), None, &["clone", "-q", &url, "work"]).await;
        assert!(cloned.status.success(), "{cloned:?}");
        std::fs::write(work.join("new"), "new").unwrap();
        git(&work, None, &["add", "."]).await;
        git(&work, None, &["commit", "-qm", "new"]).await;
    }
    let spec = format!("HEAD:refs/heads/{branch}");
    let out = git(&work, authorization, &["push", "origin", &spec]).await;
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

async fn authorization(world: &World, grant: Grant) -> Secret {
    let access = world.github().access(&world.repo, grant, Duration::ZERO).await.unwrap();
    access.authorization.unwrap()
}

#[tokio::test]
async fn only_a_publish_token_can_push() {
    // spec: G1a
    let world = world().await;
    assert!(!push(&world, None, "a").await.0, "without a token");
    let wrong = Secret::from("Basic eC1hY2Nlc3MtdG9rZW46Z2hzX25vcGU=");
    assert!(!push(&world, Some(&wrong), "a").await.0, "with another token");
    for grant in [Grant::Read, Grant::Discuss] {
        let token = authorization(&world, grant).await;
        assert!(!push(&world, Some(&token), "a").await.0, "{grant:?}");
    }
    let token = authorization(&world, Grant::Publish).await;
    let (pushed, said) = push(&world, Some(&token), "a").await;
    assert!(pushed, "{said}");
    let statuses = |path: &str| -> Vec<_> {
        let calls = world.emulator.calls();
        calls.into_iter().filter(|c| c.path.ends_with(path)).filter_map(|c| c.status).collect()
    };
    assert_eq!(statuses("/git-receive-pack"), [200]);
    world.emulator.set_archived(&world.emulated, true);
    assert!(!push(&world, Some(&token), "b").await.0, "archived");
}

#[tokio::test]
async fn a_private_repository_needs_a_read_token() {
    // spec: G1a
    let world = world().await;
    world.emulator.set_public(&world.emulated, false);
    let url = world.emulator.git_url(&world.emulated);
    let clone = |token: Option<Secret>, name: &'static str| {
        let (dir, url) = (world.dir.path(), url.clone());
        async move { git(dir, token.as_ref(), &["clone", "-q", &url, name]).await.status.success() }
    };
    assert!(!clone(None, "a").await);
    assert!(!clone(Some(authorization(&world, Grant::Discuss).await), "b").await);
    let read = authorization(&world, Grant::Read).await;
    assert!(clone(Some(read.clone()), "c").await);
    assert_eq!(std::fs::read(world.dir.path().join("c/README.md")).unwrap(), b"hello\n");
    world.emulator.reinstall("octo");
    assert!(!clone(Some(read), "d").await, "revoked");
}

#[tokio::test]
async fn the_refusal_of_a_protected_branch_names_the_rule() {
    // spec: G1a
    let world = world().await;
    world.emulator.refuse_push(&world.emulated, "release/", "protected branch").await.unwrap();
    let token = authorization(&world, Grant::Publish).await;
    let (pushed, said) = push(&world, Some(&token), "release/1").await;
    assert!(!pushed && said.contains("protected branch"), "{said}");
    assert!(push(&world, Some(&token), "feature/1").await.0);
}
