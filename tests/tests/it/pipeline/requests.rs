//! Tests of the rules that decide whether an event starts a run, and of the order of runs.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::event::{Actor, ActorKind, IssueEvent, Trigger};
use ccc_core::intake::{Admission, Intake};
use ccc_core::policy::TrustPolicy;
use ccc_core::run::{ActorCheck, RunState, SkipReason};
use ccc_core::testing::{FakeAgent, Fakes, Fault, Faults, MockVcsHost};
use ccc_core::vcs::{BotIdentity, Permission};
use ccc_core::{
    CancellationToken, Clock, Error, ErrorKind, Outcome, RunId, RunStore, Stage, SystemClock,
};
use ccc_store::MemoryRunStore;

use super::dispatch::delivery;
use super::fixture::{Fixture, fixing_agent};

const LEASE: Duration = Duration::from_secs(600);

/// A dispatcher and its store.
struct Queue {
    store: Arc<MemoryRunStore>,
    dispatcher: Dispatcher,
}

impl Queue {
    fn new(fixture: &Fixture) -> Self {
        let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
        let config = DispatcherConfig::default().with_poll(Duration::from_millis(20));
        let pipeline = fixture.pipeline.clone();
        let dispatcher = Dispatcher::new(pipeline, Arc::clone(&store) as _, config);
        Self { store, dispatcher }
    }

    async fn admit(&self, id: &str, event: &IssueEvent) -> Admission {
        self.dispatcher.admit(&delivery(id), event).await.unwrap()
    }

    async fn accept(&self, id: &str, event: &IssueEvent, check: ActorCheck) -> RunId {
        self.store.accept(&delivery(id), event, check).await.unwrap().run
    }

    /// Executes runs until `is_done` returns true. Panics after 60 seconds.
    async fn serve_until(&self, is_done: impl AsyncFn() -> bool) {
        let shutdown = CancellationToken::new();
        let waiting = async {
            for _ in 0..6_000 {
                if is_done().await {
                    shutdown.cancel();
                    return;
                }
                SystemClock.sleep(Duration::from_millis(10)).await;
            }
            panic!("timed out");
        };
        tokio::join!(self.dispatcher.serve(shutdown.clone()), waiting);
    }

    async fn outcome(&self, run: RunId) -> Option<Outcome> {
        match self.store.get(run).await.unwrap().unwrap().state {
            RunState::Finished { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// Executes runs until all `runs` have ended, and returns their outcomes.
    async fn outcomes<const N: usize>(&self, runs: [RunId; N]) -> [Outcome; N] {
        self.serve_until(async || {
            for run in runs {
                if self.outcome(run).await.is_none() {
                    return false;
                }
            }
            true
        })
        .await;
        let mut outcomes = Vec::new();
        for run in runs {
            outcomes.extend(self.outcome(run).await);
        }
        outcomes.try_into().unwrap()
    }
}

fn with(fixture: &Fixture, actor: &Actor, trigger: Trigger) -> IssueEvent {
    IssueEvent { actor: actor.clone(), trigger, ..fixture.event.clone() }
}

fn mention(fixture: &Fixture, actor: &Actor, comment: u64) -> IssueEvent {
    with(fixture, actor, Trigger::Commented { comment, body: "@claude please".to_owned() })
}

fn labeled(fixture: &Fixture, actor: &Actor) -> IssueEvent {
    with(fixture, actor, Trigger::Labeled { label: "claude".to_owned() })
}

/// Returns the opening of issue 42 by `author`, who is also its author on the VCS host.
fn opened(fixture: &Fixture, author: &Actor) -> IssueEvent {
    fixture.host.set_issue(42, "The sum is wrong", "It says 3.", author, true);
    let mut event = with(fixture, author, Trigger::Opened);
    event.issue.author = author.clone();
    event
}

const SAME_REQUEST: Outcome = Outcome::Skipped { reason: SkipReason::SameRequest };
const NOT_PERMITTED: Outcome = Outcome::Skipped { reason: SkipReason::NotPermitted };

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_a_stranger_costs_one_answer_and_delays_no_run() {
    // spec: W11c, W11d
    let fixture = Fixture::new().await;
    let stranger = fixture.host.add_actor(2, "stranger", Permission::Read);
    let queue = Queue::new(&fixture);
    for n in 0..420 {
        let admission = queue.admit(&n.to_string(), &mention(&fixture, &stranger, n)).await;
        assert_eq!(admission, Admission::Ignored(SkipReason::NotPermitted));
    }
    let asked = fixture.faults.count("vcs_host.permission");
    assert!(asked <= 5, "the host was asked {asked} times about one account");
    let request = mention(&fixture, &fixture.writer, 1_000);
    let Admission::Accepted(accepted) = queue.admit("writer", &request).await else {
        panic!("the request of the writer was ignored");
    };
    assert_eq!(queue.store.list(None, 1_000).await.unwrap().len(), 1, "only one run is stored");
    queue
        .serve_until(async || {
            queue.outcome(accepted.run).await.is_some()
                && fixture.faults.count("vcs_host.answer_refused") > 0
                && fixture.host.comment_bodies(42).len() == 2
        })
        .await;
    let outcome = queue.outcome(accepted.run).await;
    assert!(matches!(outcome, Some(Outcome::PullRequest { .. })), "{outcome:?}");
    let comments = fixture.host.comment_bodies(42);
    let refused: Vec<_> = comments.iter().filter(|it| it.contains("started no run")).collect();
    assert_eq!(refused.len(), 1, "{comments:?}");
    assert!(refused[0].contains("write permission") && refused[0].contains("stranger"));
    assert_eq!(fixture.faults.count("vcs_host.answer_refused"), 1);
    assert_eq!(fixture.faults.count("vcs_host.react"), 1, "only the writer's run reacts");
    assert_eq!(fixture.left_over(), Vec::<String>::new());

    // After a restart, the marker of the answer prevents a second one.
    let restarted = Queue::new(&fixture);
    restarted.admit("again", &mention(&fixture, &stranger, 2_000)).await;
    restarted.serve_until(async || fixture.faults.count("vcs_host.answer_refused") == 2).await;
    assert_eq!(fixture.host.comment_bodies(42).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_executed_in_turn_and_not_in_the_order_of_arrival() {
    // spec: Q2f
    let fixture = Fixture::new().await;
    let queue = Queue::new(&fixture);
    let many = fixture.host.add_actor(2, "many", Permission::Write);
    for n in 0..420 {
        let mut event = mention(&fixture, &many, n);
        event.issue.number = 1_000 + n;
        queue.accept(&n.to_string(), &event, ActorCheck::Permitted).await;
    }
    let last = mention(&fixture, &fixture.writer, 1_000);
    let run = queue.accept("writer", &last, ActorCheck::Permitted).await;
    // In the order of arrival, the run would be the last one of these.
    assert_eq!(queue.store.list(None, 500).await.unwrap().len(), 421);
    let mut claims = Vec::new();
    for _ in 0..2 {
        claims.push(queue.store.claim(LEASE).await.unwrap().unwrap().record.run);
    }
    assert!(claims.contains(&run), "the run of the other actor waits for more than one run");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_host_does_not_answer_a_flood_is_limited_and_a_request_is_stored() {
    // spec: W11c, W11e
    let fakes = Fakes::new(&[]);
    let event = fakes.host.open_issue("A title", "");
    let mut host = MockVcsHost::new();
    let us = BotIdentity::new(99, "helper[bot]", "");
    host.expect_bot_identity().returning(move || Ok(us.clone()));
    host.expect_permission()
        .times(1..=60)
        .returning(|_, _| Err(Error::new(ErrorKind::Unavailable, "no answer")));
    let pipeline = fakes.pipeline().host(host).agent(FakeAgent::default()).build().unwrap();
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let dispatcher =
        Dispatcher::new(pipeline, Arc::clone(&store) as _, DispatcherConfig::default());
    let request = |actor: u64, comment: u64| {
        let actor = Actor { id: actor, login: format!("a{actor}"), kind: ActorKind::User };
        let trigger = Trigger::Commented { comment, body: "@claude".to_owned() };
        IssueEvent { actor, trigger, ..event.clone() }
    };
    let (mut stored, mut postponed) = (0, 0);
    for n in 0..420 {
        match dispatcher.admit(&delivery(&n.to_string()), &request(2, n)).await {
            Ok(Admission::Accepted(_)) => stored += 1,
            // The account can be a maintainer, so its request must not be answered 200.
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                assert!(error.retry_after().is_some(), "{error}");
                postponed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored, postponed), (10, 410));
    let admission = dispatcher.admit(&delivery("other"), &request(3, 1_000)).await.unwrap();
    let Admission::Accepted(other) = admission else { panic!("{admission:?}") };
    // The runs are on one issue, so that only one of them is claimed at a time.
    for expected in [false, true] {
        let claim = store.claim(LEASE).await.unwrap().unwrap();
        assert_eq!(claim.record.run == other.run, expected);
        store.finish(claim.record.run, claim.fence, &NOT_PERMITTED).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_not_take_the_same_request_of_another_actor_with_it() {
    // spec: W6, X11
    let fixture = Fixture::new().await;
    let stranger = fixture.host.add_actor(2, "stranger", Permission::Read);
    let queue = Queue::new(&fixture);
    // The host answered neither delivery at intake.
    let strangers = queue.accept("opened", &opened(&fixture, &stranger), ActorCheck::Pending).await;
    let label = labeled(&fixture, &fixture.writer);
    let writers = queue.accept("labeled", &label, ActorCheck::Pending).await;
    let [refused, worked] = queue.outcomes([strangers, writers]).await;
    assert_eq!(refused, NOT_PERMITTED);
    assert!(matches!(worked, Outcome::PullRequest { .. }), "{worked:?}");
    let record = queue.store.get(writers).await.unwrap().unwrap();
    assert_eq!(record.event.actor, fixture.writer);
    assert_eq!(fixture.faults.count("agent.run"), 1);
    let comments = fixture.host.comment_bodies(42);
    assert_eq!(comments.len(), 1, "an issue that was only opened gets no answer: {comments:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_another_actor_loses_is_run_by_itself() {
    // spec: W6
    let fixture = Fixture::new().await;
    let leaving = fixture.host.add_actor(2, "leaving", Permission::Write);
    let queue = Queue::new(&fixture);
    let first = queue.admit("opened", &opened(&fixture, &leaving)).await;
    let second = queue.admit("labeled", &labeled(&fixture, &fixture.writer)).await;
    let (Admission::Accepted(first), Admission::Accepted(second)) = (first, second) else {
        panic!("{first:?} {second:?}");
    };
    assert!(!first.duplicate && !second.duplicate && first.run != second.run);
    // The actor loses the permission after both deliveries were accepted.
    fixture.host.add_actor(2, "leaving", Permission::Read);
    let [refused, worked] = queue.outcomes([first.run, second.run]).await;
    assert_eq!(refused, NOT_PERMITTED);
    assert!(matches!(worked, Outcome::PullRequest { .. }), "{worked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_of_two_permitted_actors_is_worked_on_once() {
    // spec: W6
    let fixture = Fixture::new().await;
    let other = fixture.host.add_actor(2, "other", Permission::Write);
    let queue = Queue::new(&fixture);
    let mut runs = Vec::new();
    for (id, event) in [
        ("opened", opened(&fixture, &fixture.writer)),
        ("labeled", labeled(&fixture, &other)),
        ("labeled-again", labeled(&fixture, &other)),
    ] {
        match queue.admit(id, &event).await {
            Admission::Accepted(accepted) => runs.push((accepted.run, accepted.duplicate)),
            ignored => panic!("{id}: {ignored:?}"),
        }
    }
    let duplicates: Vec<bool> = runs.iter().map(|(_, duplicate)| *duplicate).collect();
    assert_eq!(duplicates, [false, false, true]);
    let [worked, skipped] = queue.outcomes([runs[0].0, runs[1].0]).await;
    assert!(matches!(worked, Outcome::PullRequest { .. }), "{worked:?}");
    assert_eq!(skipped, SAME_REQUEST);
    let record = queue.store.get(runs[1].0).await.unwrap().unwrap();
    assert_eq!(record.served_by, Some(runs[0].0));
    assert_eq!(fixture.faults.count("agent.run"), 1);
    assert_eq!(fixture.host.pull_requests().len(), 1);
    assert_eq!(fixture.host.comment_bodies(42).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_the_permission_is_known() {
    // spec: X11
    for (check, comments) in [(ActorCheck::Pending, 0), (ActorCheck::Permitted, 1)] {
        for fault in [Fault::Fail(ErrorKind::Unexpected), Fault::Hang, Fault::Panic] {
            let faults = Faults::on("vcs_host.permission", 0, fault);
            let fixture = Fixture::with(fixing_agent(), faults, &|_| {}).await;
            let queue = Queue::new(&fixture);
            let event = mention(&fixture, &fixture.writer, 1);
            let run = queue.accept("a", &event, check).await;
            let [outcome] = queue.outcomes([run]).await;
            let failed = matches!(outcome, Outcome::Failed { stage: Stage::Authorize, .. });
            assert!(failed, "{check:?} {fault:?}: {outcome:?}");
            let written = fixture.host.comment_bodies(42);
            assert_eq!(written.len(), comments, "{check:?} {fault:?}: {written:?}");
            assert_eq!(fixture.faults.count("vcs_host.react"), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_only_quotes_a_mention_is_not_stored() {
    // spec: X20d
    let fixture = Fixture::new().await;
    let stranger = fixture.host.add_actor(2, "stranger", Permission::Read);
    let queue = Queue::new(&fixture);
    for (id, body, is_accepted) in [
        ("quote", "> @claude please\n\nNo.", false),
        ("code", "Write `@claude please`.", false),
        ("hidden", "<!-- @claude --> x", false),
        ("mention", "> no\n\n@claude please", true),
    ] {
        let body = body.to_owned();
        for actor in [&stranger, &fixture.writer] {
            let event =
                with(&fixture, actor, Trigger::Commented { comment: 7, body: body.clone() });
            let admission = queue.admit(&format!("{id}-{}", actor.id), &event).await;
            let accepted = matches!(admission, Admission::Accepted(_));
            assert_eq!(accepted, is_accepted && actor.id == 1, "{id}: {admission:?}");
        }
        // A quote by a stranger costs no request to the VCS host.
        assert_eq!(fixture.faults.count("vcs_host.permission") > 0, is_accepted, "{id}");
    }
}

#[test]
fn only_work_of_the_agent_serves_a_request() {
    // spec: W6
    for stage in Stage::ALL {
        let outcome = Outcome::Cancelled { stage };
        assert_eq!(outcome.serves_request(), stage >= Stage::Work, "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_opens_an_issue_and_reopening_is_a_setting() {
    // spec: W11a, W11b
    let fixture = Fixture::new().await;
    let us = BotIdentity::new(99, "helper[bot]", "");
    let account = |id| Actor { id, login: format!("a{id}"), kind: ActorKind::User };
    let default = TrustPolicy::default();
    let on_reopened = default.clone().with_on_reopened(true);
    let not_on_opened = default.clone().with_on_opened(false);
    let (opened, reopened) = (Trigger::Opened, Trigger::Reopened);
    let labeled = Trigger::Labeled { label: "claude".to_owned() };
    let assigned = Trigger::Assigned { assignee: us.account() };
    for (policy, actor, author, trigger, expected) in [
        (&default, 1, 1, &opened, Ok(())),
        (&default, 1, 2, &opened, Err(SkipReason::NotAuthor)),
        (&on_reopened, 1, 2, &opened, Err(SkipReason::NotAuthor)),
        (&not_on_opened, 1, 1, &opened, Err(SkipReason::NotForUs)),
        (&default, 1, 2, &reopened, Err(SkipReason::NotForUs)),
        (&default, 1, 1, &reopened, Err(SkipReason::NotForUs)),
        (&on_reopened, 1, 2, &reopened, Ok(())),
        (&not_on_opened, 1, 2, &reopened, Err(SkipReason::NotForUs)),
        // A label and an assignment request a run on the text of the author.
        (&default, 1, 2, &labeled, Ok(())),
        (&default, 1, 2, &assigned, Ok(())),
    ] {
        let mut event = fixture.event.clone();
        (event.actor, event.issue.author) = (account(actor), account(author));
        event.trigger = trigger.clone();
        let checked = policy.check_event(&event, &us);
        assert_eq!(checked, expected, "{actor} on the issue of {author}: {trigger:?}");
    }
}
