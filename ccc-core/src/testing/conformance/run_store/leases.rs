//! Conformance cases for run stores: claims, leases, fences and cancellation.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::fixture::{Fixture, LEASE, MILLISECOND, WITHIN_LEASE, comment, labeled};
use crate::progress::Progress;
use crate::run::{Outcome, RunState};
use crate::run_store::Fence;
use crate::testing::conformance::{assert_fails_with, bounded};
use crate::{ErrorKind, RunId, Stage};

/// Checks that `claim` of an empty store returns `None` and no error.
pub async fn an_empty_store_has_nothing_to_claim(fixture: &Fixture) {
    assert!(fixture.claim().await.is_none(), "`claim` of an empty store must return `None`");
}

/// Checks that `claim` returns the runs of one actor in the order in which they were accepted, not
/// in the order of the issue numbers.
pub async fn the_oldest_run_is_claimed_first(fixture: &Fixture) {
    // spec: Q2d
    let mut runs = Vec::new();
    for issue in [9, 3, 7, 1] {
        runs.push(fixture.run_of(issue).await);
    }
    for run in runs {
        let claim = fixture.claim_some().await;
        assert_eq!(claim.record.run, run, "`claim` must return the oldest waiting run");
        assert_eq!(
            claim.record.state,
            RunState::Claimed,
            "`claim` must return a run in the state `Claimed`"
        );
        assert_eq!(
            fixture.record(run).await,
            claim.record,
            "`get` must return the same record as `claim`"
        );
    }
    assert!(fixture.claim().await.is_none(), "`claim` must not return a claimed run");
}

/// Checks that `claim` returns no second run of an issue while a run of the same issue is claimed.
/// The second run can be claimed after the first run has finished. Runs of other issues can be
/// claimed at any time.
pub async fn one_run_of_an_issue_is_claimed_at_a_time(fixture: &Fixture) {
    // spec: Q2d
    let first = fixture.accept("a", &labeled(1)).await.run;
    let second = fixture.accept("b", &comment(1, 5)).await.run;
    let other = fixture.accept("c", &labeled(2)).await.run;
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, first, "`claim` must return the oldest waiting run");
    let next = fixture.claim_some().await.record.run;
    assert_eq!(
        next, other,
        "while a run of an issue is claimed, `claim` must return a run of another issue"
    );
    let none = fixture.claim().await.is_none();
    assert!(none, "`claim` must not return a second run of an issue while the first is claimed");
    let outcome = Outcome::Answered { answer: String::new() };
    fixture.store.finish(first, claim.fence, &outcome).await.expect(WITHIN_LEASE);
    let next = fixture.claim_some().await.record.run;
    assert_eq!(
        next, second,
        "`claim` must return the issue's next run after the first has finished"
    );
}

/// Checks that concurrent calls of `claim` return the first run of each issue exactly once, even if
/// there are more calls than runs.
pub async fn concurrent_claims_return_each_run_once(fixture: &Fixture) {
    // spec: Q2d
    let mut runs = BTreeSet::new();
    for issue in 1..=8 {
        runs.insert(fixture.run_of(issue).await);
        fixture.accept(&format!("more-{issue}"), &comment(issue, 1_000 + issue)).await;
    }
    let mut claims = JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&fixture.store);
        claims.spawn(async move { store.claim(LEASE).await.expect("`claim` must succeed") });
    }
    let claims = bounded("concurrent calls of `claim`", claims.join_all()).await;
    let claimed: Vec<RunId> = claims.iter().flatten().map(|claim| claim.record.run).collect();
    assert_eq!(
        claimed.len(),
        runs.len(),
        "concurrent calls of `claim` must together return exactly one run of each issue"
    );
    let claimed: BTreeSet<RunId> = claimed.into_iter().collect();
    assert_eq!(claimed, runs, "`claim` must return the first run of each issue");
}

/// Checks that a run cannot be claimed one millisecond before its lease ends, and can be claimed
/// again when its lease has ended. The store's clock measures the lease. Each claim must have a
/// higher fence than the run's previous claim.
pub async fn a_run_can_be_claimed_again_after_its_lease_has_ended(fixture: &Fixture) {
    // spec: Q2a
    let run = fixture.run_of(1).await;
    let mut fence = fixture.claim_some().await.fence;
    for _ in 0..3 {
        fixture.advance(LEASE - MILLISECOND);
        assert!(
            fixture.claim().await.is_none(),
            "`claim` must not return a run whose lease has not ended"
        );
        fixture.advance(MILLISECOND);
        let claim = fixture.claim_some().await;
        assert_eq!(claim.record.run, run, "`claim` must return the run whose lease has ended");
        let higher = "`claim` must return a higher fence than the previous claim of the run";
        assert!(claim.fence > fence, "{higher}: {:?} after {fence:?}", claim.fence);
        fence = claim.fence;
    }
}

/// Checks that every write to `run` with `fence` fails with [`ErrorKind::Conflict`] and does not
/// change the run or its log.
async fn all_writes_refused(fixture: &Fixture, run: RunId, fence: Fence) {
    let store = &fixture.store;
    let before = fixture.record(run).await;
    let progress = Progress::accepted(Stage::Work);
    let outcome = Outcome::Cancelled { stage: Stage::Work };
    let conflict = ErrorKind::Conflict;
    let with = |call: &str| format!("`{call}` with {fence:?}, which has no valid lease,");
    assert_fails_with(&with("renew"), conflict, store.renew(run, fence, LEASE).await);
    assert_fails_with(&with("release"), conflict, store.release(run, fence, Duration::ZERO).await);
    assert_fails_with(&with("advance"), conflict, store.advance(run, fence, &progress).await);
    assert_fails_with(&with("finish"), conflict, store.finish(run, fence, &outcome).await);
    assert_eq!(before, fixture.record(run).await, "a refused write must not change the run");
}

/// Checks that every write with the fence of an earlier claim, or with a fence that was never
/// issued, fails with [`ErrorKind::Conflict`] and changes nothing. The newest fence must remain
/// valid.
pub async fn a_fence_that_is_not_the_newest_is_refused_on_every_write(fixture: &Fixture) {
    // spec: Q1a
    let run = fixture.run_of(1).await;
    let old = fixture.claim_some().await.fence;
    fixture.advance(LEASE);
    let new = fixture.claim_some().await.fence;
    for wrong in [old, Fence(0), Fence(new.0 + 1), Fence(u64::MAX)] {
        all_writes_refused(fixture, run, wrong).await;
    }
    assert!(fixture.claim().await.is_none(), "a refused `release` must not make the run claimable");
    fixture.store.advance(run, new, &Progress::default()).await.expect(WITHIN_LEASE);
}

/// Checks that every write after the end of the lease fails with [`ErrorKind::Conflict`], even if
/// no other worker has claimed the run yet.
pub async fn a_write_after_the_lease_has_ended_is_refused(fixture: &Fixture) {
    // spec: Q1a, Q2a
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    fixture.advance(LEASE - MILLISECOND);
    fixture.store.advance(run, fence, &Progress::default()).await.expect(WITHIN_LEASE);
    fixture.advance(MILLISECOND);
    all_writes_refused(fixture, run, fence).await;
}

/// Checks that each call of `renew` extends the lease. From the time of the call, the lease must
/// last at least as long as the duration that the caller passed.
pub async fn renewing_extends_the_lease(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    for _ in 0..5 {
        fixture.advance(LEASE - MILLISECOND);
        fixture.store.renew(run, fence, LEASE).await.expect(WITHIN_LEASE);
        assert!(fixture.claim().await.is_none(), "`renew` must extend the lease");
    }
    fixture.advance(LEASE);
    let next = fixture.claim_some().await.fence;
    let higher = "`claim` must return a higher fence than the previous claim of the run";
    assert!(next > fence, "{higher}: {next:?} after {fence:?}");
}

/// Checks that `renew` does not shorten the lease if the new duration is shorter than the lease's
/// remaining time.
pub async fn renewing_never_shortens_the_lease(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    for shorter in [Duration::from_secs(1), Duration::ZERO] {
        fixture.store.renew(run, fence, shorter).await.expect(WITHIN_LEASE);
    }
    fixture.advance(LEASE - MILLISECOND);
    assert!(fixture.claim().await.is_none(), "`renew` must not shorten the lease");
    fixture.store.advance(run, fence, &Progress::default()).await.expect(WITHIN_LEASE);
}

/// Checks that every `renew` after `request_cancel` reports the requested cancellation, and that
/// the next `claim` also reports the cancellation.
pub async fn renewing_reports_a_requested_cancellation(fixture: &Fixture) {
    // spec: Q2b
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    let renew =
        async || fixture.store.renew(run, fence, LEASE).await.expect(WITHIN_LEASE).cancel_requested;
    assert!(!renew().await, "`renew` must not report a cancellation that was not requested");
    fixture.store.request_cancel(run).await.expect("`request_cancel` must succeed");
    fixture.store.request_cancel(run).await.expect("`request_cancel` must succeed");
    assert!(renew().await && renew().await, "every `renew` must report the requested cancellation");
    let stored = fixture.record(run).await.cancel_requested;
    assert!(stored, "`get` must report the requested cancellation");
    fixture.advance(LEASE);
    let claimed = fixture.claim_some().await.record.cancel_requested;
    assert!(claimed, "`claim` must report the requested cancellation");
}

/// Checks that a run whose cancellation was requested before the first claim can still be claimed,
/// because a worker must end the run. `claim` and every `renew` must report the cancellation.
pub async fn a_cancellation_before_the_claim_is_reported(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    fixture.store.request_cancel(run).await.expect("`request_cancel` must succeed");
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.run, run, "`claim` must return a run whose cancellation was requested");
    assert!(claim.record.cancel_requested, "`claim` must report the requested cancellation");
    let renewal = fixture.store.renew(run, claim.fence, LEASE).await.expect(WITHIN_LEASE);
    assert!(renewal.cancel_requested, "`renew` must report the requested cancellation");
}

/// Checks that `request_cancel` fails with [`ErrorKind::NotFound`] for an unknown run. For a
/// finished run, `request_cancel` must succeed and not change the outcome.
pub async fn cancelling_an_unknown_or_a_finished_run(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    let unknown = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let cancelled = fixture.store.request_cancel(unknown).await;
    assert_fails_with("`request_cancel` of an unknown run", ErrorKind::NotFound, cancelled);
    let fence = fixture.claim_some().await.fence;
    let outcome = Outcome::Answered { answer: "done".to_owned() };
    fixture.store.finish(run, fence, &outcome).await.expect(WITHIN_LEASE);
    let cancelled = fixture.store.request_cancel(run).await;
    cancelled.expect("`request_cancel` of a finished run must succeed");
    let state = fixture.record(run).await.state;
    assert_eq!(
        state,
        RunState::Finished { outcome },
        "`request_cancel` must not change the outcome"
    );
}

/// Checks the number [`RunRecord::attempts`](crate::run::RunRecord::attempts): a further stage starts it
/// again, a repeated stage does not, and a released claim does not count.
pub async fn a_claim_counts_the_claims_without_a_further_stage(fixture: &Fixture) {
    // spec: Q12
    let run = fixture.run_of(1).await;
    let steps = [
        (None, 1),
        (Some(Stage::Checkout), 2),
        (Some(Stage::Authorize), 1),
        (Some(Stage::Checkout), 2),
        (None, 3),
        (Some(Stage::Provision), 4),
        (None, 1),
    ];
    for (number, (stage, expected)) in steps.into_iter().enumerate() {
        let claim = fixture.claim_some().await;
        assert_eq!(
            claim.record.attempts, expected,
            "`claim` must count the attempts (claim {number})"
        );
        if let Some(stage) = stage {
            let progress = Progress::accepted(stage);
            fixture.store.advance(run, claim.fence, &progress).await.expect(WITHIN_LEASE);
        }
        fixture.advance(LEASE);
    }
    for _ in 0..3 {
        let claim = fixture.claim_some().await;
        assert_eq!(claim.record.attempts, 2, "a released claim must not count as an attempt");
        fixture.store.release(run, claim.fence, Duration::ZERO).await.expect(WITHIN_LEASE);
    }
}

/// Checks that a released run cannot be claimed one millisecond before its delay ends, and can be
/// claimed when its delay has ended. The delay is an argument of `release`. During the delay, runs
/// of other issues can be claimed.
pub async fn a_released_run_waits_for_its_delay(fixture: &Fixture) {
    // spec: Q2c
    let run = fixture.run_of(1).await;
    let first = fixture.claim_some().await.fence;
    let delay = Duration::from_secs(10);
    fixture.store.release(run, first, delay).await.expect(WITHIN_LEASE);
    let state = fixture.record(run).await.state;
    assert_eq!(state, RunState::Waiting, "`release` must set the run's state to `Waiting`");
    let other = fixture.run_of(2).await;
    let claimed = fixture.claim_some().await.record.run;
    assert_eq!(
        claimed, other,
        "while a released run waits for its delay, `claim` must return a run of another issue"
    );
    // `run_of` moved the clock by 5 ms, so that 1 ms of the delay is left.
    fixture.advance(delay - 6 * MILLISECOND);
    assert!(
        fixture.claim().await.is_none(),
        "`claim` must not return a released run before its delay has passed"
    );
    fixture.advance(MILLISECOND);
    let again = fixture.claim_some().await;
    assert_eq!(again.record.run, run, "`claim` must return a released run after its delay");
    let higher = "`claim` must return a higher fence than the previous claim of the run";
    assert!(again.fence > first, "{higher}: {:?} after {first:?}", again.fence);
    fixture.store.release(run, again.fence, Duration::ZERO).await.expect(WITHIN_LEASE);
    let claimed = fixture.claim_some().await.record.run;
    assert_eq!(claimed, run, "`claim` must return a run that was released without a delay");
}

/// Checks that a worker cannot write to a run that it has released. Every write with the fence of
/// this worker must fail with [`ErrorKind::Conflict`], before and after the next claim of the run.
pub async fn a_released_run_refuses_the_fence_of_its_worker(fixture: &Fixture) {
    // spec: Q2c
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    fixture.store.release(run, fence, Duration::ZERO).await.expect(WITHIN_LEASE);
    all_writes_refused(fixture, run, fence).await;
    fixture.claim_some().await;
    all_writes_refused(fixture, run, fence).await;
}
