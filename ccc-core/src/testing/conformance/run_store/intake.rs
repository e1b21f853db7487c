//! From a delivery to a run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, comment, delivery, event, labeled};
use crate::event::Trigger;
use crate::progress::Progress;
use crate::run::{Outcome, RunState};
use crate::testing::conformance::{bounded, refused};
use crate::{ErrorKind, IssueEvent, RunId};

/// There when `accept` returns, with the event as it was.
pub async fn a_new_delivery_is_kept_with_a_waiting_run(fixture: &Fixture) {
    // spec: W5c, Q10a
    let event = labeled(1);
    let accepted = fixture.accept("first", &event).await;
    assert!(!accepted.duplicate, "nothing was there before");
    let record = fixture.record(accepted.run).await;
    assert_eq!(record.run, accepted.run);
    assert_eq!(record.event, event);
    assert_eq!(record.state, RunState::Waiting);
    assert_eq!(record.progress, Progress::default());
    assert!(!record.cancel_requested);
    assert_eq!(fixture.store.list(None, 10).await.unwrap(), [record]);
}

/// While it waits, while it is claimed, and when it is over.
pub async fn the_same_delivery_again_gives_the_first_run(fixture: &Fixture) {
    // spec: W5a
    let first = fixture.accept("same", &labeled(1)).await;
    let check = async || {
        let again = fixture.accept("same", &labeled(1)).await;
        assert_eq!((again.run, again.duplicate), (first.run, true));
        assert_eq!(fixture.store.list(None, 10).await.unwrap().len(), 1, "it started another run");
    };
    check().await;
    let claim = fixture.claim_some().await;
    check().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.unwrap();
    check().await;
    assert!(fixture.claim().await.is_none(), "a delivery that came again is no new work");
}

/// An alarm and not a repeat: nothing starts, and the first run is as it was.
pub async fn a_known_delivery_with_another_body_is_a_conflict(fixture: &Fixture) {
    // spec: W5b
    let first = fixture.accept("same", &labeled(1)).await;
    let before = fixture.record(first.run).await;
    for event in [labeled(1), labeled(2), comment(1, 5)] {
        let accepted = fixture.try_accept("same", 2, &event).await;
        refused("another body", ErrorKind::Conflict, accepted);
    }
    assert_eq!(fixture.store.list(None, 10).await.unwrap(), [before]);
    let again = fixture.accept("same", &labeled(1)).await;
    assert_eq!((again.run, again.duplicate), (first.run, true), "the right body still fits");
}

/// A host sends a delivery for each; the person wished once.
pub async fn opening_and_labelling_an_issue_is_one_wish(fixture: &Fixture) {
    // spec: W6
    let opened = fixture.accept("opened", &event(1, Trigger::Opened)).await;
    assert!(!opened.duplicate);
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    assert_eq!((labeled.run, labeled.duplicate), (opened.run, true));
    fixture.claim_some().await;
    let reopened = fixture.accept("reopened", &event(1, Trigger::Reopened)).await;
    assert_eq!((reopened.run, reopened.duplicate), (opened.run, true), "a claimed run counts");
    assert_eq!(fixture.record(opened.run).await.event.trigger, Trigger::Opened);
    assert_eq!(fixture.store.list(None, 10).await.unwrap().len(), 1);
}

/// Two comments, two runs; one comment in two deliveries, one run.
pub async fn every_comment_is_a_wish_of_its_own(fixture: &Fixture) {
    // spec: W6
    let labeled = fixture.accept("labeled", &labeled(1)).await;
    let one = fixture.accept("one", &comment(1, 51)).await;
    let two = fixture.accept("two", &comment(1, 52)).await;
    assert_eq!(
        [labeled.duplicate, one.duplicate, two.duplicate],
        [false; 3],
        "three wishes for one issue"
    );
    assert_eq!(BTreeSet::from([labeled.run, one.run, two.run]).len(), 3);
    let again = fixture.accept("one-again", &comment(1, 51)).await;
    assert_eq!((again.run, again.duplicate), (one.run, true));
}

/// Only a run that is not over answers to the wish.
pub async fn the_same_wish_after_the_run_is_over_is_a_new_run(fixture: &Fixture) {
    // spec: W6
    let first = fixture.accept("first", &labeled(1)).await;
    let claim = fixture.claim_some().await;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(first.run, claim.fence, &outcome).await.unwrap();
    let second = fixture.accept("second", &labeled(1)).await;
    assert!(!second.duplicate && second.run != first.run, "a label put on again is a new wish");
    assert_eq!(fixture.claim_some().await.record.run, second.run);
}

/// By the repository's number, and by the host's name.
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
        assert_eq!(accepted.duplicate, same, "{event:?}");
        assert_eq!(accepted.run == first.run, same, "{event:?}");
    }
}

async fn race(fixture: &Fixture, ids: Vec<String>, event: IssueEvent) -> BTreeSet<RunId> {
    let mut accepts = JoinSet::new();
    let count = ids.len();
    for id in ids {
        let (store, event) = (Arc::clone(&fixture.store), event.clone());
        accepts.spawn(async move { store.accept(&delivery(&id, 1), &event).await.unwrap() });
    }
    let accepted = bounded("concurrent accepts", accepts.join_all()).await;
    let duplicates = accepted.iter().filter(|accepted| accepted.duplicate).count();
    assert_eq!(duplicates, count - 1, "one of them came first");
    assert_eq!(fixture.store.list(None, 100).await.unwrap().len(), 1);
    accepted.iter().map(|accepted| accepted.run).collect()
}

/// All get the same run, and one of them is told that it is new.
pub async fn concurrent_accepts_of_one_delivery_make_one_run(fixture: &Fixture) {
    // spec: W5a
    let runs = race(fixture, vec!["same".to_owned(); 16], labeled(1)).await;
    assert_eq!(runs.len(), 1);
}

/// The same for different deliveries.
pub async fn concurrent_accepts_of_one_wish_make_one_run(fixture: &Fixture) {
    // spec: W6
    let ids = (0..16).map(|number| format!("delivery-{number}")).collect();
    let runs = race(fixture, ids, labeled(1)).await;
    assert_eq!(runs.len(), 1);
}
