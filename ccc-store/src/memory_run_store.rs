//! A run store in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::{RunRecord, RunState};
use ccc_core::run_store::{Accepted, Claim, Fence, LogEntry, Renewal};
use ccc_core::{
    Clock, DeliveryId, Error, ErrorKind, Outcome, Progress, Result, RunId, RunStore, async_trait,
};
use jiff::Timestamp;

mod limits;

pub use limits::Bounds;

/// A [`RunStore`] in memory. All accepted runs are lost when the process ends, so a program that
/// uses this store should log a warning when it starts.
#[derive(Debug)]
pub struct MemoryRunStore {
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The runs. The map sorts them by the time at which they were accepted, because a `RunId`
    /// begins with a timestamp.
    runs: BTreeMap<RunId, Entry>,
    deliveries: HashMap<DeliveryId, ([u8; 32], RunId)>,
    delivery_order: VecDeque<DeliveryId>,
}

#[derive(Debug)]
struct Entry {
    record: RunRecord,
    fence: u64,
    /// If the run is claimed, the end of the lease. If the run is waiting, the earliest time of the
    /// next claim.
    until: Timestamp,
    log: VecDeque<LogEntry>,
    log_dropped: u64,
}

impl Entry {
    fn is_finished(&self) -> bool {
        matches!(self.record.state, RunState::Finished { .. })
    }

    fn event_bytes(&self) -> usize {
        limits::size(&self.record.event)
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.record.state == RunState::Claimed && now < self.until
    }
}

impl MemoryRunStore {
    /// Creates a store with the default limits.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_bounds(clock, Bounds::default())
    }

    /// Creates a store with the limits `bounds`.
    pub fn with_bounds(clock: Arc<dyn Clock>, bounds: Bounds) -> Self {
        Self { clock, bounds, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `change` to `run`, if `fence` belongs to the current lease on `run` and this lease
    /// has not expired. Otherwise fails with [`ErrorKind::Conflict`].
    fn with_lease<T>(
        &self,
        run: RunId,
        fence: Fence,
        change: impl FnOnce(&mut Entry, Timestamp) -> T,
    ) -> Result<T> {
        let now = self.clock.now();
        let mut state = self.state();
        let entry = state.runs.get_mut(&run).ok_or_else(|| no_such_run(run))?;
        if entry.fence != fence.0 || !entry.is_held(now) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the lease on run {run} has expired or was replaced: stop the work on this run"
                ),
            )
            .with_operation("run_store"));
        }
        Ok(change(entry, now))
    }
}

fn no_such_run(run: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("the run store does not contain run {run}"))
        .with_operation("run_store")
}

/// Returns the error for a store that has reached one of its limits. `why` names the limit.
fn full(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{why}: send the delivery again later"))
        .with_operation("run_store.accept")
        .with_retry_after(Duration::from_secs(60))
}

impl State {
    /// Removes the oldest finished runs and the oldest delivery ids, until their counts and sizes are
    /// within `bounds`. Unfinished runs are never removed.
    fn trim(&mut self, bounds: &Bounds) {
        let (mut runs, mut bytes) = (0, 0_usize);
        let mut removed = Vec::new();
        for (run, entry) in self.runs.iter().rev().filter(|(_, entry)| entry.is_finished()) {
            runs += 1;
            bytes = bytes.saturating_add(entry.event_bytes());
            if runs > bounds.finished || bytes > bounds.event_bytes {
                removed.push(*run);
            }
        }
        for run in removed {
            self.runs.remove(&run);
        }
        while self.delivery_order.len() > bounds.deliveries {
            if let Some(delivery) = self.delivery_order.pop_front() {
                self.deliveries.remove(&delivery);
            }
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl RunStore for MemoryRunStore {
    async fn accept(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Accepted> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some((body, run)) = state.deliveries.get(&delivery.id) {
            if *body != delivery.body_sha256 {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("delivery {} was already received with a different body", delivery.id),
                )
                .with_operation("run_store.accept"));
            }
            return Ok(Accepted { run: *run, duplicate: true });
        }
        let key = event.trigger_key();
        let same_trigger = state
            .runs
            .iter()
            .find(|(_, entry)| !entry.is_finished() && entry.record.event.trigger_key() == key)
            .map(|(run, _)| *run);
        let accepted = match same_trigger {
            Some(run) => Accepted { run, duplicate: true },
            None => {
                let event = limits::stored_event(event);
                let unfinished = || state.runs.values().filter(|e| !e.is_finished());
                if unfinished().count() >= self.bounds.unfinished {
                    return Err(full("the run store has reached its limit of unfinished runs"));
                }
                // spec: W12e
                let bytes: usize = unfinished().map(Entry::event_bytes).sum();
                if bytes + limits::size(&event) > self.bounds.event_bytes {
                    return Err(full(
                        "the events of the unfinished runs use all memory that the run store has for them",
                    ));
                }
                let run = RunId::new(now)?;
                let record = RunRecord {
                    run,
                    event,
                    accepted_at: now,
                    state: RunState::Waiting,
                    progress: Progress::default(),
                    cancel_requested: false,
                };
                let entry =
                    Entry { record, fence: 0, until: now, log: VecDeque::new(), log_dropped: 0 };
                state.runs.insert(run, entry);
                Accepted { run, duplicate: false }
            }
        };
        state.deliveries.insert(delivery.id.clone(), (delivery.body_sha256, accepted.run));
        state.delivery_order.push_back(delivery.id.clone());
        state.trim(&self.bounds);
        Ok(accepted)
    }

    async fn claim(&self, lease: Duration) -> Result<Option<Claim>> {
        let now = self.clock.now();
        let mut state = self.state();
        let busy: Vec<String> = state
            .runs
            .values()
            .filter(|entry| entry.is_held(now))
            .map(|entry| entry.record.event.issue_key())
            .collect();
        let free = state.runs.values_mut().find(|entry| {
            !entry.is_finished()
                && now >= entry.until
                && !busy.contains(&entry.record.event.issue_key())
        });
        Ok(free.map(|entry| {
            entry.fence += 1;
            entry.until = now + lease;
            entry.record.state = RunState::Claimed;
            Claim { record: entry.record.clone(), fence: Fence(entry.fence) }
        }))
    }

    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal> {
        self.with_lease(run, fence, |entry, now| {
            entry.until = entry.until.max(now + lease);
            Renewal { cancel_requested: entry.record.cancel_requested }
        })
    }

    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()> {
        self.with_lease(run, fence, |entry, now| {
            entry.record.state = RunState::Waiting;
            entry.until = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        })
    }

    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()> {
        self.with_lease(run, fence, |entry, _| {
            entry.record.progress = progress.clone();
        })
    }

    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()> {
        self.with_lease(run, fence, |entry, _| {
            entry.record.state = RunState::Finished { outcome: outcome.clone() };
        })
    }

    async fn request_cancel(&self, run: RunId) -> Result<()> {
        let mut state = self.state();
        let entry = state.runs.get_mut(&run).ok_or_else(|| no_such_run(run))?;
        if !entry.is_finished() {
            entry.record.cancel_requested = true;
        }
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Option<RunRecord>> {
        Ok(self.state().runs.get(&run).map(|entry| entry.record.clone()))
    }

    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
        let state = self.state();
        let newest_first = state.runs.iter().rev();
        Ok(newest_first
            .filter(|(run, _)| before.is_none_or(|before| **run < before))
            .take(limit)
            .map(|(_, entry)| entry.record.clone())
            .collect())
    }

    async fn append_log(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        let most = self.bounds.log_lines;
        self.with_lease(run, fence, |entry, _| {
            entry.log.extend(entries.iter().cloned());
            while entry.log.len() > most {
                entry.log.pop_front();
                entry.log_dropped += 1;
            }
        })
    }

    async fn tail_log(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        let state = self.state();
        let entry = state.runs.get(&run).ok_or_else(|| no_such_run(run))?;
        let numbered = (entry.log_dropped..).zip(entry.log.iter().cloned());
        Ok(numbered.filter(|(number, _)| *number >= from).take(limit).collect())
    }
}
