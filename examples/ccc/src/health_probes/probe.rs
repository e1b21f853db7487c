//! A health check that can hang.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ccc_core::Clock;
use jiff::Timestamp;
use tokio::sync::watch;

/// Maximum time that a response to `GET /health` waits for a check. The response must not take
/// longer than a second (spec: W12f).
const LIMIT: Duration = Duration::from_millis(500);

/// A health check that can hang, for example in a system call on a disk that does not respond. The
/// check is executed on a thread of its own, because the threads for blocking work can all be in use.
/// At most one such thread exists for each probe.
#[derive(Debug)]
pub(crate) struct Probe<T> {
    state: Arc<Mutex<State>>,
    results: watch::Sender<Option<(Timestamp, T)>>,
    /// The time for which a result is used again.
    max_age: Duration,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// Whether a response has waited for the running check until [`LIMIT`] had passed.
    overdue: bool,
}

/// The result of [`Probe::check`].
#[derive(Debug)]
pub(crate) enum Checked<T> {
    /// The check has completed with this result.
    Fresh(T),
    /// The check does not complete. The value is the result of the last completed check.
    Hangs(Option<T>),
}

impl<T: Clone + Send + Sync + 'static> Probe<T> {
    /// Creates a probe whose results are used again for `max_age`.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { state: Arc::default(), results: watch::Sender::new(None), max_age }
    }

    /// Executes `check`, unless the check is already being executed or a result is recent enough.
    /// Waits for the result for at most [`LIMIT`].
    pub(crate) async fn check(
        &self,
        clock: &dyn Clock,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Checked<T> {
        let mut results = self.results.subscribe();
        let now = clock.now();
        let recent = results.borrow_and_update().clone();
        if let Some((at, result)) = &recent
            && *at <= now
            && now.duration_since(*at).unsigned_abs() < self.max_age
        {
            return Checked::Fresh(result.clone());
        }
        let last = recent.map(|(_, result)| result);
        if !self.start(now, check) {
            return Checked::Hangs(last);
        }
        tokio::select! {
            biased;
            changed = results.changed() => match (changed, results.borrow().clone()) {
                (Ok(()), Some((_, result))) => Checked::Fresh(result),
                _ => Checked::Hangs(last),
            },
            () = clock.sleep(LIMIT) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.overdue = state.running;
                Checked::Hangs(last)
            }
        }
    }

    /// Starts `check` if it is not running. Returns `false` if the running check is overdue.
    fn start(&self, now: Timestamp, check: impl FnOnce() -> T + Send + 'static) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.running {
            return !state.overdue;
        }
        let (running, results) = (Running(Arc::clone(&self.state)), self.results.clone());
        let thread = std::thread::Builder::new().name("ccc-health".to_owned());
        *state = State { running: true, overdue: false };
        // The lock is released before the thread starts, because a failure to start it drops
        // `running`.
        drop(state);
        let started = thread.spawn(move || {
            let result = check();
            // The check has ended before its result is visible, so that the next response starts
            // another one.
            drop(running);
            results.send_replace(Some((now, result)));
        });
        started.is_ok()
    }
}

/// The mark that a check is running. Dropping the value removes the mark, also if the check panics.
struct Running(Arc<Mutex<State>>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use ccc_core::{SystemClock, async_trait};

    use super::*;

    /// A clock whose sleeps end at once, so that only a check that has ended is waited for.
    #[derive(Debug)]
    struct Hasty;

    #[async_trait]
    impl Clock for Hasty {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep(&self, duration: Duration) {
            assert_eq!(duration, LIMIT);
        }
    }

    #[tokio::test]
    async fn a_check_that_hangs_is_reported_and_is_not_started_again() {
        // spec: W12f
        let (probe, started) = (Probe::new(Duration::ZERO), Arc::new(AtomicUsize::new(0)));
        let (open, gate) = mpsc::channel::<u32>();
        let count = Arc::clone(&started);
        let first = move || {
            count.fetch_add(1, Ordering::SeqCst);
            gate.recv().unwrap()
        };
        assert!(matches!(probe.check(&Hasty, first).await, Checked::Hangs(None)));
        for _ in 0..3 {
            let count = Arc::clone(&started);
            let again = move || {
                count.fetch_add(1, Ordering::SeqCst);
                0
            };
            assert!(matches!(probe.check(&Hasty, again).await, Checked::Hangs(None)));
        }
        let mut results = probe.results.subscribe();
        open.send(7).unwrap();
        results.changed().await.unwrap();
        assert_eq!(started.load(Ordering::SeqCst), 1);
        // After the end of the check, the next one is started.
        let fresh = probe.check(&SystemClock, || 8).await;
        assert!(matches!(fresh, Checked::Fresh(8)), "{fresh:?}");
        let (_open, gate) = mpsc::channel::<u32>();
        let hangs = probe.check(&Hasty, move || gate.recv().unwrap_or(9)).await;
        assert!(matches!(hangs, Checked::Hangs(Some(8))), "{hangs:?}");
    }

    #[tokio::test]
    async fn a_recent_result_is_used_again() {
        let probe = Probe::new(Duration::from_secs(3600));
        assert!(matches!(probe.check(&SystemClock, || 1).await, Checked::Fresh(1)));
        assert!(matches!(probe.check(&SystemClock, || 2).await, Checked::Fresh(1)));
        let probe = Probe::new(Duration::ZERO);
        assert!(matches!(probe.check(&SystemClock, || 1).await, Checked::Fresh(1)));
        assert!(matches!(probe.check(&SystemClock, || 2).await, Checked::Fresh(2)));
    }
}
