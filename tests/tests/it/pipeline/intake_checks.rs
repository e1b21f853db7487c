//! Tests of the checks at intake: how often strangers cause a call to the VCS host.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::event::{Actor, IssueEvent, Trigger};
use ccc_core::intake::{Admission, Intake};
use ccc_core::run::SkipReason;
use ccc_core::testing::{FakeAgent, Fakes, Faults, Faulty, ManualClock};
use ccc_core::vcs::{Permission, RequestQuota};
use ccc_core::{Clock, ErrorKind};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;

use super::dispatch::delivery;

/// A dispatcher whose clock the test moves.
struct Intakes {
    fakes: Fakes,
    faults: Arc<Faults>,
    clock: Arc<ManualClock>,
    dispatcher: Dispatcher,
    event: IssueEvent,
    deliveries: u64,
}

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
    TooMany,
    /// The delivery is answered 503.
    Postponed,
}

use Answer::{Accepted, Postponed, Refused, TooMany};

impl Intakes {
    fn new() -> Self {
        let fakes = Fakes::new(&[]);
        let faults = Arc::new(Faults::none());
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let event = fakes.host.open_issue("A title", "");
        let host = Faulty::new(Arc::clone(&fakes.host), &faults);
        let pipeline = fakes.pipeline().host(host).agent(FakeAgent::default());
        let pipeline = pipeline.clock(Arc::clone(&clock) as Arc<dyn Clock>).build().unwrap();
        let store = Arc::new(MemoryRunStore::new(Arc::clone(&clock) as _));
        let dispatcher = Dispatcher::new(pipeline, store, DispatcherConfig::default());
        Self { fakes, faults, clock, dispatcher, event, deliveries: 0 }
    }

    fn add(&self, id: u64, permission: Permission) -> Actor {
        self.fakes.host.add_actor(id, &format!("a{id}"), permission)
    }

    /// Moves the clock to `seconds` after the start of the test.
    fn at(&self, seconds: i64) {
        let passed = self.clock.now().as_second();
        self.clock.advance(Duration::from_secs(u64::try_from(seconds - passed).unwrap()));
    }

    /// Delivers a request of `actor`. Returns the answer, and the number of calls to the VCS host
    /// that count for the installation.
    async fn deliver(&mut self, actor: &Actor, trigger: Trigger) -> (Answer, usize) {
        self.deliveries += 1;
        let event = IssueEvent { actor: actor.clone(), trigger, ..self.event.clone() };
        let before = self.calls();
        let id = self.deliveries.to_string();
        let answer = match self.dispatcher.admit(&delivery(&id), &event).await {
            Ok(Admission::Accepted(_)) => Accepted,
            Ok(Admission::Ignored(SkipReason::NotPermitted)) => Refused,
            Ok(Admission::Ignored(SkipReason::TooManyRequests)) => TooMany,
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                assert!(error.retry_after().is_some(), "{error}");
                Postponed
            }
            other => panic!("{other:?}"),
        };
        (answer, self.calls() - before)
    }

    async fn comment(&mut self, actor: &Actor) -> (Answer, usize) {
        let comment = self.deliveries;
        self.deliver(actor, Trigger::Commented { comment, body: "@claude".to_owned() }).await
    }

    async fn label(&mut self, actor: &Actor) -> (Answer, usize) {
        self.deliver(actor, Trigger::Labeled { label: "claude".to_owned() }).await
    }

    fn calls(&self) -> usize {
        // The names of calls about tokens contain the grant.
        let counts = ["vcs_host.permission", "vcs_host.access(", "vcs_host.release("];
        let calls = self.faults.calls();
        calls.iter().filter(|call| counts.iter().any(|name| call.starts_with(name))).count()
    }
}

#[tokio::test]
async fn refusals_of_an_actor_are_used_longer_and_longer() {
    // spec: W11c, W11f
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    for (seconds, asked) in [
        (0, 1),
        (29, 0),
        (30, 1),
        (60, 0),
        (149, 0),
        (150, 1),
        (749, 0),
        (750, 1),
        (1_349, 0),
        (1_350, 1),
        // After an hour without a check, the next refusal is short again.
        (4_950, 1),
        (4_979, 0),
        (4_980, 1),
    ] {
        intakes.at(seconds);
        assert_eq!(intakes.comment(&stranger).await, (Refused, asked), "{seconds}");
    }
}

#[tokio::test]
async fn a_new_permission_counts_within_ten_minutes_and_for_a_label_within_half_a_minute() {
    // spec: W11c, W11f
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    for seconds in [0, 30, 150] {
        intakes.at(seconds);
        assert_eq!(intakes.comment(&stranger).await, (Refused, 1), "{seconds}");
    }
    intakes.add(2, Permission::Write);
    for (seconds, comment, label) in
        [(179, Some((Refused, 0)), (Refused, 0)), (180, Some((Refused, 0)), (Accepted, 1))]
    {
        intakes.at(seconds);
        if let Some(expected) = comment {
            assert_eq!(intakes.comment(&stranger).await, expected, "{seconds}");
        }
        assert_eq!(intakes.label(&stranger).await, label, "{seconds}");
    }
    assert_eq!(intakes.comment(&stranger).await, (Accepted, 0));

    // Without a label, the next comment after ten minutes counts.
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    for seconds in [0, 30, 150] {
        intakes.at(seconds);
        intakes.comment(&stranger).await;
    }
    intakes.add(2, Permission::Write);
    for (seconds, expected) in [(749, (Refused, 0)), (750, (Accepted, 1))] {
        intakes.at(seconds);
        assert_eq!(intakes.comment(&stranger).await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn an_hour_of_comments_of_one_stranger_costs_few_calls() {
    // spec: W11f
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    let mut calls = 0;
    for seconds in 0..3_600 {
        intakes.at(seconds);
        let (answer, asked) = intakes.comment(&stranger).await;
        assert_eq!(answer, Refused);
        calls += asked;
    }
    assert_eq!(calls, 8);
}

#[tokio::test]
async fn a_flood_of_strangers_leaves_actors_who_may_start_runs_alone() {
    // spec: W11f
    let mut intakes = Intakes::new();
    let known = intakes.add(2, Permission::Write);
    let new = intakes.add(3, Permission::Write);
    let absent = intakes.add(4, Permission::Write);
    assert_eq!(intakes.comment(&known).await, (Accepted, 1));
    // The first check of this actor no longer counts.
    intakes.at(3_600);
    let mut calls = 0;
    let (mut refused, mut postponed) = (0, 0);
    for n in 0..1_000 {
        let stranger = intakes.add(100 + n, Permission::Read);
        let (answer, asked) = intakes.comment(&stranger).await;
        calls += asked;
        match answer {
            Refused => refused += 1,
            Postponed => postponed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((calls, refused, postponed), (300, 300, 700));
    // The answer about this actor is too old. The check counts for no budget.
    assert_eq!(intakes.comment(&known).await, (Accepted, 1));
    assert_eq!(intakes.comment(&new).await, (Postponed, 0));
    assert_eq!(intakes.label(&new).await, (Accepted, 1));
    assert_eq!(intakes.comment(&new).await, (Accepted, 0));
    intakes.at(3_600 + 3_599);
    assert_eq!(intakes.comment(&absent).await, (Postponed, 0));
    intakes.at(3_600 + 3_600);
    assert_eq!(intakes.comment(&absent).await, (Accepted, 1));
}

#[tokio::test]
async fn labels_and_failed_checks_of_a_stranger_use_budgets_too() {
    // spec: W11f
    // A template of an issue adds its labels in the name of the author, who can be a stranger.
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    let mut calls = 0;
    for seconds in 0..3_600 {
        intakes.at(seconds);
        let (answer, asked) = intakes.label(&stranger).await;
        assert_eq!(answer, Refused);
        calls += asked;
    }
    assert_eq!(calls, 30, "a tenth of the budget");

    // The VCS host knows no other repository, so every check of it fails.
    let mut intakes = Intakes::new();
    let stranger = intakes.add(2, Permission::Read);
    intakes.event.repo.id += 1;
    let mut calls = 0;
    for seconds in 0..3_600 {
        intakes.at(seconds);
        let (answer, asked) = intakes.comment(&stranger).await;
        assert!(matches!(answer, Accepted | Postponed), "{answer:?}");
        calls += asked;
    }
    assert_eq!(calls, 30, "a tenth of the budget");
}

#[tokio::test]
async fn while_few_requests_remain_the_host_is_not_asked_about_strangers() {
    // spec: W11f
    for (remaining, low) in [(999, true), (0, true), (1_000, false)] {
        let mut intakes = Intakes::new();
        let known = intakes.add(2, Permission::Write);
        let stranger = intakes.add(3, Permission::Read);
        let new = intakes.add(4, Permission::Write);
        assert_eq!(intakes.comment(&known).await, (Accepted, 1));
        assert_eq!(intakes.comment(&stranger).await, (Refused, 1));
        intakes.at(100);
        let resets_at = Timestamp::from_second(700).unwrap();
        let quota = RequestQuota::new(5_000, remaining, resets_at);
        intakes.fakes.host.set_request_quota(Some(quota));
        let asked = usize::from(!low);
        assert_eq!(intakes.comment(&known).await, (Accepted, 1));
        assert_eq!(intakes.comment(&stranger).await, (Refused, asked));
        let comment = if low { (Postponed, 0) } else { (Accepted, 1) };
        assert_eq!(intakes.comment(&new).await, comment);
        assert_eq!(intakes.label(&new).await, (Accepted, usize::from(low)));
        // When the period ends, the host grants requests again.
        intakes.at(700);
        assert_eq!(intakes.comment(&stranger).await, (Refused, 1));
    }
}
