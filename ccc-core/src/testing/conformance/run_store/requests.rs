//! Conformance cases for run stores: the same request of several actors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use jiff::Timestamp;

use super::fixture::{Fixture, WITHIN_LEASE, by, comment, event, labeled};
use crate::event::Trigger;
use crate::progress::Progress;
use crate::run::{ActorCheck, Outcome, RunState, SkipReason};
use crate::testing::conformance::assert_fails_with;
use crate::{ErrorKind, IssueEvent, RunId, Stage};

const SKIPPED: RunState =
    RunState::Finished { outcome: Outcome::Skipped { reason: SkipReason::SameRequest } };

/// Accepts the opening of issue 1 by the account 10, and its label by the account 20. Returns both
/// runs.
async fn opened_and_labeled(fixture: &Fixture) -> (RunId, RunId) {
    let opened = fixture.accept("opened", &by(10, event(1, Trigger::Opened))).await;
    let labeled = fixture.accept("labeled", &by(20, labeled(1))).await;
    assert!(
        !opened.duplicate && !labeled.duplicate && opened.run != labeled.run,
        "`accept` of the same request of another actor must create a run"
    );
    (opened.run, labeled.run)
}

/// Claims the run `expected` and ends it with `outcome`.
async fn end(fixture: &Fixture, expected: RunId, outcome: &Outcome) {
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, expected, "`claim` must return the oldest run of the request");
    fixture.store.finish(expected, claim.fence, outcome).await.expect(WITHIN_LEASE);
}

/// Checks that `accept` creates one run for each actor with the same request, and that each run has
/// its own event. A repeated request of one of these actors must return the run of this actor.
pub async fn the_same_request_of_two_actors_is_two_runs(fixture: &Fixture) {
    // spec: W6
    let (opened, labeled_by_other) = opened_and_labeled(fixture).await;
    for (run, actor) in [(opened, 10), (labeled_by_other, 20)] {
        let record = fixture.record(run).await;
        assert_eq!(record.event.actor.id, actor, "`accept` must store the actor of the event");
        let again = fixture.accept(&format!("again-{actor}"), &by(actor, labeled(1))).await;
        let expected = (run, true);
        assert_eq!(
            (again.run, again.duplicate),
            expected,
            "`accept` of a repeated request must return the run of the same actor"
        );
    }
    assert_eq!(fixture.list().await.len(), 2, "`accept` of a duplicate must not create a run");
}

/// Checks that `finish` with an outcome that serves the request also ends the other runs of the
/// request, and that their records name the finished run. Runs of other requests must not change.
pub async fn a_served_request_is_not_run_again(fixture: &Fixture) {
    // spec: W6
    let (first, second) = opened_and_labeled(fixture).await;
    let third = fixture.accept_unchecked("third", &by(30, labeled(1))).await;
    let third = third.expect("`accept` must succeed").run;
    let comment_run = fixture.accept("comment", &by(20, comment(1, 5))).await.run;
    let other_issue = fixture.accept("other", &by(20, labeled(2))).await.run;
    let untouched = [fixture.record(comment_run).await, fixture.record(other_issue).await];
    end(fixture, first, &Outcome::Answered { answer: "done".to_owned() }).await;
    for run in [second, third] {
        let record = fixture.record(run).await;
        assert_eq!(record.state, SKIPPED, "`finish` must end the other runs of the request");
        let rule = "`finish` must name the finished run in the record of each run that it ends";
        assert_eq!(record.served_by, Some(first), "{rule}");
    }
    assert_eq!(fixture.record(first).await.served_by, None, "no other run served the first run");
    let after = [fixture.record(comment_run).await, fixture.record(other_issue).await];
    assert_eq!(after, untouched, "`finish` must not change runs of other requests");
    let next = [fixture.claim_some().await, fixture.claim_some().await].map(|it| it.record.run);
    let mut expected = [comment_run, other_issue];
    expected.sort_unstable();
    assert_eq!(next, expected, "`claim` must return only the runs of other requests");
}

/// Checks that a run that ended before its agent started does not end the other runs of its
/// request. The next run must be claimable with its own actor.
pub async fn a_request_that_was_not_served_is_run_by_its_own_actor(fixture: &Fixture) {
    // spec: W6
    let refused = |stage| Outcome::Refused { stage, reason: "no".to_owned(), paths: Vec::new() };
    let failed = |stage| Outcome::Failed {
        stage,
        kind: ErrorKind::Unavailable,
        message: "the host does not respond".to_owned(),
    };
    let outcomes = [
        (Outcome::Skipped { reason: SkipReason::NotPermitted }, false),
        (refused(Stage::Authorize), false),
        (failed(Stage::Checkout), false),
        (Outcome::Cancelled { stage: Stage::Authorize }, false),
        (failed(Stage::Work), true),
        (refused(Stage::Collect), true),
        (Outcome::Cancelled { stage: Stage::Work }, true),
    ];
    for (number, (outcome, serves)) in (1..).zip(outcomes) {
        let issue = |trigger| event(number, trigger);
        let opened = by(100 + number, issue(Trigger::Opened));
        let first = fixture.accept(&format!("opened-{number}"), &opened).await.run;
        let labeled = by(200 + number, labeled(number));
        let second = fixture.accept(&format!("labeled-{number}"), &labeled).await.run;
        end(fixture, first, &outcome).await;
        if serves {
            let state = fixture.record(second).await.state;
            assert_eq!(state, SKIPPED, "`finish` with {outcome:?} must end the other run");
            continue;
        }
        let claim = fixture.claim_some().await;
        let rule = "`finish` with an outcome that does not serve the request must leave the \
                    other run claimable, with its own event";
        assert_eq!((claim.record.run, &claim.record.event), (second, &labeled), "{rule}");
        let answered = Outcome::Answered { answer: String::new() };
        fixture.store.finish(second, claim.fence, &answered).await.expect(WITHIN_LEASE);
    }
    assert!(fixture.claim().await.is_none(), "`claim` must not return a run that has ended");
}

/// Checks that no other run of a request is claimed while one of its runs has passed Authorize and
/// waits to be continued. While the run has not passed Authorize, another run of the request must be
/// claimable, because the actor of the first run may not be permitted.
pub async fn a_run_that_has_passed_authorize_comes_before_its_request_is_run_again(
    fixture: &Fixture,
) {
    // spec: Q2g
    let (first, second) = opened_and_labeled(fixture).await;
    let delay = Duration::from_secs(10);
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, first, "`claim` must return the oldest run of the request");
    fixture.store.release(first, claim.fence, delay).await.expect(WITHIN_LEASE);
    let claim = fixture.claim_some().await;
    let rule = "a run that has not passed Authorize must not block its request";
    assert_eq!(claim.record.run, second, "{rule}");
    let progress = Progress::accepted(Stage::Checkout);
    fixture.store.advance(second, claim.fence, &progress).await.expect(WITHIN_LEASE);
    fixture.store.release(second, claim.fence, 2 * delay).await.expect(WITHIN_LEASE);
    fixture.advance(delay);
    let none = fixture.claim().await.is_none();
    assert!(none, "`claim` must not return a run while another run has passed Authorize");
    fixture.advance(delay);
    let claim = fixture.claim_some().await;
    let rule = "`claim` must return the run that has passed Authorize";
    assert_eq!(claim.record.run, second, "{rule}");
    let answered = Outcome::Answered { answer: String::new() };
    fixture.store.finish(second, claim.fence, &answered).await.expect(WITHIN_LEASE);
    assert_eq!(fixture.record(first).await.state, SKIPPED, "`finish` must end the older run too");
    let cancel = fixture.store.advance(first, claim.fence, &progress).await;
    assert_fails_with("`advance` of a run that was skipped", ErrorKind::Conflict, cancel);
}

/// Checks that `retry` of an ended run adds a run for the same event, whose actor is not checked. While
/// this run has not ended, another `retry` must return it as a duplicate.
pub async fn an_ended_run_can_be_repeated(fixture: &Fixture) {
    // spec: Q14c
    let event = by(10, comment(1, 5));
    let first = fixture.accept("comment", &event).await.run;
    let cancelled = Outcome::Cancelled { stage: Stage::Work };
    end(fixture, first, &cancelled).await;
    fixture.advance(Duration::from_millis(5));
    let before = fixture.record(first).await;
    let again = fixture.store.retry(first).await.expect("`retry` of an ended run must succeed");
    let rule = "`retry` of an ended run must create a run";
    assert!(!again.duplicate && again.run != first, "{rule}");
    let record = fixture.record(again.run).await;
    assert_eq!(record.event, event, "`retry` must store the event of the ended run");
    assert_eq!(
        (&record.state, record.actor_check, &record.progress, record.cancel_requested),
        (&RunState::Waiting, ActorCheck::Pending, &Progress::default(), false),
        "`retry` must create a waiting run whose actor is not checked, and which has no progress"
    );
    assert_eq!(fixture.record(first).await, before, "`retry` must not change the ended run");
    let twice = fixture.store.retry(first).await.expect("a second `retry` must succeed");
    let rule = "`retry` must return the unfinished run of the same request and actor";
    assert_eq!((twice.run, twice.duplicate), (again.run, true), "{rule}");
    let redelivered = fixture.accept("comment", &event).await;
    let rule = "`accept` of a repeated delivery must return its first run, also after `retry`";
    assert_eq!((redelivered.run, redelivered.duplicate), (first, true), "{rule}");
    end(fixture, again.run, &cancelled).await;
    assert!(fixture.claim().await.is_none(), "`retry` must create one run");
}

/// Checks that `retry` of a run that waits or is claimed fails with [`ErrorKind::Conflict`], and `retry`
/// of an unknown run with [`ErrorKind::NotFound`]. Neither may create a run.
pub async fn a_run_that_has_not_ended_is_not_repeated(fixture: &Fixture) {
    // spec: Q14c
    let run = fixture.run_of(1).await;
    let retry = async |run| fixture.store.retry(run).await;
    assert_fails_with("`retry` of a waiting run", ErrorKind::Conflict, retry(run).await);
    fixture.claim_some().await;
    assert_fails_with("`retry` of a claimed run", ErrorKind::Conflict, retry(run).await);
    let unknown = RunId::new(jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_fails_with("`retry` of an unknown run", ErrorKind::NotFound, retry(unknown).await);
    assert_eq!(fixture.list().await.len(), 1, "a refused `retry` must not create a run");
}

/// Checks that `unfinished` returns each run that waits, is claimed, or was released, and no run that
/// has ended, also if another run has served its request.
pub async fn unfinished_runs_are_those_that_have_not_ended(fixture: &Fixture) {
    // spec: Q3e
    let store = &fixture.store;
    let check = async |what: &str, mut expected: Vec<RunId>| {
        let mut found = store.unfinished().await.expect("`unfinished` must succeed");
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "`unfinished` must return {what}");
    };
    check("nothing for an empty store", Vec::new()).await;
    let (first, second) = opened_and_labeled(fixture).await;
    let (third, fourth) = (fixture.run_of(3).await, fixture.run_of(4).await);
    check("the runs that wait", vec![first, second, third, fourth]).await;
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, first, "`claim` must return the oldest run");
    let other = fixture.claim_some().await;
    let released = store.release(other.record.run, other.fence, Duration::from_secs(10)).await;
    released.expect(WITHIN_LEASE);
    check("the claimed and the released run", vec![first, second, third, fourth]).await;
    let answered = Outcome::Answered { answer: String::new() };
    store.finish(first, claim.fence, &answered).await.expect(WITHIN_LEASE);
    check("no run that has ended", vec![third, fourth]).await;
}

/// Returns the event number `number` of issue `issue`. The numbers are in the order of the actions.
/// The events 1 and 2 belong to one change of the issue.
fn action(issue: u64, number: usize) -> IssueEvent {
    let (trigger, second) = match number {
        0 => (Trigger::Opened, 1),
        1 => (Trigger::Reopened, 2),
        2 => (Trigger::Labeled { label: "go".to_owned() }, 2),
        _ => (Trigger::Labeled { label: "go".to_owned() }, 3),
    };
    let mut event = by(10 + number as u64, event(issue, trigger));
    event.issue.updated_at = Timestamp::UNIX_EPOCH + Duration::from_secs(second);
    event
}

/// Checks that a delivery creates no run if a run of its request with a later event has served the
/// request. The deliveries of four actions arrive in each order, each after the run of the one before
/// has ended.
pub async fn an_older_delivery_of_a_served_request_starts_nothing(fixture: &Fixture) {
    // spec: W10b
    let orders = (0..256).map(|order| [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3]);
    let each_once = |order: &[usize; 4]| (0..4).all(|number| order.contains(&number));
    for (issue, order) in (1..).zip(orders.filter(each_once)) {
        let mut newest: Option<(usize, RunId)> = None;
        for number in order {
            let id = format!("order-{issue}-{number}");
            let accepted = fixture.accept(&id, &action(issue, number)).await;
            let second = |number: usize| action(issue, number).issue.updated_at;
            match newest {
                Some((last, run)) if second(number) <= second(last) => {
                    let rule = "`accept` of an older delivery must return the run that served the \
                                request";
                    assert!(accepted.duplicate, "{rule}: {order:?}, {number}");
                    let known = fixture.record(accepted.run).await.event.issue.updated_at;
                    assert!(known >= second(number), "{rule}: {order:?}, {number}, {run}");
                }
                _ => {
                    let rule = "`accept` of a newer delivery must create a run";
                    assert!(!accepted.duplicate, "{rule}: {order:?}, {number}");
                    let outcome = Outcome::Answered { answer: "done".to_owned() };
                    end(fixture, accepted.run, &outcome).await;
                    newest = Some((number, accepted.run));
                }
            }
        }
        let nothing = fixture.claim().await.is_none();
        assert!(nothing, "an older delivery must not make a run claimable: {order:?}");
    }
}

/// Checks that an older delivery creates a run if no run has served its request. Comments are separate
/// requests, so that an older comment always creates a run.
pub async fn an_older_delivery_of_a_request_that_was_not_served_starts_its_run(fixture: &Fixture) {
    // spec: W10b
    let newer = fixture.accept("newer", &action(1, 3)).await;
    let skipped = Outcome::Skipped { reason: SkipReason::NotPermitted };
    end(fixture, newer.run, &skipped).await;
    let older = fixture.accept("older", &action(1, 0)).await;
    assert!(!older.duplicate, "`accept` must create a run if the request was not served");
    end(fixture, older.run, &Outcome::Answered { answer: "done".to_owned() }).await;
    let said = |number: u64, second: u64| {
        let mut said = comment(1, number);
        said.issue.updated_at = Timestamp::UNIX_EPOCH + Duration::from_secs(second);
        said
    };
    for (id, number, second) in [("later", 2, 9), ("earlier", 1, 4)] {
        let accepted = fixture.accept(id, &said(number, second)).await;
        assert!(!accepted.duplicate, "`accept` of an older comment must create a run: {id}");
        end(fixture, accepted.run, &Outcome::Answered { answer: "done".to_owned() }).await;
    }
}
