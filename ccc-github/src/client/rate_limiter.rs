//! The rate limiter. It delays calls so that they stay below GitHub's limits. If a response of
//! GitHub requires a wait, the rate limiter blocks further calls for this time (GitHub docs, "Rate
//! limits for the REST API", "Best practices for using the REST API"; spec: G5).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ccc_core::vcs::RequestQuota;
use ccc_core::{Clock, Error, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::client::call::{CallClass, Caller};
use crate::client::rate_limits::RateLimits;

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Maximum number of attempts to send an answer. An attempt succeeds if no other write waits.
const ANSWER_TRIES: usize = 5;
/// Minimum time between two attempts.
const ANSWER_WAIT: Duration = Duration::from_millis(100);

/// The start times of the writes of one [`Caller`].
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// The writes of the last hour, without answers.
    writes: VecDeque<Timestamp>,
    /// The answers of the last hour to accounts that may not start runs.
    answers: VecDeque<Timestamp>,
    /// The last write or answer.
    last: Option<Timestamp>,
}

impl Writes {
    /// Removes the times that are more than an hour before `now`. If the clock was set back, also
    /// removes the times in the future, because the wait would otherwise be too long.
    fn trim(&mut self, now: Timestamp) {
        for times in [&mut self.writes, &mut self.answers] {
            while times.front().is_some_and(|at| now.duration_since(*at) >= HOUR || *at > now) {
                times.pop_front();
            }
        }
        self.last = self.last.filter(|at| *at <= now);
    }

    /// Returns the time until the next write may follow the last one, or `None` if it may follow
    /// now.
    fn spacing_left(&self, now: Timestamp, spacing: Duration) -> Option<Duration> {
        until(now, self.last?.checked_add(signed(spacing)).ok()?)
    }
}

/// Returns the time until the first of `times` is an hour ago, if `times` has at least `most`
/// entries.
fn hourly_left(times: &VecDeque<Timestamp>, most: usize, now: Timestamp) -> Option<Duration> {
    let first = times.front().filter(|_| times.len() >= most)?;
    until(now, first.checked_add(HOUR).ok()?)
}

/// The state of the rate limits of one [`Caller`].
#[derive(Debug)]
struct CallerState {
    /// The mutex is locked during a write, so that writes are sent one at a time.
    writes: Arc<tokio::sync::Mutex<Writes>>,
    reads: Arc<Semaphore>,
    blocked_until: Mutex<Option<Timestamp>>,
    /// The newest hourly limit that GitHub reported, by the local clock.
    quota: Mutex<Option<RequestQuota>>,
}

/// Permission to make one call. A permit can delay other calls of the same [`Caller`] until the
/// permit is dropped. Therefore, drop the permit when the call ends.
#[derive(Debug)]
pub(crate) enum Permit {
    Write(OwnedMutexGuard<Writes>),
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
                blocked_until: Mutex::default(),
                quota: Mutex::default(),
            })
        });
        Arc::clone(state)
    }

    /// Waits until `caller` can make a call of the class `class`. `budget` is the time that the call
    /// can still wait for rate limits. Subtracts from `budget` each wait for GitHub's rate limit or
    /// for the hourly limit of writes. Does not subtract the wait for the minimum time between two
    /// writes.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] if the wait for a rate limit is longer than `budget`, or if an
    /// answer would delay another write or exceed the hourly limit of answers.
    pub(crate) async fn acquire(
        &self,
        caller: Caller,
        class: CallClass,
        budget: &mut Duration,
    ) -> Result<Permit> {
        let state = self.caller_state(caller);
        loop {
            while let Some(left) = self.remaining_block(&state) {
                self.wait(left, budget, "GitHub's rate limit").await?;
            }
            let mut permit = match class {
                CallClass::Write => {
                    let mut writes = Arc::clone(&state.writes).lock_owned().await;
                    self.wait_until_write_allowed(&mut writes, budget).await?;
                    Permit::Write(writes)
                }
                CallClass::Answer => Permit::Write(self.lock_for_answer(&state).await?),
                CallClass::Read => Permit::Read(acquire_read(&state).await?),
            };
            // In the meantime, GitHub can have blocked the caller because of another call.
            if self.remaining_block(&state).is_none() {
                if let Permit::Write(writes) = &mut permit {
                    let now = self.clock.now();
                    writes.last = Some(now);
                    match class {
                        CallClass::Answer => writes.answers.push_back(now),
                        _ => writes.writes.push_back(now),
                    }
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
        writes: &mut Writes,
        budget: &mut Duration,
    ) -> Result<()> {
        loop {
            let now = self.clock.now();
            writes.trim(now);
            let hourly = hourly_left(&writes.writes, self.limits.writes_per_hour, now);
            if let Some(left) = hourly {
                self.wait(left, budget, "the configured limit of writes per hour").await?;
            } else if let Some(left) = writes.spacing_left(now, self.limits.write_spacing) {
                self.clock.sleep(left).await;
            } else {
                return Ok(());
            }
        }
    }

    /// Locks the writes of a caller for an answer, if the limits allow the answer and no other
    /// write waits or is in progress. Tries a few times, because writes are short. Never waits for
    /// the lock, because a later write would then wait for the answer (spec: G5d).
    async fn lock_for_answer(&self, state: &CallerState) -> Result<OwnedMutexGuard<Writes>> {
        let (spacing, most) = (self.limits.write_spacing, self.limits.answers_per_hour);
        for _ in 0..ANSWER_TRIES {
            if let Ok(mut writes) = Arc::clone(&state.writes).try_lock_owned() {
                let now = self.clock.now();
                writes.trim(now);
                if most == 0 || hourly_left(&writes.answers, most, now).is_some() {
                    return Err(not_answered("the limit of answers per hour is reached"));
                }
                if writes.spacing_left(now, spacing).is_none() {
                    return Ok(writes);
                }
            }
            self.clock.sleep(spacing.max(ANSWER_WAIT)).await;
        }
        Err(not_answered("other writes are in progress"))
    }

    /// Blocks all calls of `caller` for the time `wait`. If an existing block ends later, the
    /// existing block is not changed.
    pub(crate) fn block(&self, caller: Caller, wait: Duration) {
        let Ok(until) = self.clock.now().checked_add(signed(wait)) else { return };
        let state = self.caller_state(caller);
        let mut blocked = state.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = (*blocked).max(Some(until));
    }

    /// Stores the hourly limit that GitHub reported for `caller`, by the local clock. Responses can
    /// arrive in another order than GitHub counted them. Therefore, the lowest number of the newest
    /// period is stored. GitHub's periods last an hour, so a period that ends later than in a day is
    /// ignored.
    pub(crate) fn learn_quota(&self, caller: Caller, quota: RequestQuota) {
        let now = self.clock.now();
        if quota.resets_at.duration_since(now) > HOUR * 24 {
            return;
        }
        let state = self.caller_state(caller);
        let mut known = state.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let order = |quota: RequestQuota| (quota.resets_at, std::cmp::Reverse(quota.remaining));
        let is_older = |known: RequestQuota| known.resets_at <= now || order(known) < order(quota);
        if known.is_none_or(is_older) {
            *known = Some(quota);
        }
    }

    /// Returns the hourly limit of `caller` that [`learn_quota`](Self::learn_quota) stored, unless
    /// its period has ended.
    pub(crate) fn quota(&self, caller: Caller) -> Option<RequestQuota> {
        let state = self.caller_state(caller);
        let known = *state.quota.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|quota| quota.resets_at > self.clock.now())
    }
}

async fn acquire_read(state: &CallerState) -> Result<OwnedSemaphorePermit> {
    Arc::clone(&state.reads).acquire_owned().await.map_err(|e| {
        Error::new(
            ErrorKind::Unexpected,
            "cannot start a call to GitHub, because the semaphore that limits concurrent reads is \
             closed",
        )
        .with_source(e)
    })
}

fn not_answered(why: &str) -> Error {
    let line = format!("an account that may not start runs gets no answer, because {why}");
    Error::new(ErrorKind::RateLimited, line)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Returns the time from `now` to `then`, or `None` if `then` is not in the future.
fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| !left.is_zero())
}
