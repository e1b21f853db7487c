//! Tests in which a run is cancelled, or its future dropped, in each stage.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::observe::{Event, EventKind};
use ccc_core::run::{ActorCheck, RunState};
use ccc_core::testing::{Faults, ManualClock};
use ccc_core::{
    CancellationToken, Clock as _, ErrorKind, Observer, Outcome, RunStore as _, Stage, SystemClock,
};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;

use super::dispatch::delivery;
use super::fixture::{Fixture, fixing_agent};

/// An observer that cancels a token when a given stage begins.
#[derive(Debug)]
struct Tripwire {
    stage: Stage,
    trigger: CancellationToken,
    seen: Mutex<Vec<Stage>>,
}

impl Observer for Tripwire {
    fn on_event(&self, event: &Event) {
        if let EventKind::StageStarted { stage } = event.kind {
            self.seen.lock().unwrap().push(stage);
            if stage == self.stage {
                self.trigger.cancel();
            }
        }
    }
}

async fn fixture(stage: Stage) -> (Fixture, CancellationToken, Arc<Tripwire>) {
    let trigger = CancellationToken::new();
    let wire = Arc::new(Tripwire { stage, trigger: trigger.clone(), seen: Mutex::default() });
    let fixture = Fixture::observed_by(Arc::clone(&wire) as _).await;
    (fixture, trigger, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_names_its_stage_and_leaves_nothing_behind() {
    // spec: P2, P3, P4, P5
    for stage in &Stage::ALL[1..8] {
        let (fixture, trigger, _) = fixture(*stage).await;
        let report = fixture.pipeline.run(fixture.event.clone(), &trigger).await.unwrap();
        assert_eq!(report.outcome, Outcome::Cancelled { stage: *stage });
        report.cleanup.unwrap();
        assert_eq!(fixture.faults.count("container_runner.destroy"), 1, "{stage}");
        assert_eq!(fixture.left_over(), Vec::<String>::new(), "{stage}");
        let comments = fixture.host.comment_bodies(42);
        assert!(comments.iter().all(|text| text.contains("cancelled in")), "{stage}: {comments:?}");
        // Authorize is cancelled before the permission of the actor is known (spec: X11).
        assert_eq!(comments.len(), usize::from(*stage != Stage::Authorize), "{stage}");
    }
    // From Report on, a run can no longer be cancelled.
    for stage in [Stage::Report, Stage::Cleanup] {
        let (fixture, trigger, _) = fixture(stage).await;
        let report = fixture.pipeline.run(fixture.event.clone(), &trigger).await.unwrap();
        assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
        assert_eq!(fixture.left_over(), Vec::<String>::new(), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_leaves_nothing_behind() {
    // spec: P3
    for stage in &Stage::ALL[1..] {
        let (fixture, trigger, wire) = fixture(*stage).await;
        let never = CancellationToken::new();
        tokio::select! {
            biased;
            () = trigger.cancelled() => {}
            _ = fixture.pipeline.run(fixture.event.clone(), &never) => {}
        }
        fixture.pipeline.wait_for_cleanups().await;
        assert_eq!(fixture.faults.count("container_runner.destroy"), 1, "{stage}");
        assert_eq!(fixture.left_over(), Vec::<String>::new(), "{stage}");
        let cleanups = wire.seen.lock().unwrap().iter().filter(|s| **s == Stage::Cleanup).count();
        assert_eq!(cleanups, 1, "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_killed_process_are_cleaned_up() {
    // spec: P8
    let (fixture, ..) = fixture(Stage::Accept).await;
    let now = fixture.pipeline.clock().now();
    let (dead, alive) = (ccc_core::RunId::new(now).unwrap(), ccc_core::RunId::new(now).unwrap());
    for run in [dead, alive] {
        let workspace = fixture.data.join("runs").join(run.to_string());
        std::fs::create_dir(&workspace).unwrap();
        let spec = ccc_core::container::ContainerSpec::new(&workspace);
        fixture.pipeline.runner().spawn(run, &spec).await.unwrap();
    }
    assert_eq!(fixture.pipeline.sweep(&[alive]).await.unwrap(), [dead]);
    assert_eq!(fixture.runner.destroyed(), [dead]);
    assert!(!fixture.data.join("runs").join(dead.to_string()).exists());
    assert!(fixture.data.join("runs").join(alive.to_string()).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_its_service_again_and_again_ends_as_failed() {
    // spec: Q12
    for (earlier, expected) in [(4, None), (5, Some(ErrorKind::Unexpected))] {
        let fixture = Fixture::new().await;
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let store = Arc::new(MemoryRunStore::new(Arc::clone(&clock) as _));
        store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await.unwrap();
        let lease = Duration::from_secs(30);
        for _ in 0..earlier {
            let claim = store.claim(lease).await.unwrap().unwrap();
            assert!(claim.record.attempts <= 5);
            clock.advance(lease);
        }
        let claim = store.claim(lease).await.unwrap().unwrap();
        let run = claim.record.run;
        let report = fixture.pipeline.resume(claim, store, &CancellationToken::new()).await;
        let kind = match &report.outcome {
            Outcome::Failed { kind, .. } => Some(*kind),
            _ => None,
        };
        assert_eq!((report.run, kind), (run, expected), "{report:?}");
        let comments = fixture.host.comment_bodies(42);
        assert_eq!(comments.len(), 1, "{comments:?}");
        let told = comments[0].contains("the service stopped 5 times during this run");
        assert_eq!(told, expected.is_some(), "{comments:?}");
        // The advice concerns neither the repository nor a limit.
        assert_eq!(comments[0].contains("details in the service's log"), told, "{comments:?}");
        let worked = fixture.faults.count("agent.run");
        assert_eq!(worked, usize::from(expected.is_none()), "the agent costs money");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requested_cancellation_is_noticed_between_two_renewals() {
    // spec: Q14b
    let agent = fixing_agent().with_heartbeats(100_000, Duration::from_millis(10));
    let fixture = Fixture::with(agent, Faults::none(), &|_| {}).await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let accepted = store.accept(&delivery("a"), &fixture.event, ActorCheck::Permitted).await;
    let run = accepted.unwrap().run;
    // The first renewal is in eight hours.
    let day = Duration::from_hours(24);
    let config = DispatcherConfig::default().with_lease(day).with_poll(Duration::from_millis(20));
    let dispatcher = Dispatcher::new(fixture.pipeline.clone(), Arc::clone(&store) as _, config);
    let shutdown = CancellationToken::new();
    let cancel = async {
        while fixture.faults.count("agent.run") == 0 {
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
        store.request_cancel(run).await.unwrap();
        loop {
            if let RunState::Finished { outcome } = store.get(run).await.unwrap().unwrap().state {
                shutdown.cancel();
                return outcome;
            }
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    };
    let (outcome, ()) = tokio::join!(cancel, dispatcher.serve(shutdown.clone()));
    assert_eq!(outcome, Outcome::Cancelled { stage: Stage::Work });
}
