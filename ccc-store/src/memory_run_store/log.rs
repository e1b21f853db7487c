//! The log of one run of a `MemoryRunStore`.

use std::collections::VecDeque;

use ccc_core::run_log::LogEntry;
use jiff::Timestamp;

use crate::bounds::{self, Bounds, LeftOut};

/// The log of one run: its first lines and its last lines. The lines between them are removed if the
/// log exceeds a limit.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The first lines, which have at most half of the size of a log.
    first: Vec<LogEntry>,
    /// The lines that were removed after the first lines.
    removed: LeftOut,
    /// The last lines.
    last: VecDeque<LogEntry>,
    /// The size of the stored lines, in bytes.
    bytes: usize,
}

impl Log {
    /// Returns the size of the stored lines, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends `entries`. Removes lines in the middle if the log exceeds a limit for one run.
    pub(super) fn append(&mut self, entries: &[LogEntry], limits: &Bounds) {
        let (most, most_bytes) = (limits.log_lines, limits.log_bytes_of_run());
        for entry in entries {
            let stored = bounds::stored_line(entry);
            self.bytes = self.bytes.saturating_add(bounds::line_size(&stored));
            let is_first = self.last.is_empty() && self.removed.lines == 0;
            if is_first && self.first.len() < most / 2 && self.bytes <= most_bytes / 2 {
                self.first.push(stored);
                continue;
            }
            self.last.push_back(stored);
            while self.first.len() + self.last.len() > most || self.bytes > most_bytes {
                if self.remove_line() == 0 {
                    break;
                }
            }
        }
    }

    /// Removes the oldest of the last lines. If there is none, removes the newest of the first lines.
    /// Returns the size of the line in bytes, or 0 if the log has no line.
    pub(super) fn remove_line(&mut self) -> usize {
        let Some(line) = self.last.pop_front().or_else(|| self.first.pop()) else { return 0 };
        let size = bounds::line_size(&line);
        self.removed.add(&line);
        self.bytes = self.bytes.saturating_sub(size);
        size
    }

    /// Returns at most `limit` lines from the number `from` on, with their numbers. In the place of
    /// the last removed line, a line reports how many lines were removed. `accepted_at` is the time of
    /// this line if no line follows it.
    pub(super) fn tail(
        &self,
        from: u64,
        limit: usize,
        accepted_at: Timestamp,
    ) -> Vec<(u64, LogEntry)> {
        let at = self.last.front().or(self.first.last()).map_or(accepted_at, |line| line.at);
        let first = (0..).zip(self.first.iter().cloned());
        let end = (self.first.len() as u64).saturating_add(self.removed.lines);
        let removed = end.checked_sub(1).zip(self.removed.line(at));
        let last = (end..).zip(self.last.iter().cloned());
        let all = first.chain(removed).chain(last);
        all.filter(|(number, _)| *number >= from).take(limit).collect()
    }
}
