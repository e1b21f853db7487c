//! Cases: deliveries and the runs that they start.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract must panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, WITHIN_LEASE, comment, delivery, event, labeled};
use crate::event::Trigger;
use crate::progress::Progress;
use crate::run::{Outcome, RunState};
use crate::testing::conformance::{assert_fails_with, bounded};
use crate::{ErrorKind, IssueEvent, RunId};

/// Checks that a new waiting run is stored when `accept` returns, with its event unchanged.
pub async fn a_new_delivery_is_stored_with_a_waiting_run(fixture: &Fixture) {
    // spec: W5c, Q10a
    let event = labeled(1);
    let accepted = fixture.accept("first", &event).await;
    assert!(!accepted.duplicate, "a new delivery must not be a duplicate");
    let record = fixture.record(accepted.run).await;
    assert_eq!(record.run, accepted.run, "`get` must return the requested run");
    assert_eq!(record.event, event, "the event must be stored unchanged");
    assert_eq!(record.state, RunState::Waiting, "a new run must wait for a worker");
    assert_eq!(record.progress, Progress::default(), "a new run must have no progress");
    assert!(!record.cancel_requested, "a new run must not have a requested cancellation");
    assert_eq!(fixture.list().await, [record], "`list` must return the record of `get`");
}

/// Checks that a repeated delivery returns the first run as a duplicate: while the run waits, while
/// it is claimed, and after it has finished.
pub async fn a_repeated_delivery_returns_the_first_run(fixture: &Fixture) {
    // spec: W5a
    let first = fixture.accept("same", &labeled(1)).await;
    let check = async || {
        let again = fixture.accept("same", &labeled(1)).await;
        assert_eq!(again.run, first.run, "a repeated delivery must return the first run");
        assert!(again.duplicate, "a repeated delivery must be a duplicate");
        assert_eq!(fixture.list().await.len(), 1, "a repeated delivery must not start a run");
    };
    check().await;
    let claim = fixture.claim_some().await;
    check().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    check().await;
    assert!(fixture.claim().await.is_none(), "a repeated delivery must not make a run claimable");
}

/// Checks that a known delivery id with another body is not treated as a repeat: it fails with
/// [`ErrorKind::Conflict`], no run starts, and the first run does not change.
pub async fn a_known_delivery_with_another_body_is_a_conflict(fixture: &Fixture) {
    // spec: W5b
    let first = fixture.accept("same", &labeled(1)).await;
    let before = fixture.record(first.run).await;
    for event in [labeled(1), labeled(2), comment(1, 5)] {
        let accepted = fixture.try_accept("same", 2, &event).await;
        assert_fails_with(
            "`accept` of a known id with another body",
            ErrorKind::Conflict,
            accepted,
        );
    }
    assert_eq!(fixture.list().await, [before], "a refused delivery must not change any run");
    let again = fixture.accept("same", &labeled(1)).await;
    let expected = (first.run, true);
    assert_eq!((again.run, again.duplicate), expected, "the first body must still be a duplicate");
}

/// Checks that deliveries with the same [`trigger_key`](IssueEvent::trigger_key) give one run until
/// that run has finished. A host sends one delivery for opening an issue and one for its label.
pub async fn opening_and_labelling_an_issue_starts_one_run(fixture: &Fixture) {
    // spec: W6
    let opened = fixture.accept("opened", &event(1, Trigger::Opened)).await;
    assert!(!opened.duplicate, "the first delivery must not be a duplicate");
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    let expected = (opened.run, true);
    assert_eq!((labeled.run, labeled.duplicate), expected, "a label must return the waiting run");
    fixture.claim_some().await;
    let reopened = fixture.accept("reopened", &event(1, Trigger::Reopened)).await;
    let found = (reopened.run, reopened.duplicate);
    assert_eq!(found, expected, "a reopened issue must return the claimed run");
    let trigger = fixture.record(opened.run).await.event.trigger;
    assert_eq!(trigger, Trigger::Opened, "a duplicate must not change the run's event");
    assert_eq!(fixture.list().await.len(), 1, "a duplicate must not start a run");
}

/// Checks that each comment starts its own run, and that a second delivery of a comment does not
/// start another one.
pub async fn every_comment_starts_its_own_run(fixture: &Fixture) {
    // spec: W6
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    let one = fixture.accept("one", &comment(1, 51)).await;
    let two = fixture.accept("two", &comment(1, 52)).await;
    let duplicates = [labeled.duplicate, one.duplicate, two.duplicate];
    assert_eq!(duplicates, [false; 3], "a label and two comments must not be duplicates");
    let runs = BTreeSet::from([labeled.run, one.run, two.run]);
    assert_eq!(runs.len(), 3, "a label and two comments must start three runs");
    let again = fixture.accept("one-again", &comment(1, 51)).await;
    let expected = (one.run, true);
    assert_eq!((again.run, again.duplicate), expected, "one comment must start one run");
}

/// Checks that a trigger starts a new run after the earlier run of the same trigger has finished.
pub async fn a_trigger_starts_a_new_run_after_its_run_finished(fixture: &Fixture) {
    // spec: W6
    let first = fixture.accept("first", &labeled(1)).await;
    let claim = fixture.claim_some().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    let second = fixture.accept("second", &labeled(1)).await;
    let new = !second.duplicate && second.run != first.run;
    assert!(new, "a trigger must start a new run after its run has finished: {second:?}");
    let claimed = fixture.claim_some().await.record.run;
    assert_eq!(claimed, second.run, "`claim` must return the new run");
}

/// Checks that an issue is identified by the host's name, the repository's id and its number. The
/// name of the repository does not matter.
pub async fn the_same_number_in_another_repository_is_another_issue(fixture: &Fixture) {
    // spec: W6
    let mut other_repository = labeled(1);
    other_repository.repo.id += 1;
    let mut other_host = labeled(1);
    other_host.repo.host = "other.example".to_owned();
    let mut renamed = labeled(1);
    renamed.repo.name = "renamed".to_owned();
    let first = fixture.accept("a", &labeled(1)).await;
    for (id, event, same) in
        [("b", other_repository, false), ("c", other_host, false), ("d", renamed, true)]
    {
        let accepted = fixture.accept(id, &event).await;
        let found = (accepted.duplicate, accepted.run == first.run);
        assert_eq!(found, (same, same), "host and repository id must identify: {event:?}");
    }
}

/// Accepts the event in concurrent deliveries with these ids. Returns the distinct runs.
async fn race(fixture: &Fixture, ids: Vec<String>, event: IssueEvent) -> BTreeSet<RunId> {
    let mut accepts = JoinSet::new();
    let count = ids.len();
    for id in ids {
        let (store, event) = (Arc::clone(&fixture.store), event.clone());
        accepts.spawn(async move {
            let accepted = store.accept(&delivery(&id, 1), &event).await;
            accepted.expect("`accept` must succeed")
        });
    }
    let accepted = bounded("concurrent accepts", accepts.join_all()).await;
    let duplicates = accepted.iter().filter(|accepted| accepted.duplicate).count();
    assert_eq!(duplicates, count - 1, "all accepts but one must be duplicates");
    assert_eq!(fixture.list().await.len(), 1, "concurrent accepts must start one run");
    accepted.iter().map(|accepted| accepted.run).collect()
}

/// Checks that concurrent accepts of one delivery return the same run, and that exactly one of them
/// is not a duplicate.
pub async fn concurrent_accepts_of_one_delivery_make_one_run(fixture: &Fixture) {
    // spec: W5a
    let runs = race(fixture, vec!["same".to_owned(); 16], labeled(1)).await;
    assert_eq!(runs.len(), 1, "concurrent accepts must return the same run");
}

/// Checks that concurrent accepts of different deliveries with the same trigger return the same
/// run, and that exactly one of them is not a duplicate.
pub async fn concurrent_accepts_of_one_trigger_make_one_run(fixture: &Fixture) {
    // spec: W6
    let ids = (0..16).map(|number| format!("delivery-{number}")).collect();
    let runs = race(fixture, ids, labeled(1)).await;
    assert_eq!(runs.len(), 1, "concurrent accepts must return the same run");
}
