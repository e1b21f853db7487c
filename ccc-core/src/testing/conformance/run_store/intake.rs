//! Conformance cases for run stores: deliveries, and the runs that deliveries start.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, WITHIN_LEASE, comment, delivery, event, labeled};
use crate::event::Trigger;
use crate::progress::Progress;
use crate::run::{ActorCheck, Outcome, RunState};
use crate::testing::conformance::{assert_fails_with, bounded};
use crate::{ErrorKind, IssueEvent, RunId};

/// Checks that `accept` of a new delivery stores a waiting run before `accept` returns. The run
/// must contain the event unchanged.
pub async fn a_new_delivery_is_stored_with_a_waiting_run(fixture: &Fixture) {
    // spec: W5c, Q10a
    let event = labeled(1);
    let accepted = fixture.accept("first", &event).await;
    assert!(!accepted.duplicate, "`accept` must not report a new delivery as a duplicate");
    let record = fixture.record(accepted.run).await;
    assert_eq!(record.run, accepted.run, "`get` must return the requested run");
    assert_eq!(record.event, event, "`accept` must store the event unchanged");
    assert_eq!(
        (&record.state, record.actor_check),
        (&RunState::Waiting, ActorCheck::Permitted),
        "`accept` must create a run in the state `Waiting` with the check that was passed"
    );
    assert_eq!(
        record.progress,
        Progress::default(),
        "`accept` must create a run that has the default progress"
    );
    assert!(
        !record.cancel_requested,
        "`accept` must create a run whose cancellation is not requested"
    );
    assert_eq!(fixture.list().await, [record], "`list` must return the same record as `get`");
}

/// Checks that `accept` of a repeated delivery returns the run of the first delivery and reports a
/// duplicate. The result must be the same while the run waits, while the run is claimed, and after
/// the run has finished.
pub async fn a_repeated_delivery_returns_the_first_run(fixture: &Fixture) {
    // spec: W5a
    let first = fixture.accept("same", &labeled(1)).await;
    let check = async || {
        let again = fixture.accept("same", &labeled(1)).await;
        assert_eq!(
            again.run, first.run,
            "`accept` of a repeated delivery must return the run of the first delivery"
        );
        assert!(again.duplicate, "`accept` must report a repeated delivery as a duplicate");
        assert_eq!(
            fixture.list().await.len(),
            1,
            "`accept` of a repeated delivery must not create a run"
        );
    };
    check().await;
    let claim = fixture.claim_some().await;
    check().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    check().await;
    assert!(
        fixture.claim().await.is_none(),
        "`accept` of a repeated delivery must not make a run claimable"
    );
}

/// Checks that `find_delivery` returns the run of each stored delivery, also after the run has
/// finished, and `None` for other ids.
pub async fn a_delivery_is_found_by_its_id(fixture: &Fixture) {
    // spec: W5a
    let find = async |id: &str| {
        let found = fixture.store.find_delivery(&delivery(id, 1).id).await;
        found.expect("`find_delivery` must succeed")
    };
    let rule = "`find_delivery` must return `None` for an id that is not stored";
    assert_eq!(find("first").await, None, "{rule}");
    let run = fixture.accept("first", &labeled(1)).await.run;
    fixture.accept("second", &labeled(1)).await;
    let claim = fixture.claim_some().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    for id in ["first", "second"] {
        let rule = "`find_delivery` must return the run of each stored delivery";
        assert_eq!(find(id).await, Some(run), "{rule}");
    }
    fixture.try_accept("first", 2, &labeled(1)).await.expect_err("another body is a conflict");
    let rule = "`find_delivery` must return `None` for an id that is not stored";
    assert_eq!(find("third").await, None, "{rule}");
}

/// Checks that `accept` of a known delivery id with a different body fails with
/// [`ErrorKind::Conflict`], creates no run and does not change the existing run.
pub async fn a_known_delivery_with_another_body_is_a_conflict(fixture: &Fixture) {
    // spec: W5b
    let first = fixture.accept("same", &labeled(1)).await;
    let before = fixture.record(first.run).await;
    for event in [labeled(1), labeled(2), comment(1, 5)] {
        let accepted = fixture.try_accept("same", 2, &event).await;
        assert_fails_with(
            "`accept` of a known delivery id with a different body",
            ErrorKind::Conflict,
            accepted,
        );
    }
    assert_eq!(fixture.list().await, [before], "a refused `accept` must not change any run");
    let again = fixture.accept("same", &labeled(1)).await;
    let expected = (first.run, true);
    assert_eq!(
        (again.run, again.duplicate),
        expected,
        "after a conflict, `accept` of the original delivery must still return the first run"
    );
}

/// Checks that `accept` returns one run for all deliveries of one actor with the same
/// [`trigger_key`](IssueEvent::trigger_key), until this run has finished. For example, a VCS host
/// sends one delivery when an issue is opened, and a second delivery when the issue gets a label.
pub async fn opening_and_labelling_an_issue_starts_one_run(fixture: &Fixture) {
    // spec: W6
    let opened = fixture.accept("opened", &event(1, Trigger::Opened)).await;
    assert!(!opened.duplicate, "`accept` must not report the first delivery as a duplicate");
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    let expected = (opened.run, true);
    assert_eq!(
        (labeled.run, labeled.duplicate),
        expected,
        "`accept` of a label event must return the issue's waiting run"
    );
    fixture.claim_some().await;
    let reopened = fixture.accept("reopened", &event(1, Trigger::Reopened)).await;
    let found = (reopened.run, reopened.duplicate);
    assert_eq!(
        found, expected,
        "`accept` of a reopening event must return the issue's claimed run"
    );
    let trigger = fixture.record(opened.run).await.event.trigger;
    assert_eq!(trigger, Trigger::Opened, "`accept` of a duplicate must not change the run's event");
    assert_eq!(fixture.list().await.len(), 1, "`accept` of a duplicate must not create a run");
}

/// Checks that each comment starts its own run. For a second delivery of the same comment, `accept`
/// must return the run of the first delivery.
pub async fn every_comment_starts_its_own_run(fixture: &Fixture) {
    // spec: W6
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    let one = fixture.accept("one", &comment(1, 51)).await;
    let two = fixture.accept("two", &comment(1, 52)).await;
    let duplicates = [labeled.duplicate, one.duplicate, two.duplicate];
    assert_eq!(
        duplicates, [false; 3],
        "`accept` of a label event and two comments must not report a duplicate"
    );
    let runs = BTreeSet::from([labeled.run, one.run, two.run]);
    assert_eq!(runs.len(), 3, "`accept` of a label event and two comments must create three runs");
    let again = fixture.accept("one-again", &comment(1, 51)).await;
    let expected = (one.run, true);
    assert_eq!(
        (again.run, again.duplicate),
        expected,
        "`accept` of a second delivery of a comment must return the comment's run"
    );
}

/// Checks that a trigger, such as a label, starts a new run if the trigger's earlier run has
/// finished.
pub async fn a_trigger_starts_a_new_run_after_its_run_finished(fixture: &Fixture) {
    // spec: W6
    let first = fixture.accept("first", &labeled(1)).await;
    let claim = fixture.claim_some().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    let second = fixture.accept("second", &labeled(1)).await;
    let new = !second.duplicate && second.run != first.run;
    assert!(
        new,
        "`accept` must create a new run after the trigger's first run has finished: {second:?}"
    );
    let claimed = fixture.claim_some().await.record.run;
    assert_eq!(claimed, second.run, "`claim` must return the new run");
}

/// Checks that `accept` identifies an issue by the VCS host's name, the repository's id and the
/// issue's number. The repository's name must not matter, because a repository can be renamed.
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
        assert_eq!(
            found,
            (same, same),
            "`accept` must identify a repository by host and id, and ignore its name: {event:?}"
        );
    }
}

/// Accepts `event` in concurrent deliveries, one delivery for each id in `ids`. Returns the
/// distinct runs of these deliveries.
async fn race(fixture: &Fixture, ids: Vec<String>, event: IssueEvent) -> BTreeSet<RunId> {
    let mut accepts = JoinSet::new();
    let count = ids.len();
    for id in ids {
        let (store, event) = (Arc::clone(&fixture.store), event.clone());
        accepts.spawn(async move {
            let check = ActorCheck::Permitted;
            let accepted = store.accept(&delivery(&id, 1), &event, check).await;
            accepted.expect("`accept` must succeed")
        });
    }
    let accepted = bounded("concurrent calls of `accept`", accepts.join_all()).await;
    let duplicates = accepted.iter().filter(|accepted| accepted.duplicate).count();
    assert_eq!(
        duplicates,
        count - 1,
        "all concurrent calls of `accept` except one must report a duplicate"
    );
    assert_eq!(
        fixture.list().await.len(),
        1,
        "concurrent calls of `accept` must create exactly one run"
    );
    accepted.iter().map(|accepted| accepted.run).collect()
}

/// Checks that concurrent calls of `accept` with the same delivery all return the same run. All
/// calls except one must report a duplicate.
pub async fn concurrent_accepts_of_one_delivery_make_one_run(fixture: &Fixture) {
    // spec: W5a
    let runs = race(fixture, vec!["same".to_owned(); 16], labeled(1)).await;
    assert_eq!(runs.len(), 1, "concurrent calls of `accept` must return the same run");
}

/// Checks that concurrent calls of `accept` return the same run if all deliveries have the same
/// trigger but different ids. All calls except one must report a duplicate.
pub async fn concurrent_accepts_of_one_trigger_make_one_run(fixture: &Fixture) {
    // spec: W6
    let ids = (0..16).map(|number| format!("delivery-{number}")).collect();
    let runs = race(fixture, ids, labeled(1)).await;
    assert_eq!(runs.len(), 1, "concurrent calls of `accept` must return the same run");
}
