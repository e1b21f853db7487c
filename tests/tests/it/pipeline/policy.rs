//! Tests of the applied policy in the record, the comment and the pull request of a run.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::Trigger;
use ccc_core::pipeline::Pipeline;
use ccc_core::policy::{ProtectedClass, TrustPolicy};
use ccc_core::progress::Progress;
use ccc_core::run::ActorCheck;
use ccc_core::testing::FakeAgent;
use ccc_core::vcs::Permission;
use ccc_core::{CancellationToken, Outcome, RunStore, SystemClock};
use ccc_store::{MemoryCredentialStore, MemoryRunStore};

use super::dispatch::delivery;
use super::fixture::Fixture;

/// A run after its end.
struct Ended {
    outcome: Outcome,
    progress: Progress,
    comment: String,
    pull_request: String,
}

/// Executes a run from a run store. The actor has `permission`, and the agent writes the file
/// `path`.
async fn run(policy: &TrustPolicy, permission: Permission, path: &str) -> Ended {
    let fixture = Fixture::new().await;
    let mut event = fixture.event.clone();
    // An explicit request gets a reply, also if the run is refused.
    event.trigger = Trigger::Labeled { label: "claude".to_owned() };
    event.actor = fixture.host.add_actor(9, "requester", permission);
    let pipeline = Pipeline::builder()
        .host(Arc::clone(&fixture.host))
        .runner(Arc::clone(&fixture.runner))
        .agent(FakeAgent::default().writes(path, "text"))
        .credentials(MemoryCredentialStore::default())
        .data_dir(fixture.data.with_file_name("other"))
        .policy(policy.clone())
        .build()
        .unwrap();
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let accepted = store.accept(&delivery("a"), &event, ActorCheck::Permitted).await.unwrap();
    let claim = store.claim(Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!(claim.record.progress.policy(), None);
    let report = pipeline.resume(claim, Arc::clone(&store) as _, &CancellationToken::new()).await;
    report.cleanup.unwrap();
    let record = store.get(accepted.run).await.unwrap().unwrap();
    let comment = fixture.host.comment_bodies(42).join("\n");
    let pulls = fixture.host.pull_requests();
    let pull_request = pulls.into_iter().map(|pull| pull.body).collect();
    Ended { outcome: report.outcome, progress: record.progress, comment, pull_request }
}

const HEAD: &str = "Exceptions from the usual rules in this run";

#[tokio::test(flavor = "multi_thread")]
async fn a_permitted_run_reports_the_weakened_rules_that_permitted_it() {
    // spec: X17c
    let strict = TrustPolicy::default();
    let open = strict.clone().with_protected_classes([ProtectedClass::Hooks]);
    let low = strict.clone().with_permission(Permission::Read);
    for (policy, permission, path, exceptions) in [
        (&strict, Permission::Write, "src.rs", &[][..]),
        // The weakened rules did not change the outcome.
        (&open, Permission::Write, "src.rs", &[]),
        (&low, Permission::Write, "src.rs", &[]),
        (&open, Permission::Write, "CLAUDE.md", &["configure AI agents"]),
        (&low, Permission::Triage, "src.rs", &["accounts with read permission"]),
        (
            &open.clone().with_permission(Permission::Read),
            Permission::Read,
            ".vscode",
            &["accounts with read permission", "configure editors"],
        ),
    ] {
        let ended = run(policy, permission, path).await;
        let context = format!("{path} {permission}: {} {}", ended.comment, ended.pull_request);
        assert!(matches!(ended.outcome, Outcome::PullRequest { .. }), "{context}");
        let applied = ended.progress.policy().unwrap();
        assert_eq!(applied.permission, policy.permission);
        assert_eq!(applied.protected_classes, policy.effective_classes());
        let weakenings: Vec<_> = policy.weakenings().iter().map(ToString::to_string).collect();
        assert_eq!(applied.weakenings, weakenings);
        assert_eq!(applied.exceptions.len(), exceptions.len(), "{applied:?}");
        for text in [&ended.comment, &ended.pull_request] {
            assert_eq!(text.contains(HEAD), !exceptions.is_empty(), "{context}");
            assert!(exceptions.iter().all(|line| text.contains(line)), "{context}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_run_reports_the_policy_that_refused_it() {
    // spec: X7, X17c
    let policy = TrustPolicy::default().with_protected_names(["sum.txt".to_owned()]);
    for (permission, path, expected) in [
        (Permission::Write, ".travis.yml", "continuous integration"),
        (Permission::Write, "AGENTS.md", "remove the class agents from the policy"),
        (Permission::Write, "sum.txt", "names the operator protects"),
        (Permission::Write, "a\u{202e}b", "the order of the displayed text"),
    ] {
        let ended = run(&policy, permission, path).await;
        assert!(matches!(ended.outcome, Outcome::Refused { .. }), "{path}: {:?}", ended.outcome);
        assert!(ended.comment.contains(expected), "{path}: {}", ended.comment);
        assert!(!ended.comment.contains('\u{202e}') && ended.pull_request.is_empty());
        let applied = ended.progress.policy().unwrap();
        assert_eq!(applied.protected_names, ["sum.txt"], "{path}");
        assert_eq!(applied.exceptions, [""; 0], "{path}");
    }
}
