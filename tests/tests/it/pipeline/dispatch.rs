//! Tests of runs with a dispatcher and a run store.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::event::Delivery;
use ccc_core::intake::{Admission, Intake};
use ccc_core::run::{ActorCheck, RunRecord, RunState};
use ccc_core::run_store::Fence;
use ccc_core::testing::{Fault, Faults, Faulty, ManualClock, MockRunStore, git};
use ccc_core::{
    CancellationToken, Clock, DeliveryId, ErrorKind, Outcome, Progress, RunId, RunStore, Stage,
    SystemClock,
};
use ccc_store::MemoryRunStore;

use super::fixture::{Fixture, fixing_agent};

fn dispatcher(fixture: &Fixture, store: &Arc<MemoryRunStore>) -> Arc<Dispatcher> {
    let config = DispatcherConfig::default();
    Arc::new(Dispatcher::new(fixture.pipeline.clone(), Arc::clone(store) as _, config))
}

pub(super) fn delivery(id: &str) -> Delivery {
    Delivery {
        id: DeliveryId::new(id).unwrap(),
        body_sha256: [7; 32],
        received_at: SystemClock.now(),
    }
}

/// Polls until the run has finished and returns its outcome. Panics after 30 seconds.
pub(super) async fn finished(store: &MemoryRunStore, run: RunId) -> Outcome {
    for _ in 0..3_000 {
        if let Some(RunRecord { state: RunState::Finished { outcome }, .. }) =
            store.get(run).await.unwrap()
        {
            return outcome;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    panic!("run {run} did not finish");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_delivery_runs_once_and_is_stored() {
    // spec: W5a, W5c, Q3b
    let fixture = Fixture::new().await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let dispatcher = dispatcher(&fixture, &store);
    let shutdown = CancellationToken::new();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn({
        let (dispatcher, shutdown) = (Arc::clone(&dispatcher), shutdown.clone());
        async move { dispatcher.serve(shutdown).await }
    });
    let Admission::Accepted(first) =
        dispatcher.admit(&delivery("a"), &fixture.event).await.unwrap()
    else {
        panic!("ignored")
    };
    let Admission::Accepted(again) =
        dispatcher.admit(&delivery("a"), &fixture.event).await.unwrap()
    else {
        panic!("ignored")
    };
    assert!(!first.duplicate && again.duplicate && first.run == again.run);
    let outcome = finished(&store, first.run).await;
    assert!(matches!(outcome, Outcome::PullRequest { .. }), "{outcome:?}");
    let record = store.get(first.run).await.unwrap().unwrap();
    assert_eq!(record.progress.stage(), Stage::Publish);
    shutdown.cancel();
    serving.join_all().await;
    assert_eq!(fixture.faults.count("agent.run"), 1);
    assert_eq!(fixture.left_over(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_does_not_run_the_agent_again() {
    // spec: P9, P6
    // The run opens its pull request and is dropped during that call.
    let faults = Faults::on("vcs_host.open_pull_request", 0, Fault::Hang);
    let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
    // The store's clock is in the past, so that the commit's date can be recognized.
    let then: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let store = Arc::new(MemoryRunStore::new(Arc::new(ManualClock::new(then))));
    let accepted =
        store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
    let lease = Duration::from_secs(600);
    let claim = store.claim(lease).await.unwrap().unwrap();
    let fence = claim.fence;
    let cancel = CancellationToken::new();
    let pushed = async {
        while fixture.branches().is_empty()
            || fixture.faults.count("vcs_host.open_pull_request") == 0
        {
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = fixture.pipeline.resume(claim, Arc::clone(&store) as _, &cancel) => panic!("run ended"),
        () = pushed => {}
    }
    fixture.pipeline.wait_for_cleanups().await;
    let branches = fixture.branches();
    store.release(accepted.run, fence, Duration::ZERO).await.unwrap();

    let claim = store.claim(lease).await.unwrap().unwrap();
    assert_eq!(claim.record.progress.stage(), Stage::Commit);
    assert_eq!(claim.fence, Fence(fence.0 + 1));
    let report = fixture.pipeline.resume(claim, Arc::clone(&store) as _, &cancel).await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    assert_eq!(fixture.faults.count("agent.run"), 1, "the agent ran twice");
    assert_eq!(fixture.branches(), branches, "the resumed run made another commit or branch");
    let dates = git(&fixture.remote, &["log", "-1", "--format=%at %ct", &branches[0]]);
    assert_eq!(dates, format!("{0} {0}", then.as_second()));
    assert_eq!(fixture.left_over(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_run_is_postponed_and_then_finished() {
    // spec: G5c, P9
    let calm = Fixture::new().await;
    let _ = calm.run().await;
    let calls = calm.faults.calls();
    let comments = calls.iter().filter(|call| **call == "vcs_host.upsert_comment").count();
    for (name, times) in [
        ("vcs_host.issue", 1),
        ("vcs_host.comments", 1),
        ("vcs_host.open_pull_request", 1),
        // The pull request exists, but the comment does not mention it yet.
        ("vcs_host.upsert_comment", comments),
    ] {
        let wait = Duration::from_secs(3_000);
        let faults = Faults::on(name, times - 1, Fault::Limit(wait));
        let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let store = Arc::new(MemoryRunStore::new(Arc::clone(&clock) as _));
        let mut config = DispatcherConfig::default();
        config.poll = Duration::from_millis(20);
        let dispatcher = Dispatcher::new(fixture.pipeline.clone(), Arc::clone(&store) as _, config);
        let accepted =
            store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
        let shutdown = CancellationToken::new();
        let story = async {
            let waiting = async || {
                let record = store.get(accepted.run).await.unwrap().unwrap();
                record.state == RunState::Waiting && fixture.faults.count(name) == times
            };
            while !waiting().await {
                SystemClock.sleep(Duration::from_millis(5)).await;
            }
            let said = fixture.host.comment_bodies(42);
            assert!(said.iter().all(|text| text.starts_with("Working")), "{name}: {said:?}");
            clock.advance(wait);
            let outcome = finished(&store, accepted.run).await;
            shutdown.cancel();
            outcome
        };
        let ((), outcome) = tokio::join!(dispatcher.serve(shutdown.clone()), story);
        assert!(matches!(outcome, Outcome::PullRequest { .. }), "{name}: {outcome:?}");
        assert_eq!(fixture.faults.count("agent.run"), 1, "{name}: the agent ran twice");
        let said = fixture.host.comment_bodies(42);
        assert!(said.len() == 1 && said[0].starts_with("Opened"), "{name}: {said:?}");
        assert_eq!(fixture.left_over(), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postponement_is_at_least_a_minute_and_less_than_a_day() {
    // spec: G5c
    for (asked, expected) in [
        (Duration::ZERO, Some(Duration::from_secs(60))),
        (Duration::from_secs(7_000), Some(Duration::from_secs(7_000))),
        (Duration::from_secs(25 * 3_600), None),
        (Duration::MAX, None),
    ] {
        let faults = Faults::on("vcs_host.issue", 0, Fault::Limit(asked));
        let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
        let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
        store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
        let claim = store.claim(Duration::from_secs(600)).await.unwrap().unwrap();
        let cancel = CancellationToken::new();
        let report = fixture.pipeline.resume(claim, Arc::clone(&store) as _, &cancel).await;
        assert_eq!(report.postponed, expected, "{asked:?}");
        let told = fixture.host.comment_bodies(42).len();
        assert_eq!(told, usize::from(expected.is_none()), "{asked:?}");
        assert_eq!(fixture.left_over(), Vec::<String>::new(), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_an_expired_lease_publishes_nothing() {
    // spec: Q1a
    let fixture = Fixture::new().await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
    let stale = store.claim(Duration::ZERO).await.unwrap().unwrap();
    let report =
        fixture.pipeline.resume(stale, Arc::clone(&store) as _, &CancellationToken::new()).await;
    assert!(
        matches!(report.outcome, Outcome::Failed { kind: ErrorKind::Conflict, .. }),
        "{report:?}"
    );
    assert!(fixture.branches().is_empty());
    let comments = fixture.host.comment_bodies(42);
    assert!(comments.iter().all(|text| text.starts_with("Working")), "{comments:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_reaches_the_run() {
    // spec: Q2b
    let fixture = Fixture::new().await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let accepted =
        store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
    store.request_cancel(accepted.run).await.unwrap();
    let dispatcher = dispatcher(&fixture, &store);
    let shutdown = CancellationToken::new();
    let serving = dispatcher.serve(shutdown.clone());
    let outcome = async {
        let outcome = finished(&store, accepted.run).await;
        shutdown.cancel();
        outcome
    };
    let ((), outcome) = tokio::join!(serving, outcome);
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(fixture.faults.count("agent.run"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_corrupt_progress_is_neither_started_nor_deleted() {
    // spec: Q3d
    let fixture = Fixture::new().await;
    let run = RunId::new(SystemClock.now()).unwrap();
    let (files, patch) =
        (fixture.data.join(format!("runs/{run}")), fixture.pipeline.git().patch_path(run));
    std::fs::create_dir(&files).unwrap();
    std::fs::write(&patch, "paid work").unwrap();
    let shutdown = CancellationToken::new();
    // The mock panics at any other call of the store.
    let mut store = MockRunStore::new();
    let (mut claims, stop) = (0, shutdown.clone());
    store.expect_claim().returning(move |_| {
        claims += 1;
        if claims == 3 {
            stop.cancel();
        }
        Err(Progress::from_json(br#"{"version": 7, "progress": {}}"#).unwrap_err())
    });
    let config = DispatcherConfig::default().with_poll(Duration::from_millis(5));
    let dispatcher = Dispatcher::new(fixture.pipeline.clone(), Arc::new(store), config);
    dispatcher.serve(shutdown).await;
    assert_eq!(fixture.faults.calls(), Vec::<&str>::new());
    assert!(files.is_dir() && patch.is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn store_failures_never_open_a_second_pull_request() {
    // spec: P2, P3
    let kept = |faults| {
        let store = MemoryRunStore::new(Arc::new(SystemClock));
        let faults: Arc<Faults> = Arc::new(faults);
        (Arc::new(Faulty::new(store, &faults)), faults)
    };
    let (calm, faults) = kept(Faults::none());
    let run = async |store: Arc<Faulty<MemoryRunStore>>, faults: &Arc<Faults>| {
        let fixture = Fixture::timed_by(faults).await;
        store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
        let claim = store.claim(Duration::from_secs(600)).await.unwrap().unwrap();
        let report = fixture.pipeline.resume(claim, store, &CancellationToken::new()).await;
        (fixture, report)
    };
    let _ = run(calm, &faults).await;
    let calls = faults.calls();
    // The first two calls come from the test itself.
    for n in 2..calls.len() {
        for fault in [
            Fault::Fail(ErrorKind::Unavailable),
            Fault::Fail(ErrorKind::Unexpected),
            Fault::FailAfter(ErrorKind::Unavailable),
            Fault::Panic,
            Fault::Hang,
        ] {
            let (store, faults) = kept(Faults::at(n, fault));
            let (fixture, report) = run(store, &faults).await;
            let what = format!("call {n} {} {fault:?}: {report:?}", calls[n]);
            let opened = fixture.host.pull_requests().len();
            let told = fixture.host.comment_bodies(42).join("");
            // An opened pull request is always reported. A temporary failure does not end the run.
            assert_eq!(told.contains("Opened #"), opened == 1, "{what}: {told}");
            let passing =
                !matches!(fault, Fault::Fail(ErrorKind::Unexpected) | Fault::Panic | Fault::Hang);
            let published = calls[n] == "run_store.finish" || n + 2 == calls.len();
            assert_eq!(opened, usize::from(passing || published), "{what}");
            assert_eq!(fixture.faults.count("container_runner.destroy"), 1, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_cannot_be_committed_is_saved_as_a_patch() {
    let calm = Fixture::new().await;
    let _ = calm.run().await;
    let calls = calm.faults.calls();
    let times = calls.iter().filter(|call| **call == "vcs_host.bot_identity").count();
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::Hang] {
        let faults = Faults::on("vcs_host.bot_identity", times - 1, fault);
        let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
        let report = fixture.run().await;
        assert!(matches!(report.outcome, Outcome::Failed { stage: Stage::Commit, .. }));
        let comments = fixture.host.comment_bodies(42);
        assert!(comments[0].contains("+1 + 1 = 2"), "{fault:?}: {comments:?}");
        assert!(fixture.pipeline.git().patch_path(report.run).exists());
    }
}
