//! How fast we call: below GitHub's limits, and not at all while it asks to wait (GitHub docs, "Rate
//! limits for the REST API", "Best practices for using the REST API"; spec: G5).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How fast one installation is called.
///
/// The default keeps below github.com's limits. Enterprise Server has none unless its operator set
/// some; there, and for an emulator, [`unlimited`](Self::unlimited) will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pacing {
    /// The least time from one write to the next. GitHub asks for a second.
    pub write_spacing: Duration,
    /// The most writes in an hour; GitHub takes 500 that make content.
    pub writes_per_hour: usize,
    /// The most reads at once; GitHub takes 100 requests of all kinds.
    pub reads_at_once: usize,
    /// The longest that a call waits in all when GitHub asks to wait; it fails when it is asked for
    /// more.
    pub longest_wait: Duration,
    /// How often a call that fails in passing is made in all, where that is safe.
    pub tries: u32,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            write_spacing: Duration::from_secs(1),
            writes_per_hour: 400,
            reads_at_once: 20,
            longest_wait: Duration::from_secs(10 * 60),
            tries: 5,
        }
    }
}

impl Pacing {
    /// No spacing and no hourly limit; writes still go one at a time, and a limit that the host sets
    /// is still waited for.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { write_spacing: Duration::ZERO, writes_per_hour: usize::MAX, ..Self::default() }
    }

    /// Another least time from one write to the next.
    #[must_use]
    pub fn with_write_spacing(mut self, spacing: Duration) -> Self {
        self.write_spacing = spacing;
        self
    }

    /// Another number of attempts, 1 for none but the first.
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Another longest wait.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }
}

/// Whose limit a call counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// An App, by its JWT.
    App(u64),
    /// Nobody in particular.
    Nobody,
    /// An installation, by one of its tokens.
    Installation(u64),
}

#[derive(Debug)]
struct Lane {
    /// When the writes of the last hour began. Held while one is under way.
    writes: Arc<tokio::sync::Mutex<VecDeque<Timestamp>>>,
    reads: Arc<Semaphore>,
    blocked_until: Mutex<Option<Timestamp>>,
}

/// The right to make one call; it ends when this is dropped.
#[derive(Debug)]
pub(crate) enum Turn {
    Write(OwnedMutexGuard<VecDeque<Timestamp>>),
    Read(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit),
}

/// One lane for everybody who calls.
#[derive(Debug)]
pub(crate) struct Lanes {
    clock: Arc<dyn Clock>,
    pacing: Pacing,
    lanes: Mutex<HashMap<Who, Arc<Lane>>>,
}

impl Lanes {
    pub(crate) fn new(clock: Arc<dyn Clock>, pacing: Pacing) -> Self {
        Self { clock, pacing, lanes: Mutex::default() }
    }

    pub(crate) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    fn lane(&self, who: Who) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(who).or_insert_with(|| {
            Arc::new(Lane {
                writes: Arc::default(),
                reads: Arc::new(Semaphore::new(self.pacing.reads_at_once.max(1))),
                blocked_until: Mutex::new(None),
            })
        });
        Arc::clone(lane)
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] when GitHub asked for a wait longer than
    /// [`Pacing::longest_wait`]: then nothing is sent.
    pub(crate) async fn enter(
        &self,
        who: Who,
        write: bool,
        patience: &mut Duration,
    ) -> Result<Turn> {
        let lane = self.lane(who);
        loop {
            while let Some(left) = self.left(&lane) {
                self.wait(left, patience, "GitHub asks for quiet").await?;
            }
            let mut turn = if write {
                let mut writes = Arc::clone(&lane.writes).lock_owned().await;
                self.space(&mut writes, patience).await?;
                Turn::Write(writes)
            } else {
                let read = Arc::clone(&lane.reads).acquire_owned().await.map_err(|e| {
                    Error::new(ErrorKind::Unexpected, "a lane was closed").with_source(e)
                })?;
                Turn::Read(read)
            };
            // Somebody else may have been asked to wait while we waited.
            if self.left(&lane).is_none() {
                if let Turn::Write(writes) = &mut turn {
                    writes.push_back(self.clock.now());
                }
                return Ok(turn);
            }
        }
    }

    /// How long GitHub still wants to hear nothing.
    fn left(&self, lane: &Lane) -> Option<Duration> {
        let mut blocked = lane.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until(self.clock.now(), (*blocked)?);
        if left.is_none() {
            *blocked = None;
        }
        left
    }

    async fn wait(&self, left: Duration, patience: &mut Duration, why: &str) -> Result<()> {
        let Some(rest) = patience.checked_sub(left) else {
            let line = format!(
                "{why} for another {} s on this installation, which is longer than this call waits",
                left.as_secs().max(1)
            );
            return Err(Error::new(ErrorKind::RateLimited, line).with_retry_after(left));
        };
        *patience = rest;
        self.clock.sleep(left).await;
        Ok(())
    }

    /// Waits until a write may follow those before it.
    async fn space(&self, writes: &mut VecDeque<Timestamp>, patience: &mut Duration) -> Result<()> {
        loop {
            let now = self.clock.now();
            // A clock that was set back would make us wait for what is not to come.
            while writes.front().is_some_and(|at| now.duration_since(*at) >= HOUR || *at > now) {
                writes.pop_front();
            }
            let spaced = writes.back().and_then(|last| {
                until(now, last.checked_add(signed(self.pacing.write_spacing)).ok()?)
            });
            let hourly = (writes.len() >= self.pacing.writes_per_hour)
                .then(|| writes.front().and_then(|first| until(now, first.checked_add(HOUR).ok()?)))
                .flatten();
            if let Some(left) = hourly {
                self.wait(left, patience, "our own ceiling of writes in an hour holds").await?;
            } else if let Some(left) = spaced {
                self.clock.sleep(left).await;
            } else {
                return Ok(());
            }
        }
    }

    /// From now on, `who` sends nothing for this long.
    pub(crate) fn block(&self, who: Who, wait: Duration) {
        let Ok(until) = self.clock.now().checked_add(signed(wait)) else { return };
        let lane = self.lane(who);
        let mut blocked = lane.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = (*blocked).max(Some(until));
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// The time from `now` to `then`, if that is still to come.
fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| !left.is_zero())
}
