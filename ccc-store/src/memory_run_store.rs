//! A run store in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::{ActorCheck, RunRecord, RunState, SkipReason};
use ccc_core::run_log::LogEntry;
use ccc_core::run_store::{Accepted, Claim, Fence, Renewal};
use ccc_core::{
    Clock, DeliveryId, Error, ErrorKind, Outcome, Progress, Result, RunId, RunLog, RunStore,
    async_trait,
};
use jiff::Timestamp;

mod entry;
mod log;
mod state;

use crate::bounds::{Bounds, not_ended};
use entry::Entry;
use state::{State, no_such_run};

/// A [`RunStore`] in memory, with the logs of its runs ([`RunLog`]). All accepted runs are lost when the process ends, so a program that
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
        let served = match state.unfinished_run_of(event) {
            Some(_) => None,
            None => state.run_that_served(event),
        };
        let accepted = match served {
            Some(run) => Ok(Accepted { run, duplicate: true }),
            None => state.add_run(now, &self.bounds, event, check),
        };
        let accepted = accepted.map_err(|error| error.with_operation("run_store.accept"))?;
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
        entry.record.attempts += 1;
        entry.until = now + lease;
        entry.record.state = RunState::Claimed;
        Ok(Some(Claim { record: entry.record.clone(), fence: Fence(entry.fence) }))
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
            entry.record.attempts = entry.record.attempts.saturating_sub(1);
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
            other.set_outcome(Outcome::Skipped { reason: SkipReason::SameRequest });
            other.record.served_by = Some(run);
        }
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

    async fn retry(&self, run: RunId) -> Result<Accepted> {
        let mut state = self.state();
        let entry = state.runs.get(&run).ok_or_else(|| no_such_run(run))?;
        if !entry.is_finished() {
            return Err(not_ended(run).with_operation("run_store.retry"));
        }
        let event = entry.record.event.clone();
        let added = state.add_run(self.clock.now(), &self.bounds, &event, ActorCheck::Pending);
        added.map_err(|error| error.with_operation("run_store.retry"))
    }

    async fn unfinished(&self) -> Result<Vec<RunId>> {
        Ok(self.state().unfinished().map(|entry| entry.record.run).collect())
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
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl RunLog for MemoryRunStore {
    async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        let now = self.clock.now();
        let mut state = self.state();
        state.leased(run, fence, now)?.log.append(entries, &self.bounds);
        state.trim_logs(&self.bounds);
        Ok(())
    }

    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        let state = self.state();
        let entry = state.runs.get(&run).ok_or_else(|| no_such_run(run))?;
        Ok(entry.log.tail(from, limit, entry.record.accepted_at))
    }
}
