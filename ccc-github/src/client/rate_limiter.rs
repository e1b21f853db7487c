//! The rate limiter: delays calls to stay below GitHub's limits, and blocks them as long as GitHub
//! requests (GitHub docs, "Rate limits for the REST API", "Best practices for using the REST API";
//! spec: G5).

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

/// The state of the limits of one caller.
#[derive(Debug)]
struct Lane {
    /// The start times of the writes of the last hour. The mutex is locked during a write.
    writes: Arc<tokio::sync::Mutex<VecDeque<Timestamp>>>,
    reads: Arc<Semaphore>,
    blocked_until: Mutex<Option<Timestamp>>,
}

/// Permission to make one call. It ends when it is dropped.
#[derive(Debug)]
pub(crate) enum Permit {
    Write(OwnedMutexGuard<VecDeque<Timestamp>>),
    Read(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit),
}

/// The rate limiter, with one lane for each caller.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    clock: Arc<dyn Clock>,
    limits: RateLimits,
    lanes: Mutex<HashMap<Caller, Arc<Lane>>>,
}

impl RateLimiter {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: RateLimits) -> Self {
        Self { clock, limits, lanes: Mutex::default() }
    }

    pub(crate) fn limits(&self) -> &RateLimits {
        &self.limits
    }

    fn lane(&self, caller: Caller) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(caller).or_insert_with(|| {
            Arc::new(Lane {
                writes: Arc::default(),
                reads: Arc::new(Semaphore::new(self.limits.reads_at_once.max(1))),
                blocked_until: Mutex::new(None),
            })
        });
        Arc::clone(lane)
    }

    /// Waits until the caller can make a call. `budget` is reduced by waits for GitHub's limits and
    /// for the hourly limit of writes, but not by the time between two writes.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] if such a wait is longer than `budget`.
    pub(crate) async fn acquire(
        &self,
        caller: Caller,
        write: bool,
        budget: &mut Duration,
    ) -> Result<Permit> {
        let lane = self.lane(caller);
        loop {
            while let Some(left) = self.left(&lane) {
                self.wait(left, budget, "GitHub's rate limit").await?;
            }
            let mut permit = if write {
                let mut writes = Arc::clone(&lane.writes).lock_owned().await;
                self.space(&mut writes, budget).await?;
                Permit::Write(writes)
            } else {
                let read = Arc::clone(&lane.reads).acquire_owned().await.map_err(|e| {
                    Error::new(ErrorKind::Unexpected, "the semaphore for reads was closed")
                        .with_source(e)
                })?;
                Permit::Read(read)
            };
            // GitHub can have blocked the caller because of another call in the meantime.
            if self.left(&lane).is_none() {
                if let Permit::Write(writes) = &mut permit {
                    writes.push_back(self.clock.now());
                }
                return Ok(permit);
            }
        }
    }

    /// Returns the remaining time for which GitHub blocks the caller.
    fn left(&self, lane: &Lane) -> Option<Duration> {
        let mut blocked = lane.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until(self.clock.now(), (*blocked)?);
        if left.is_none() {
            *blocked = None;
        }
        left
    }

    async fn wait(&self, left: Duration, budget: &mut Duration, why: &str) -> Result<()> {
        let Some(rest) = budget.checked_sub(left) else {
            let line = format!(
                "{why} blocks this call for another {} s, which is longer than it can wait",
                left.as_secs().max(1)
            );
            return Err(Error::new(ErrorKind::RateLimited, line).with_retry_after(left));
        };
        *budget = rest;
        self.clock.sleep(left).await;
        Ok(())
    }

    /// Waits until the next write is within the limits.
    async fn space(&self, writes: &mut VecDeque<Timestamp>, budget: &mut Duration) -> Result<()> {
        loop {
            let now = self.clock.now();
            // If the clock was set back, entries lie in the future. Without their removal, the wait
            // would be too long.
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

    /// Blocks all calls of the caller for the given time.
    pub(crate) fn block(&self, caller: Caller, wait: Duration) {
        let Ok(until) = self.clock.now().checked_add(signed(wait)) else { return };
        let lane = self.lane(caller);
        let mut blocked = lane.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
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
