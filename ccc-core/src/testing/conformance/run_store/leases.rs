//! Who may work on a run, and until when.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::fixture::{Fixture, LEASE, MILLISECOND, comment, labeled};
use crate::progress::Progress;
use crate::run::{Outcome, RunState};
use crate::run_store::{Fence, LogEntry};
use crate::testing::conformance::{bounded, refused};
use crate::{ErrorKind, RunId, Stage};

/// `None` is an answer and not an error.
pub async fn an_empty_store_has_nothing_to_claim(fixture: &Fixture) {
    assert!(fixture.claim().await.is_none());
}

/// By the time of acceptance, whatever the number of the issue.
pub async fn the_oldest_run_is_claimed_first(fixture: &Fixture) {
    // spec: Q2d
    let mut runs = Vec::new();
    for issue in [9, 3, 7, 1] {
        runs.push(fixture.run_of(issue).await);
    }
    for run in runs {
        let claim = fixture.claim_some().await;
        assert_eq!(claim.record.run, run, "an older run waits");
        assert_eq!(claim.record.state, RunState::Claimed);
        assert_eq!(fixture.record(run).await, claim.record);
    }
    assert!(fixture.claim().await.is_none(), "all are claimed");
}

/// The next one of the issue comes when the first is over; other issues do not wait.
pub async fn one_run_of_an_issue_is_claimed_at_a_time(fixture: &Fixture) {
    // spec: Q2d
    let first = fixture.accept("a", &labeled(1)).await.run;
    let second = fixture.accept("b", &comment(1, 5)).await.run;
    let other = fixture.accept("c", &labeled(2)).await.run;
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, first);
    assert_eq!(fixture.claim_some().await.record.run, other, "another issue need not wait");
    assert!(fixture.claim().await.is_none(), "two runs of one issue at a time");
    let outcome = Outcome::Answered { answer: String::new() };
    fixture.store.finish(first, claim.fence, &outcome).await.unwrap();
    assert_eq!(fixture.claim_some().await.record.run, second);
}

/// More workers than runs.
pub async fn concurrent_claims_hand_each_run_out_once(fixture: &Fixture) {
    // spec: Q2d
    let mut runs = BTreeSet::new();
    for issue in 1..=8 {
        runs.insert(fixture.run_of(issue).await);
        fixture.accept(&format!("more-{issue}"), &comment(issue, 1_000 + issue)).await;
    }
    let mut claims = JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&fixture.store);
        claims.spawn(async move { store.claim(LEASE).await.unwrap() });
    }
    let claims = bounded("concurrent claims", claims.join_all()).await;
    let claimed: Vec<RunId> = claims.iter().flatten().map(|claim| claim.record.run).collect();
    assert_eq!(claimed.len(), runs.len(), "one claim for each issue");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), runs, "the first run of each issue");
}

/// Not a millisecond before, and with a higher fence each time.
pub async fn a_run_is_handed_out_again_when_its_lease_has_ended(fixture: &Fixture) {
    // spec: Q2a
    let run = fixture.run_of(1).await;
    let mut fence = fixture.claim_some().await.fence;
    for _ in 0..3 {
        fixture.advance(LEASE - MILLISECOND);
        assert!(fixture.claim().await.is_none(), "the lease has not ended");
        fixture.advance(MILLISECOND);
        let claim = fixture.claim_some().await;
        assert_eq!(claim.record.run, run);
        assert!(claim.fence > fence, "{:?} after {fence:?}", claim.fence);
        fence = claim.fence;
    }
}

/// Makes each write with the fence, and expects every one to be refused and to change nothing.
async fn all_writes_refused(fixture: &Fixture, run: RunId, fence: Fence) {
    let store = &fixture.store;
    let before = (fixture.record(run).await, store.tail_log(run, 0, 100).await.unwrap());
    let progress = Progress::accepted(Stage::Work);
    let outcome = Outcome::Cancelled { stage: Stage::Work };
    let line = LogEntry { at: Timestamp::UNIX_EPOCH, text: "stale".to_owned() };
    let conflict = ErrorKind::Conflict;
    refused("renew", conflict, store.renew(run, fence, LEASE).await);
    refused("release", conflict, store.release(run, fence, Duration::ZERO).await);
    refused("advance", conflict, store.advance(run, fence, &progress).await);
    refused("append_log", conflict, store.append_log(run, fence, &[line]).await);
    refused("finish", conflict, store.finish(run, fence, &outcome).await);
    let after = (fixture.record(run).await, store.tail_log(run, 0, 100).await.unwrap());
    assert_eq!(before, after, "a refused write changed the run");
}

/// Neither an old one nor one that was never given; the successor is not disturbed.
pub async fn a_fence_that_is_not_the_newest_is_refused_on_every_write(fixture: &Fixture) {
    // spec: Q1a
    let run = fixture.run_of(1).await;
    let old = fixture.claim_some().await.fence;
    fixture.advance(LEASE);
    let new = fixture.claim_some().await.fence;
    for wrong in [old, Fence(0), Fence(new.0 + 1), Fence(u64::MAX)] {
        all_writes_refused(fixture, run, wrong).await;
    }
    assert!(fixture.claim().await.is_none(), "a refused release let the run go");
    fixture.store.advance(run, new, &Progress::default()).await.expect("the newest fence");
}

/// Also when nobody else has claimed the run yet.
pub async fn a_write_after_the_lease_has_ended_is_refused(fixture: &Fixture) {
    // spec: Q1a, Q2a
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    fixture.advance(LEASE - MILLISECOND);
    fixture.store.advance(run, fence, &Progress::default()).await.expect("within the lease");
    fixture.advance(MILLISECOND);
    all_writes_refused(fixture, run, fence).await;
}

/// By the lease from now on, as often as it is asked.
pub async fn renewing_extends_the_lease(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    for _ in 0..5 {
        fixture.advance(LEASE - MILLISECOND);
        fixture.store.renew(run, fence, LEASE).await.expect("within the lease");
        assert!(fixture.claim().await.is_none(), "the lease was extended");
    }
    fixture.advance(LEASE);
    assert!(fixture.claim_some().await.fence > fence);
}

/// Asking for less than there is leaves what there is.
pub async fn renewing_never_shortens_the_lease(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    for shorter in [Duration::from_secs(1), Duration::ZERO] {
        fixture.store.renew(run, fence, shorter).await.unwrap();
    }
    fixture.advance(LEASE - MILLISECOND);
    assert!(fixture.claim().await.is_none(), "renewing shortened the lease");
    fixture.store.advance(run, fence, &Progress::default()).await.expect("within the lease");
}

/// At the next renew and at every one after it, and the next worker is told as well.
pub async fn renewing_tells_of_a_wish_to_cancel(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    let renew = async || fixture.store.renew(run, fence, LEASE).await.unwrap().cancel_requested;
    assert!(!renew().await, "nobody asked");
    fixture.store.request_cancel(run).await.unwrap();
    fixture.store.request_cancel(run).await.expect("asking twice");
    assert!(renew().await && renew().await, "somebody asked");
    assert!(fixture.record(run).await.cancel_requested);
    fixture.advance(LEASE);
    assert!(fixture.claim_some().await.record.cancel_requested, "the wish was lost");
}

/// The run is still handed out: somebody has to end it.
pub async fn a_run_that_was_cancelled_before_its_claim_says_so(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    fixture.store.request_cancel(run).await.unwrap();
    let claim = fixture.claim_some().await;
    assert_eq!((claim.record.run, claim.record.cancel_requested), (run, true));
    let renewal = fixture.store.renew(run, claim.fence, LEASE).await.unwrap();
    assert!(renewal.cancel_requested);
}

/// Not found, and fine; the outcome stays.
pub async fn cancelling_what_is_not_there_or_over(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    let unknown = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let cancelled = fixture.store.request_cancel(unknown).await;
    refused("cancel of an unknown run", ErrorKind::NotFound, cancelled);
    let fence = fixture.claim_some().await.fence;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(run, fence, &outcome).await.unwrap();
    fixture.store.request_cancel(run).await.expect("cancel of a finished run");
    assert_eq!(fixture.record(run).await.state, RunState::Finished { outcome });
}

/// Not a millisecond less; other runs do not wait for it.
pub async fn a_released_run_waits_for_its_delay(fixture: &Fixture) {
    // spec: Q2c
    let run = fixture.run_of(1).await;
    let first = fixture.claim_some().await.fence;
    let delay = Duration::from_secs(10);
    fixture.store.release(run, first, delay).await.unwrap();
    assert_eq!(fixture.record(run).await.state, RunState::Waiting);
    let other = fixture.run_of(2).await;
    assert_eq!(fixture.claim_some().await.record.run, other, "a younger run may go first");
    fixture.advance(delay - 6 * MILLISECOND);
    assert!(fixture.claim().await.is_none(), "the delay is not over");
    fixture.advance(MILLISECOND);
    let again = fixture.claim_some().await;
    assert_eq!(again.record.run, run);
    assert!(again.fence > first);
    fixture.store.release(run, again.fence, Duration::ZERO).await.unwrap();
    assert_eq!(fixture.claim_some().await.record.run, run, "no delay is no delay");
}

/// Its fence is worth nothing any more, before and after the next claim.
pub async fn a_released_run_is_no_longer_the_workers(fixture: &Fixture) {
    // spec: Q2c
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    fixture.store.release(run, fence, Duration::ZERO).await.unwrap();
    all_writes_refused(fixture, run, fence).await;
    fixture.claim_some().await;
    all_writes_refused(fixture, run, fence).await;
}
