//! What every clock must do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{bounded, pause};
use crate::Clock;

/// A clock, and what moves it.
pub struct Fixture {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Moves it; `None` where it moves by itself.
    pub advance: Option<Box<dyn Fn(Duration) + Send + Sync>>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Fixture {
    /// A clock that moves by itself.
    pub fn new(clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), advance: None }
    }

    /// A clock that moves when it is told to.
    pub fn moved(clock: impl Clock, by: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), advance: Some(Box::new(by)) }
    }

    /// Sees to it that time passes.
    async fn pass(&self, time: Duration) {
        match &self.advance {
            Some(advance) => advance(time),
            None => self.clock.sleep(time).await,
        }
    }
}

/// Makes a test of every case for clocks. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! clock_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            clock,
            $make,
            [
                now_is_a_time_of_ours,
                now_moves_with_time,
                a_sleep_ends_and_not_too_early,
                a_sleep_counts_from_its_first_poll,
                no_time_at_all_is_slept_at_once,
                a_dropped_sleep_ends_nobody_elses,
            ]
        );
    };
}

/// An amount that a case can wait for.
const SHORT: Duration = Duration::from_millis(50);

/// After this software was begun, and not far in the future.
pub async fn now_is_a_time_of_ours(fixture: &Fixture) {
    let now = fixture.clock.now();
    let begun: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let far: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
    assert!((begun..far).contains(&now), "{now}");
}

/// By what has passed, or more on a busy machine.
pub async fn now_moves_with_time(fixture: &Fixture) {
    let before = fixture.clock.now();
    fixture.pass(SHORT).await;
    let passed = fixture.clock.now().duration_since(before);
    // Two clocks of one machine may tick apart by a little.
    let least = SHORT - Duration::from_millis(2);
    assert!(passed >= least.try_into().unwrap(), "{passed:?} of {SHORT:?}");
}

/// Exactly at its time for a clock that is moved, and no earlier for one that moves.
pub async fn a_sleep_ends_and_not_too_early(fixture: &Fixture) {
    let start = tokio::time::Instant::now();
    let sleep = fixture.clock.sleep(SHORT);
    let Some(advance) = &fixture.advance else {
        bounded("a sleep", sleep).await;
        assert!(start.elapsed() >= SHORT, "slept {:?} of {SHORT:?}", start.elapsed());
        return;
    };
    tokio::pin!(sleep);
    assert!(futures_util::poll!(&mut sleep).is_pending(), "time stands still");
    advance(SHORT - Duration::from_millis(1));
    assert!(futures_util::poll!(&mut sleep).is_pending(), "woke a millisecond early");
    advance(Duration::from_millis(1));
    bounded("a sleep whose time has come", sleep).await;
}

/// A future that nobody polls does not run.
pub async fn a_sleep_counts_from_its_first_poll(fixture: &Fixture) {
    let sleep = fixture.clock.sleep(SHORT);
    tokio::pin!(sleep);
    fixture.pass(SHORT * 2).await;
    assert!(futures_util::poll!(&mut sleep).is_pending(), "it ran before it was polled");
    if let Some(advance) = &fixture.advance {
        advance(SHORT);
    }
    bounded("a sleep", sleep).await;
}

/// Zero needs no other event.
pub async fn no_time_at_all_is_slept_at_once(fixture: &Fixture) {
    bounded("a sleep of no time", fixture.clock.sleep(Duration::ZERO)).await;
}

/// Of two that sleep, the other one wakes.
pub async fn a_dropped_sleep_ends_nobody_elses(fixture: &Fixture) {
    let kept = fixture.clock.sleep(SHORT);
    tokio::pin!(kept);
    {
        let dropped = fixture.clock.sleep(SHORT);
        tokio::pin!(dropped);
        assert!(futures_util::poll!(&mut dropped).is_pending());
        assert!(futures_util::poll!(&mut kept).is_pending());
    }
    pause().await;
    if let Some(advance) = &fixture.advance {
        advance(SHORT);
    }
    bounded("the other sleep", kept).await;
}
