//! The rate limiter. It delays calls so that they stay below GitHub's limits. If a response of
//! GitHub requires a wait, the rate limiter blocks further calls for this time (GitHub docs, "Rate
//! limits for the REST API", "Best practices for using the REST API"; spec: G5).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::client::call::Caller;
use crate::client::rate_limits::RateLimits;

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The state of the rate limits of one [`Caller`].
#[derive(Debug)]
struct CallerState {
    /// The start times of the writes of the last hour. The mutex is locked during a write, so that
    /// writes are sent one at a time.
    writes: Arc<tokio::sync::Mutex<VecDeque<Timestamp>>>,
    reads: Arc<Semaphore>,
    blocked_until: Mutex<Option<Timestamp>>,
}

/// Permission to make one call. A permit can delay other calls of the same [`Caller`] until the
/// permit is dropped. Therefore, drop the permit when the call ends.
#[derive(Debug)]
pub(crate) enum Permit {
    Write(OwnedMutexGuard<VecDeque<Timestamp>>),
    Read(
        #[allow(
            dead_code,
            reason = "the permit is never read, but must exist until the call ends"
        )]
        OwnedSemaphorePermit,
    ),
}

/// Delays calls so that they stay below the rate limits, which apply to each [`Caller`] separately.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    clock: Arc<dyn Clock>,
    limits: RateLimits,
    callers: Mutex<HashMap<Caller, Arc<CallerState>>>,
}

impl RateLimiter {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: RateLimits) -> Self {
        Self { clock, limits, callers: Mutex::default() }
    }

    pub(crate) fn limits(&self) -> &RateLimits {
        &self.limits
    }

    fn caller_state(&self, caller: Caller) -> Arc<CallerState> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let state = callers.entry(caller).or_insert_with(|| {
            Arc::new(CallerState {
                writes: Arc::default(),
                reads: Arc::new(Semaphore::new(self.limits.reads_at_once.max(1))),
                blocked_until: Mutex::new(None),
            })
        });
        Arc::clone(state)
    }

    /// Waits until `caller` can make a call. `write` specifies whether the call is a write.
    /// `budget` is the time that the call can still wait for rate limits. Subtracts from `budget`
    /// each wait for GitHub's rate limit or for the hourly limit of writes. Does not subtract the
    /// wait for the minimum time between two writes.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] if the wait for a rate limit is longer than `budget`.
    pub(crate) async fn acquire(
        &self,
        caller: Caller,
        write: bool,
        budget: &mut Duration,
    ) -> Result<Permit> {
        let state = self.caller_state(caller);
        loop {
            while let Some(left) = self.remaining_block(&state) {
                self.wait(left, budget, "GitHub's rate limit").await?;
            }
            let mut permit = if write {
                let mut writes = Arc::clone(&state.writes).lock_owned().await;
                self.wait_until_write_allowed(&mut writes, budget).await?;
                Permit::Write(writes)
            } else {
                let read = Arc::clone(&state.reads).acquire_owned().await.map_err(|e| {
                    Error::new(
                        ErrorKind::Unexpected,
                        "cannot start a call to GitHub, because the semaphore that limits \
                         concurrent reads is closed",
                    )
                    .with_source(e)
                })?;
                Permit::Read(read)
            };
            // In the meantime, GitHub can have blocked the caller because of another call.
            if self.remaining_block(&state).is_none() {
                if let Permit::Write(writes) = &mut permit {
                    writes.push_back(self.clock.now());
                }
                return Ok(permit);
            }
        }
    }

    /// Returns the remaining time for which GitHub blocks the caller with the state `state`, or
    /// `None` if GitHub does not block the caller.
    fn remaining_block(&self, state: &CallerState) -> Option<Duration> {
        let mut blocked = state.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until(self.clock.now(), (*blocked)?);
        if left.is_none() {
            *blocked = None;
        }
        left
    }

    async fn wait(&self, left: Duration, budget: &mut Duration, why: &str) -> Result<()> {
        let Some(rest) = budget.checked_sub(left) else {
            let line = format!(
                "{why} blocks this call to GitHub for another {} seconds, which is longer than a \
                 call may wait: try again after that time",
                left.as_secs().max(1)
            );
            return Err(Error::new(ErrorKind::RateLimited, line).with_retry_after(left));
        };
        *budget = rest;
        self.clock.sleep(left).await;
        Ok(())
    }

    /// Waits until the minimum time between writes and the hourly limit allow another write.
    async fn wait_until_write_allowed(
        &self,
        writes: &mut VecDeque<Timestamp>,
        budget: &mut Duration,
    ) -> Result<()> {
        loop {
            let now = self.clock.now();
            // If the clock was set back, the queue contains times in the future. These times are
            // removed, because the wait would otherwise be too long.
            while writes.front().is_some_and(|at| now.duration_since(*at) >= HOUR || *at > now) {
                writes.pop_front();
            }
            let spaced = writes.back().and_then(|last| {
                until(now, last.checked_add(signed(self.limits.write_spacing)).ok()?)
            });
            let hourly = (writes.len() >= self.limits.writes_per_hour)
                .then(|| writes.front().and_then(|first| until(now, first.checked_add(HOUR).ok()?)))
                .flatten();
            if let Some(left) = hourly {
                self.wait(left, budget, "the configured limit of writes per hour").await?;
            } else if let Some(left) = spaced {
                self.clock.sleep(left).await;
            } else {
                return Ok(());
            }
        }
    }

    /// Blocks all calls of `caller` for the time `wait`. If an existing block ends later, the
    /// existing block is not changed.
    pub(crate) fn block(&self, caller: Caller, wait: Duration) {
        let Ok(until) = self.clock.now().checked_add(signed(wait)) else { return };
        let state = self.caller_state(caller);
        let mut blocked = state.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = (*blocked).max(Some(until));
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Returns the time from `now` to `then`, or `None` if `then` is not in the future.
fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| !left.is_zero())
}
