//! A run store in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::{ActorCheck, RunRecord, RunState, SkipReason};
use ccc_core::run_store::{Accepted, Claim, Fence, LogEntry, Renewal, same_request};
use ccc_core::{
    Clock, DeliveryId, Error, ErrorKind, Outcome, Progress, Result, RunId, RunStore, async_trait,
};
use jiff::Timestamp;

mod entry;
mod state;

use crate::bounds::{Bounds, stored_event};
use entry::Entry;
use state::{State, no_such_run};

/// A [`RunStore`] in memory. All accepted runs are lost when the process ends, so a program that
/// uses this store should log a warning when it starts.
#[derive(Debug)]
pub struct MemoryRunStore {
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    state: Mutex<State>,
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
        Ok(change(self.state().leased(run, fence, now)?, now))
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl RunStore for MemoryRunStore {
    async fn accept(
        &self,
        delivery: &Delivery,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted> {
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
        let known = state.unfinished_run_of(event).or_else(|| state.run_that_served(event));
        let accepted = match known {
            Some(run) => Accepted { run, duplicate: true },
            None => {
                let event = stored_event(event);
                let room = state.check_room(&self.bounds, &event, check);
                room.map_err(|error| error.with_operation("run_store.accept"))?;
                let run = RunId::new(now)?;
                let record = RunRecord {
                    run,
                    event,
                    accepted_at: now,
                    actor_check: check,
                    state: RunState::Waiting,
                    progress: Progress::default(),
                    cancel_requested: false,
                };
                let number = state.accepted;
                state.accepted += 1;
                state.runs.insert(run, Entry::new(record, number));
                Accepted { run, duplicate: false }
            }
        };
        state.deliveries.insert(delivery.id.clone(), (delivery.body_sha256, accepted.run));
        state.delivery_order.push_back(delivery.id.clone());
        state.trim(&self.bounds);
        Ok(accepted)
    }

    async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>> {
        Ok(self.state().deliveries.get(delivery).map(|(_, run)| *run))
    }

    async fn claim(&self, lease: Duration) -> Result<Option<Claim>> {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(run) = state.next_claim(now) else { return Ok(None) };
        state.claims += 1;
        let claims = state.claims;
        let entry = state.runs.get_mut(&run).ok_or_else(|| no_such_run(run))?;
        entry.claimed = claims;
        entry.fence += 1;
        entry.attempts += 1;
        entry.until = now + lease;
        entry.record.state = RunState::Claimed;
        Ok(Some(Claim {
            record: entry.record.clone(),
            fence: Fence(entry.fence),
            attempts: entry.attempts,
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
            entry.attempts = entry.attempts.saturating_sub(1);
            entry.until = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        })
    }

    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()> {
        self.with_lease(run, fence, |entry, _| {
            entry.set_progress(progress.clone());
        })
    }

    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()> {
        let now = self.clock.now();
        let mut state = self.state();
        let entry = state.leased(run, fence, now)?;
        entry.set_outcome(outcome.clone());
        let request = entry.request.clone();
        let same = |entry: &&mut Entry| !entry.is_finished() && entry.request == request;
        let served = state.runs.values_mut().filter(|_| outcome.serves_request());
        for other in served.filter(same) {
            let outcome = Outcome::Skipped { reason: SkipReason::SameRequest };
            other.set_outcome(outcome);
            other.append(&[same_request(run, now)], &self.bounds);
        }
        state.trim_logs(&self.bounds);
        state.trim(&self.bounds);
        Ok(())
    }

    async fn request_cancel(&self, run: RunId) -> Result<()> {
        let mut state = self.state();
        let entry = state.runs.get_mut(&run).ok_or_else(|| no_such_run(run))?;
        if !entry.is_finished() {
            entry.record.cancel_requested = true;
        }
        Ok(())
    }

    async fn check(&self) -> Result<()> {
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
        let now = self.clock.now();
        let mut state = self.state();
        state.leased(run, fence, now)?.append(entries, &self.bounds);
        state.trim_logs(&self.bounds);
        Ok(())
    }

    async fn tail_log(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        let state = self.state();
        let entry = state.runs.get(&run).ok_or_else(|| no_such_run(run))?;
        Ok(entry.tail(from, limit))
    }
}
