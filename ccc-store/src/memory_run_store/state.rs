//! The runs and deliveries of a `MemoryRunStore`, and the order in which runs are claimed.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use ccc_core::event::IssueEvent;
use ccc_core::run::{ActorCheck, RunRecord, RunState};
use ccc_core::run_store::{Accepted, Fence, PendingRuns, check_pending};
use ccc_core::{DeliveryId, Error, ErrorKind, Progress, Result, RunId};
use jiff::Timestamp;

use super::entry::Entry;
use crate::bounds::{Bounds, full, size, stored_event};

#[derive(Debug, Default)]
pub(super) struct State {
    /// The runs. The map sorts them by the time at which they were accepted, because a `RunId`
    /// begins with a timestamp.
    pub(super) runs: BTreeMap<RunId, Entry>,
    pub(super) deliveries: HashMap<DeliveryId, ([u8; 32], RunId)>,
    pub(super) delivery_order: VecDeque<DeliveryId>,
    /// The number of runs that the store has accepted.
    accepted: u64,
    /// The number of claims of all runs.
    pub(super) claims: u64,
}

pub(super) fn no_such_run(run: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("the run store does not contain run {run}"))
        .with_operation("run_store")
}

impl State {
    /// Returns the entry of `run`, if `fence` belongs to the current lease on `run` and this lease
    /// has not expired. Otherwise fails with [`ErrorKind::Conflict`].
    pub(super) fn leased(
        &mut self,
        run: RunId,
        fence: Fence,
        now: Timestamp,
    ) -> Result<&mut Entry> {
        let entry = self.runs.get_mut(&run).ok_or_else(|| no_such_run(run))?;
        if entry.fence != fence.0 || !entry.is_held(now) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the lease on run {run} has expired or was replaced: stop the work on this run"
                ),
            )
            .with_operation("run_store"));
        }
        Ok(entry)
    }

    pub(super) fn unfinished(&self) -> impl Iterator<Item = &Entry> {
        self.runs.values().filter(|entry| !entry.is_finished())
    }

    /// Returns the unfinished run with the request and the actor of `event`.
    pub(super) fn unfinished_run_of(&self, event: &IssueEvent) -> Option<RunId> {
        let request = event.trigger_key();
        let mut same = self.unfinished().filter(|entry| {
            entry.request == request && entry.record.event.actor.id == event.actor.id
        });
        same.next().map(|entry| entry.record.run)
    }

    /// Returns the newest run that served the request of `event`, if `event` is not later.
    pub(super) fn run_that_served(&self, event: &IssueEvent) -> Option<RunId> {
        let request = event.trigger_key();
        let served = |entry: &&Entry| match &entry.record.state {
            RunState::Finished { outcome } => outcome.serves_request(),
            _ => false,
        };
        let runs = self.runs.values().rev().filter(|entry| entry.request == request).filter(served);
        let mut later = runs.filter(|entry| event.is_not_later_than(&entry.record.event));
        later.next().map(|entry| entry.record.run)
    }

    /// Returns the unfinished run with the request and the actor of `event`, or adds a new run.
    pub(super) fn add_run(
        &mut self,
        now: Timestamp,
        bounds: &Bounds,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted> {
        if let Some(run) = self.unfinished_run_of(event) {
            return Ok(Accepted { run, duplicate: true });
        }
        let event = stored_event(event);
        self.check_room(bounds, &event, check)?;
        let run = RunId::new(now)?;
        let record = RunRecord {
            run,
            event,
            accepted_at: now,
            actor_check: check,
            state: RunState::Waiting,
            progress: Progress::default(),
            cancel_requested: false,
            attempts: 0,
            served_by: None,
        };
        let number = self.accepted;
        self.accepted += 1;
        self.runs.insert(run, Entry::new(record, number));
        Ok(Accepted { run, duplicate: false })
    }

    /// Checks whether the store may add a run for `event` with `check`. Runs with the check
    /// [`ActorCheck::Pending`] get at most half of the places and of the memory.
    fn check_room(&self, bounds: &Bounds, event: &IssueEvent, check: ActorCheck) -> Result<()> {
        let mut used = self.unfinished().count();
        let mut most = bounds.unfinished;
        if check == ActorCheck::Pending {
            let pending = || self.unfinished().filter(|e| e.record.actor_check == check);
            let (repo, actor) = (&event.repo, event.actor.id);
            let mut runs = PendingRuns::default();
            for IssueEvent { repo: other, actor: author, .. } in
                pending().map(|entry| &entry.record.event).filter(|one| one.repo.host == repo.host)
            {
                let (by_actor, in_repository) = (author.id == actor, other.id == repo.id);
                runs.of_actor += usize::from(by_actor);
                runs.of_repository += usize::from(in_repository);
                runs.of_actor_in_repository += usize::from(by_actor && in_repository);
            }
            check_pending(runs)?;
            if used < most {
                (used, most) = (pending().count(), most.div_ceil(2));
            }
        }
        if used >= most {
            return Err(full("the run store has reached its limit of unfinished runs"));
        }
        // spec: W12e
        let size = size(event);
        let bytes = |entries: &mut dyn Iterator<Item = &Entry>| {
            entries.map(Entry::bytes).fold(size, usize::saturating_add)
        };
        let pending = self.unfinished().filter(|entry| entry.record.actor_check == check);
        if bytes(&mut self.unfinished()) > bounds.event_bytes
            || check == ActorCheck::Pending && bytes(&mut { pending }) > bounds.event_bytes / 2
        {
            return Err(full(
                "the events of the unfinished runs use all memory that the run store has for them",
            ));
        }
        Ok(())
    }

    /// Returns the run that the next claim returns (spec: Q2d, Q2f, Q2g).
    pub(super) fn next_claim(&self, now: Timestamp) -> Option<RunId> {
        let held = self.runs.values().filter(|entry| entry.is_held(now));
        let busy: HashSet<&str> = held.map(|entry| &*entry.issue).collect();
        let authorized = self.unfinished().filter(|entry| entry.record.is_authorized());
        let started: HashMap<&str, RunId> =
            authorized.map(|entry| (&*entry.request, entry.record.run)).collect();
        let mut last_claims: HashMap<&str, u64> = HashMap::new();
        for entry in self.runs.values() {
            let last = last_claims.entry(&entry.requester).or_default();
            *last = entry.claimed.max(*last);
        }
        let claimable = self.unfinished().filter(|entry| {
            let run = entry.record.run;
            now >= entry.until
                && !busy.contains(&*entry.issue)
                && started.get(&*entry.request).is_none_or(|started| *started == run)
        });
        let first = claimable.min_by_key(|entry| {
            let last = last_claims.get(&*entry.requester);
            (entry.record.actor_check, last.copied(), entry.accepted)
        });
        first.map(|entry| entry.record.run)
    }

    /// Removes lines of logs, until all logs together are within `bounds`. Finished runs lose their
    /// logs first, the oldest first. Then the largest log is shortened.
    pub(super) fn trim_logs(&mut self, bounds: &Bounds) {
        let mut bytes: usize = self.runs.values().map(|entry| entry.log.bytes()).sum();
        for entry in self.runs.values_mut().filter(|entry| entry.is_finished()) {
            while bytes > bounds.log_bytes && entry.log.bytes() > 0 {
                bytes = bytes.saturating_sub(entry.log.remove_line());
            }
        }
        while bytes > bounds.log_bytes {
            let largest = self.runs.values_mut().max_by_key(|entry| entry.log.bytes());
            let removed = largest.map_or(0, |entry| entry.log.remove_line());
            if removed == 0 {
                break;
            }
            bytes = bytes.saturating_sub(removed);
        }
    }

    /// Removes the oldest finished runs and the oldest delivery ids, until their counts and sizes are
    /// within `bounds`. Unfinished runs are never removed.
    pub(super) fn trim(&mut self, bounds: &Bounds) {
        let (mut runs, mut bytes) = (0, 0_usize);
        let mut removed = Vec::new();
        for (run, entry) in self.runs.iter().rev().filter(|(_, entry)| entry.is_finished()) {
            runs += 1;
            bytes = bytes.saturating_add(entry.bytes());
            if runs > bounds.finished || bytes > bounds.finished_bytes {
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
