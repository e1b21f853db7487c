//! One run of a `MemoryRunStore`.

use std::collections::VecDeque;

use ccc_core::run::{RunRecord, RunState};
use ccc_core::run_store::LogEntry;
use jiff::Timestamp;

use super::limits;

/// A run, its newest claim and its log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: RunRecord,
    /// The number of the run. The store numbers the runs from 0 in the order in which it accepts
    /// them. The ids of runs that are accepted within one millisecond have no order.
    pub(super) accepted: u64,
    pub(super) fence: u64,
    /// If the run is claimed, the end of the lease. If the run is waiting, the earliest time of the
    /// next claim.
    pub(super) until: Timestamp,
    /// The number of the newest claim of this run. The store numbers the claims of all runs from 1.
    /// 0 if the run was never claimed.
    pub(super) claimed: u64,
    /// The `issue_key` of the event.
    pub(super) issue: String,
    /// The `trigger_key` of the event.
    pub(super) request: String,
    /// The `requester_key` of the event.
    pub(super) requester: String,
    pub(super) log: VecDeque<LogEntry>,
    pub(super) log_dropped: u64,
}

impl Entry {
    /// Creates the entry of a new run with the number `accepted`. The run can be claimed at once.
    pub(super) fn new(record: RunRecord, accepted: u64) -> Self {
        let (issue, request) = (record.event.issue_key(), record.event.trigger_key());
        let (requester, until) = (record.event.requester_key(), record.accepted_at);
        let (fence, claimed, log, log_dropped) = Default::default();
        Self {
            record,
            accepted,
            fence,
            until,
            claimed,
            issue,
            request,
            requester,
            log,
            log_dropped,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.record.state, RunState::Finished { .. })
    }

    /// Returns the size of the event, in bytes.
    pub(super) fn event_bytes(&self) -> usize {
        limits::size(&self.record.event)
    }

    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.record.state == RunState::Claimed && now < self.until
    }

    /// Appends `entries` to the log. Removes the oldest lines if there are more than `most`.
    pub(super) fn append(&mut self, entries: &[LogEntry], most: usize) {
        self.log.extend(entries.iter().cloned());
        while self.log.len() > most {
            self.log.pop_front();
            self.log_dropped += 1;
        }
    }
}
