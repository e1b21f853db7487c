//! Tests in which each call of each adapter fails once, in each way.

use ccc_core::testing::{Fault, Faults};
use ccc_core::{ErrorKind, Outcome, Stage};

use super::fixture::{Fixture, fixing_agent};

const WAYS: [Fault; 5] = [
    Fault::Fail(ErrorKind::Unavailable),
    Fault::Fail(ErrorKind::Unexpected),
    Fault::FailAfter(ErrorKind::Unexpected),
    Fault::Hang,
    Fault::Panic,
];

/// Returns the stage in which a run fails if its call of `name` goes wrong that follows `after`
/// others, or `None` if the run still succeeds.
fn expected(name: &str, after: usize, fault: Fault) -> Option<Stage> {
    match (name, after) {
        ("vcs_host.permission" | "vcs_host.issue" | "vcs_host.repository", _)
        | ("vcs_host.bot_identity" | "vcs_host.access(read)", 0) => Some(Stage::Authorize),
        ("vcs_host.bot_identity", _) => Some(Stage::Commit),
        ("vcs_host.access(read)", _) => Some(Stage::Checkout),
        ("vcs_host.access(publish)", _) => Some(Stage::Publish),
        ("vcs_host.comments" | "credential_store.get", _) => Some(Stage::Provision),
        ("container_runner.spawn", _) if fault == Fault::Fail(ErrorKind::Unavailable) => None,
        ("container_runner.spawn", _) => Some(Stage::Provision),
        ("agent.run" | "container.exec" | "container.stop", _) => Some(Stage::Work),
        ("vcs_host.release(read)", _) if fault == Fault::Hang => Some(Stage::Provision),
        ("vcs_host.release(publish)", _) if fault == Fault::Hang => Some(Stage::Publish),
        ("vcs_host.open_pull_request", _) => Some(Stage::Publish),
        ("vcs_host.access(discuss)" | "vcs_host.react" | "vcs_host.upsert_comment", _) => None,
        ("container_runner.destroy", _) => None,
        (name, _) if name.starts_with("vcs_host.release") => None,
        other => panic!("no expectation for {other:?}"),
    }
}

async fn check(name: &'static str, after: usize, fault: Fault) {
    let faults = Faults::on(name, after, fault);
    let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
    let report = fixture.run().await;
    fixture.pipeline.wait_for_cleanups().await;
    let what = format!("{name} after {after} others, {fault:?}: {report:?}");
    let stage = match &report.outcome {
        Outcome::Failed { stage, .. } => Some(*stage),
        Outcome::PullRequest { .. } => None,
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(stage, expected(name, after, fault), "{what}");
    assert_eq!(fixture.faults.count("container_runner.destroy"), 1, "{what}");
    let about_tokens = name.starts_with("vcs_host.access") || name.starts_with("vcs_host.release");
    let left = fixture.left_over();
    assert!(
        left.is_empty() || (about_tokens && left.iter().all(|l| l.starts_with("token"))),
        "{what}: {left:?}"
    );
    assert_eq!(
        report.cleanup.is_err(),
        // Cleanup releases the tokens for comments.
        matches!(name, "container_runner.destroy" | "vcs_host.release(discuss)"),
        "{what}"
    );
    assert!(fixture.branches().len() <= 1 && fixture.host.pull_requests().len() <= 1, "{what}");
    assert_eq!(fixture.observer.stages(), fixture.observer.finished_stages(), "{what}");
    let comments = fixture.host.comment_bodies(42);
    assert!(comments.len() <= 1, "{what}: {comments:?}");
    if report.report.is_ok() {
        let last = comments.last().map_or("", String::as_str);
        assert!(!last.starts_with("Working"), "{what}: the comment is not final: {last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_call_leaves_nothing_behind() {
    // spec: P2, P3, P4, P5
    let calm = Fixture::new().await;
    let report = calm.run().await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let calls = calm.faults.calls();
    assert!(calls.len() >= 20, "{calls:?}");
    let mut cases = Vec::new();
    for (n, name) in calls.iter().copied().enumerate() {
        let after = calls[..n].iter().filter(|call| **call == name).count();
        cases.extend(WAYS.map(|way| (name, after, way)));
    }
    let mut running = tokio::task::JoinSet::new();
    let mut failed = Vec::new();
    while !cases.is_empty() || !running.is_empty() {
        while running.len() < 12
            && let Some((name, after, way)) = cases.pop()
        {
            running.spawn(check(name, after, way));
        }
        if let Some(Err(panic)) = running.join_next().await {
            failed.push(panic.to_string());
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_agent_reaches_its_time_limits() {
    // spec: X14a, X14b
    for (wall, idle, words) in [(20, 600, "time limit of 20 s"), (600, 20, "no event for 20 s")] {
        let faults = Faults::on("container.exec", 0, Fault::Hang);
        let fixture = Fixture::with(fixing_agent(), faults, &|limits| {
            limits.agent.wall = std::time::Duration::from_secs(wall);
            limits.agent.idle = std::time::Duration::from_secs(idle);
        })
        .await;
        let report = fixture.run().await;
        assert!(
            matches!(
                &report.outcome,
                Outcome::Failed { stage: Stage::Work, kind: ErrorKind::TimedOut, message }
                    if message.contains(words)
            ),
            "{report:?}"
        );
    }
}

/// Checks that signs of life count as activity and are not reported as events.
#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_reset_the_idle_limit() {
    // spec: X14b
    let pause = std::time::Duration::from_millis(100);
    let fixture =
        Fixture::with(fixing_agent().with_heartbeats(16, pause), Faults::none(), &|limits| {
            // Just below the limits that the fixture's clock holds back, and less than the pauses
            // together: 0.95 s.
            limits.agent.idle = std::time::Duration::from_secs(19);
            limits.agent.wall = std::time::Duration::from_secs(600);
        })
        .await;
    let report = fixture.run().await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let shown = format!("{:?}", fixture.observer.events());
    assert!(shown.contains("Edited") && !shown.contains("Alive"), "{shown}");
}
