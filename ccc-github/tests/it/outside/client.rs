//! Tests that the client's requests conform to GitHub's OpenAPI description.

use std::collections::BTreeSet;
use std::time::Duration;

use ccc_core::testing::conformance::vcs_host::Fixture;
use ccc_core::vcs::{Grant, ReactionTarget};
use ccc_core::{DeliveryLog as _, VcsHost as _};
use github_emulator::ActorKind;
use jiff::SignedDuration;

use super::{Judge, judged};
use crate::conformance::fixture;
use crate::emulated::actor;

async fn fresh() -> Fixture {
    fixture(Judge::start().await).await
}

ccc_core::vcs_host_conformance!(fresh);

#[tokio::test]
async fn every_call_of_the_client_conforms_to_githubs_description() {
    // spec: E1
    let Some((judge, world)) = judged().await else {
        return;
    };
    let (github, repo, emulated) = (world.github(), &world.repo, &world.emulated);
    let alice = actor(&world.emulator.add_user("alice", ActorKind::User));
    // No server listens at this address, so that the delivery is missed.
    world.emulator.set_webhook_url("http://127.0.0.1:1/");
    let number = world.emulator.open_issue(emulated, "alice", "Crash", "It does.").await.unwrap();
    let comment = world.emulator.comment(emulated, number, "alice", "Again.").await.unwrap();
    let later = world.clock_now() + SignedDuration::from_secs(2);

    github.bot_identity().await.unwrap();
    assert_eq!(github.find_repository("octo", "hello").await.unwrap(), *repo);
    github.permission(repo, &alice).await.unwrap();
    github.repository(repo).await.unwrap();
    github.issue(repo, number).await.unwrap();
    assert_eq!(github.comments(repo, number, later).await.unwrap().len(), 1);
    assert!(github.file_at_default_branch(repo, "README.md").await.unwrap().is_some());
    assert!(github.file_at_default_branch(repo, "docs/no such").await.unwrap().is_none());
    for target in [ReactionTarget::Issue(number), ReactionTarget::Comment(comment)] {
        github.react(repo, target).await.unwrap();
    }
    for body in ["working", "done"] {
        github.upsert_comment(repo, number, "run-1", body).await.unwrap();
    }
    let new = world.pushed("claude/issue-1-aaaaaaaa").await;
    for _ in 0..2 {
        github.open_pull_request(repo, &new).await.unwrap();
    }
    let missed = github.page(None).await.unwrap().attempts;
    github.request(missed[0].handle).await.unwrap();
    github.redeliver(missed[0].handle).await.unwrap();
    assert!(github.address().await.unwrap().is_some());
    for grant in [Grant::Read, Grant::Discuss, Grant::Publish] {
        let access = github.access(repo, grant, Duration::ZERO).await.unwrap();
        github.release(access).await.unwrap();
    }
    world.emulator.rename(emulated, "renamed");
    assert_eq!(github.repository(repo).await.unwrap().repo.name, "renamed");

    let seen = judge.seen();
    let undeclared: Vec<_> = seen.iter().filter(|judged| !judged.declared).collect();
    assert!(undeclared.is_empty(), "{undeclared:#?}");
    let routes: BTreeSet<_> = seen.iter().filter_map(|judged| judged.route).collect();
    const REPO: &str = "/repos/{owner}/{repo}";
    let below = |path: &str| path.strip_prefix(REPO).map_or(path.to_owned(), |p| format!("…{p}"));
    let routes: Vec<_> =
        routes.iter().map(|(verb, path)| format!("{verb} {}", below(path))).collect();
    assert_eq!(
        routes,
        [
            "DELETE /installation/token",
            "GET /app",
            "GET /app/hook/config",
            "GET /app/hook/deliveries",
            "GET /app/hook/deliveries/{delivery_id}",
            "GET …",
            "GET …/collaborators/{username}/permission",
            "GET …/contents/{path}",
            "GET …/installation",
            "GET …/issues/{issue_number}",
            "GET …/issues/{issue_number}/comments",
            "GET …/pulls",
            "GET /users/{username}",
            "PATCH …/issues/comments/{comment_id}",
            "POST /app/hook/deliveries/{delivery_id}/attempts",
            "POST /app/installations/{installation_id}/access_tokens",
            "POST …/issues/comments/{comment_id}/reactions",
            "POST …/issues/{issue_number}/comments",
            "POST …/issues/{issue_number}/reactions",
            "POST …/pulls",
        ]
    );
}
