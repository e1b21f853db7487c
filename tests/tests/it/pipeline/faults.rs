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

/// Returns the stage in which a run fails if its n-th call goes wrong, or `None` if it still
/// succeeds.
fn expected(calls: &[&str], n: usize, fault: Fault) -> Option<Stage> {
    let earlier = |name: &str| calls[..n].iter().filter(|call| **call == name).count();
    match calls[n] {
        "vcs_host.permission" | "vcs_host.issue" | "vcs_host.repository" => Some(Stage::Authorize),
        "vcs_host.bot_identity" if earlier("vcs_host.bot_identity") == 0 => Some(Stage::Authorize),
        "vcs_host.bot_identity" => Some(Stage::Commit),
        "vcs_host.access" => match earlier("vcs_host.access") {
            0 => Some(Stage::Authorize),
            // The token for the first comment. Its failure does not end the run.
            1 => None,
            2 => Some(Stage::Checkout),
            3 => Some(Stage::Publish),
            _ => None,
        },
        "vcs_host.comments" | "credential_store.get" => Some(Stage::Provision),
        "container_runner.spawn" if fault == Fault::Fail(ErrorKind::Unavailable) => None,
        "container_runner.spawn" => Some(Stage::Provision),
        "agent.run" | "container.exec" | "container.stop" => Some(Stage::Work),
        "vcs_host.release" if fault == Fault::Hang => match earlier("vcs_host.release") {
            0 | 1 => Some(Stage::Provision),
            2 => Some(Stage::Publish),
            _ => None,
        },
        "vcs_host.open_pull_request" => Some(Stage::Publish),
        "vcs_host.react" | "vcs_host.upsert_comment" => None,
        "vcs_host.release" | "container_runner.destroy" => None,
        other => panic!("no expectation for {other}"),
    }
}

async fn check(calls: &[&'static str], n: usize, fault: Fault) {
    let name = calls[n];
    let fixture = Fixture::with(fixing_agent(), Faults::at(n, fault), &|_| {}).await;
    let report = fixture.run().await;
    fixture.pipeline.wait_for_cleanups().await;
    let what = format!("call {n} {name} {fault:?}: {report:?}");
    let stage = match &report.outcome {
        Outcome::Failed { stage, .. } => Some(*stage),
        Outcome::PullRequest { .. } => None,
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(stage, expected(calls, n, fault), "{what}");
    assert_eq!(fixture.faults.count("container_runner.destroy"), 1, "{what}");
    let about_tokens = matches!(name, "vcs_host.access" | "vcs_host.release");
    let left = fixture.left_over();
    assert!(
        left.is_empty() || (about_tokens && left.iter().all(|l| l.starts_with("token"))),
        "{what}: {left:?}"
    );
    assert_eq!(
        report.cleanup.is_err(),
        name == "container_runner.destroy" || cleanup_lost_a_token(calls, n, name),
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

/// Checks whether the faulted call is one of the last releases, which Cleanup makes.
fn cleanup_lost_a_token(calls: &[&str], n: usize, name: &str) -> bool {
    let before = calls[..n].iter().filter(|call| **call == "vcs_host.release").count();
    name == "vcs_host.release" && before >= 3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_call_leaves_nothing_behind() {
    // spec: P2, P3, P4, P5
    let calm = Fixture::new().await;
    let report = calm.run().await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let calls = calm.faults.calls();
    assert!(calls.len() >= 20, "{calls:?}");
    let mut cases: Vec<_> = (0..calls.len()).flat_map(|n| WAYS.map(|way| (n, way))).collect();
    let mut running = tokio::task::JoinSet::new();
    let mut failed = Vec::new();
    while !cases.is_empty() || !running.is_empty() {
        while running.len() < 12
            && let Some((n, way)) = cases.pop()
        {
            let calls = calls.clone();
            running.spawn(async move { check(&calls, n, way).await });
        }
        if let Some(Err(panic)) = running.join_next().await {
            failed.push(panic.to_string());
        }
    }
    assert!(failed.is_empty(), "{} of the cases above failed", failed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_agent_reaches_its_time_limits() {
    // spec: X14a, X14b
    for (wall, idle, words) in [(20, 600, "time limit of 20 s"), (600, 20, "no event for 20 s")] {
        let calm = Fixture::new().await;
        let _ = calm.run().await;
        let n = calm.faults.calls().iter().position(|call| *call == "container.exec").unwrap();
        let fixture = Fixture::with(fixing_agent(), Faults::at(n, Fault::Hang), &|limits| {
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
    let pause = std::time::Duration::from_millis(300);
    let fixture =
        Fixture::with(fixing_agent().with_heartbeats(8, pause), Faults::none(), &|limits| {
            // One second on the fixture's clock.
            limits.agent.idle = std::time::Duration::from_secs(20);
            limits.agent.wall = std::time::Duration::from_secs(600);
        })
        .await;
    let report = fixture.run().await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let shown = format!("{:?}", fixture.observer.events());
    assert!(shown.contains("Edited") && !shown.contains("Alive"), "{shown}");
}
