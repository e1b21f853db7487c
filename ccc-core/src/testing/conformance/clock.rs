//! Conformance cases for clocks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{bounded, pause};
use crate::Clock;

/// The clock under test. If this clock does not move by itself, the fixture also contains a
/// function that moves it.
pub struct Fixture {
    /// The clock under test.
    pub clock: Arc<dyn Clock>,
    /// A function that moves the clock; `None` if the clock moves by itself.
    pub advance: Option<Box<dyn Fn(Duration) + Send + Sync>>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Fixture {
    /// Creates a fixture for a clock that moves by itself.
    pub fn new(clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), advance: None }
    }

    /// Creates a fixture for a clock that moves only when the function `advance` is called.
    pub fn with_manual_advance(
        clock: impl Clock,
        advance: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        Self { clock: Arc::new(clock), advance: Some(Box::new(advance)) }
    }

    /// Moves the clock by `time`, or waits for `time` if the clock moves by itself.
    async fn pass(&self, time: Duration) {
        match &self.advance {
            Some(advance) => advance(time),
            None => self.clock.sleep(time).await,
        }
    }
}

/// Generates one test for each conformance case of the clock port. The macro's argument is a
/// function that returns a future of a new [fixture](crate::testing::conformance::clock::Fixture).
/// See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! clock_conformance {
    (@run $make:expr) => {
        $crate::clock_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            clock,
            $make,
            [
                now_is_a_plausible_time,
                now_moves_with_time,
                a_sleep_ends_and_not_too_early,
                a_sleep_counts_from_its_first_poll,
                a_sleep_of_zero_ends_at_once,
                dropping_a_sleep_does_not_affect_another,
            ]
        );
    };
    ($make:expr) => {
        $crate::clock_conformance!(@cases __conformance_tests, $make);
    };
}

/// The duration of the sleeps in the cases. It is short, because the cases wait for the sleeps.
const SHORT: Duration = Duration::from_millis(50);

/// Checks that `now` returns a plausible time: between the years 2020 and 2200.
pub async fn now_is_a_plausible_time(fixture: &Fixture) {
    let now = fixture.clock.now();
    let begun: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let far: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
    assert!((begun..far).contains(&now), "`now` must be between {begun} and {far}, but is {now}");
}

/// Checks that `now` advances by at least the time that the case waits, with a tolerance of 2 ms.
/// `now` may advance by more, because the wait can take longer on a loaded host machine.
pub async fn now_moves_with_time(fixture: &Fixture) {
    let before = fixture.clock.now();
    fixture.pass(SHORT).await;
    let passed = fixture.clock.now().duration_since(before);
    // `now` and the timer of `sleep` can be two clocks that differ by a few milliseconds.
    let least = SHORT - Duration::from_millis(2);
    let enough = passed >= least.try_into().unwrap();
    assert!(
        enough,
        "in {SHORT:?}, `now` must advance by at least {least:?}, but advanced by {passed:?}"
    );
}

/// Checks that `sleep` lasts at least its duration. If a function moves the clock, `sleep` must end
/// when the clock reaches the end of the duration.
pub async fn a_sleep_ends_and_not_too_early(fixture: &Fixture) {
    let start = tokio::time::Instant::now();
    let sleep = fixture.clock.sleep(SHORT);
    let Some(advance) = &fixture.advance else {
        bounded("`sleep`", sleep).await;
        let slept = start.elapsed();
        assert!(slept >= SHORT, "`sleep` must last at least {SHORT:?}, but lasted {slept:?}");
        return;
    };
    tokio::pin!(sleep);
    let early = "`sleep` must not end before its duration has passed";
    assert!(futures_util::poll!(&mut sleep).is_pending(), "{early}");
    advance(SHORT - Duration::from_millis(1));
    assert!(futures_util::poll!(&mut sleep).is_pending(), "{early}: it ended 1 ms early");
    advance(Duration::from_millis(1));
    bounded("a `sleep` whose duration has passed", sleep).await;
}

/// Checks that the duration of `sleep` starts at the first poll of the future, not at the call of
/// `sleep`.
pub async fn a_sleep_counts_from_its_first_poll(fixture: &Fixture) {
    let sleep = fixture.clock.sleep(SHORT);
    tokio::pin!(sleep);
    fixture.pass(SHORT * 2).await;
    let pending = futures_util::poll!(&mut sleep).is_pending();
    assert!(pending, "`sleep` must count its duration from the first poll, not from the call");
    if let Some(advance) = &fixture.advance {
        advance(SHORT);
    }
    bounded("`sleep`", sleep).await;
}

/// Checks that a `sleep` with a duration of zero ends at once, even if the clock does not move.
pub async fn a_sleep_of_zero_ends_at_once(fixture: &Fixture) {
    bounded("a `sleep` of zero", fixture.clock.sleep(Duration::ZERO)).await;
}

/// Checks that dropping the future of one `sleep` does not affect a second `sleep`, which must
/// still end after its duration.
pub async fn dropping_a_sleep_does_not_affect_another(fixture: &Fixture) {
    let kept = fixture.clock.sleep(SHORT);
    tokio::pin!(kept);
    {
        let early = "`sleep` must not end before its duration has passed";
        let dropped = fixture.clock.sleep(SHORT);
        tokio::pin!(dropped);
        assert!(futures_util::poll!(&mut dropped).is_pending(), "{early}");
        assert!(futures_util::poll!(&mut kept).is_pending(), "{early}");
    }
    pause().await;
    if let Some(advance) = &fixture.advance {
        advance(SHORT);
    }
    bounded("a `sleep` that continues after another `sleep` was dropped", kept).await;
}
