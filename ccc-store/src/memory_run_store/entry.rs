//! One run of a `MemoryRunStore`.

use ccc_core::run::{Outcome, RunRecord, RunState};
use ccc_core::{Progress, Stage};
use jiff::Timestamp;

use super::log::Log;
use crate::bounds;

/// A run, its newest claim and its log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: RunRecord,
    /// The number of the run. The store numbers the runs from 0 in the order in which it accepts
    /// them. The ids of runs that are accepted within one millisecond have no order.
    pub(super) accepted: u64,
    pub(super) fence: u64,
    /// The end of the lease if the run is claimed. The earliest time of the next claim if the run
    /// waits.
    pub(super) until: Timestamp,
    /// The number of the newest claim of this run. The store numbers the claims of all runs from 1.
    /// 0 if the run was never claimed.
    pub(super) claimed: u64,
    /// The latest stage that the run has completed.
    reached: Stage,
    /// The `issue_key` of the event.
    pub(super) issue: String,
    /// The `trigger_key` of the event.
    pub(super) request: String,
    /// The `requester_key` of the event.
    pub(super) requester: String,
    pub(super) log: Log,
    /// The size of the progress and of the outcome, in bytes.
    result_bytes: [usize; 2],
}

impl Entry {
    /// Creates the entry of a new run with the number `accepted`. The run can be claimed at once.
    pub(super) fn new(record: RunRecord, accepted: u64) -> Self {
        let (issue, request) = (record.event.issue_key(), record.event.trigger_key());
        let (requester, until) = (record.event.requester_key(), record.accepted_at);
        let (fence, claimed, log) = Default::default();
        let reached = record.progress.stage();
        Self {
            record,
            accepted,
            fence,
            until,
            claimed,
            reached,
            issue,
            request,
            requester,
            log,
            result_bytes: [0; 2],
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.record.state, RunState::Finished { .. })
    }

    /// Returns the size of the event, the progress and the outcome, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let [progress, outcome] = self.result_bytes;
        bounds::size(&self.record.event).saturating_add(progress).saturating_add(outcome)
    }

    pub(super) fn set_progress(&mut self, progress: Progress) {
        self.result_bytes[0] = bounds::debug_size(&progress);
        if progress.stage() > self.reached {
            self.reached = progress.stage();
            self.record.attempts = 0;
        }
        self.record.progress = progress;
    }

    pub(super) fn set_outcome(&mut self, outcome: Outcome) {
        self.result_bytes[1] = bounds::debug_size(&outcome);
        self.record.state = RunState::Finished { outcome };
    }

    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.record.state == RunState::Claimed && now < self.until
    }
}
