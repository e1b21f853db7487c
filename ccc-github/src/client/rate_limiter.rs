//! The wait before a call: below GitHub's limits, and longer while GitHub asks to wait (GitHub
//! docs, "Rate limits for the REST API", "Best practices for using the REST API"; spec: G5).

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

#[derive(Debug)]
struct Lane {
    /// The start times of the writes of the last hour. Locked during a write.
    writes: Arc<tokio::sync::Mutex<VecDeque<Timestamp>>>,
    reads: Arc<Semaphore>,
    blocked_until: Mutex<Option<Timestamp>>,
}

/// The permission for one call. It ends when it is dropped.
#[derive(Debug)]
pub(crate) enum Permit {
    Write(OwnedMutexGuard<VecDeque<Timestamp>>),
    Read(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit),
}

/// The limiter of all callers, with one lane for each.
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

    /// Waits until the caller may make a call. Waits that GitHub asked for are taken from `budget`.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] when GitHub asked for a wait longer than
    /// `budget`.
    pub(crate) async fn acquire(
        &self,
        caller: Caller,
        write: bool,
        budget: &mut Duration,
    ) -> Result<Permit> {
        let lane = self.lane(caller);
        loop {
            while let Some(left) = self.left(&lane) {
                self.wait(left, budget, "GitHub asks for quiet").await?;
            }
            let mut permit = if write {
                let mut writes = Arc::clone(&lane.writes).lock_owned().await;
                self.space(&mut writes, budget).await?;
                Permit::Write(writes)
            } else {
                let read = Arc::clone(&lane.reads).acquire_owned().await.map_err(|e| {
                    Error::new(ErrorKind::Unexpected, "a lane was closed").with_source(e)
                })?;
                Permit::Read(read)
            };
            // GitHub may have asked another call to wait meanwhile.
            if self.left(&lane).is_none() {
                if let Permit::Write(writes) = &mut permit {
                    writes.push_back(self.clock.now());
                }
                return Ok(permit);
            }
        }
    }

    /// Returns the rest of the wait that GitHub asked for.
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
                "{why} for another {} s on this installation, which is longer than this call waits",
                left.as_secs().max(1)
            );
            return Err(Error::new(ErrorKind::RateLimited, line).with_retry_after(left));
        };
        *budget = rest;
        self.clock.sleep(left).await;
        Ok(())
    }

    /// Waits until a write may follow the previous ones.
    async fn space(&self, writes: &mut VecDeque<Timestamp>, budget: &mut Duration) -> Result<()> {
        loop {
            let now = self.clock.now();
            // A clock that was set back would make us wait for what is not to come.
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
                self.wait(left, budget, "our own ceiling of writes in an hour holds").await?;
            } else if let Some(left) = spaced {
                self.clock.sleep(left).await;
            } else {
                return Ok(());
            }
        }
    }

    /// Blocks all calls of the caller for this time.
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

/// Returns the time from `now` to `then`, if `then` is in the future.
fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| !left.is_zero())
}
