//! The lines of a run's log that wait until they are written.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::run_log::LogEntry;

/// Maximum size of the waiting lines, in bytes. If there are more, lines in the middle are left out.
/// All events that wait for the removal of secrets fit into the queue.
const MAX_BYTES: usize = 2 << 20;

/// Number of bytes that a line counts in addition to its text.
const LINE: usize = 64;

/// Lines that are missing in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) lines: u64,
    /// The size of the texts, in bytes.
    pub(super) bytes: u64,
}

impl Missing {
    pub(super) fn add(&mut self, line: &LogEntry) {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.text.len() as u64);
    }

    /// Returns a line that reports the missing lines, or `None` if no line is missing. `why` is the
    /// reason.
    pub(super) fn report(&self, why: &str, at: Timestamp) -> Option<LogEntry> {
        let Self { lines, bytes } = self;
        let text = format!("{lines} lines with {bytes} bytes are missing here: {why}");
        (*lines > 0).then_some(LogEntry { at, text })
    }
}

/// A bounded queue of lines. The oldest and the newest lines stay if there are too many.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    first: VecDeque<LogEntry>,
    missing: Missing,
    last: VecDeque<LogEntry>,
    first_bytes: usize,
    last_bytes: usize,
}

impl LogQueue {
    /// Adds `line`.
    pub(super) fn push(&mut self, line: LogEntry) {
        let size = size(&line);
        let is_first = self.last.is_empty() && self.missing.lines == 0;
        if is_first && self.first_bytes + size <= MAX_BYTES / 2 {
            self.first_bytes += size;
            self.first.push_back(line);
            return;
        }
        self.last_bytes += size;
        self.last.push_back(line);
        while self.last_bytes > MAX_BYTES / 2 {
            let Some(line) = self.last.pop_front() else { return };
            self.last_bytes -= self::size(&line);
            self.missing.add(&line);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty()
    }

    /// Removes and returns the oldest lines, until they have at least `most` bytes. In the place of the
    /// lines that were left out, a line reports their number.
    pub(super) fn take(&mut self, most: usize) -> Vec<LogEntry> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while bytes < most {
            if let Some(line) = self.first.pop_front() {
                self.first_bytes -= size(&line);
                bytes += size(&line);
                lines.push(line);
                continue;
            }
            let Some(next) = self.last.front() else { break };
            let missing = std::mem::take(&mut self.missing);
            lines.extend(missing.report("they arrived faster than the log is written", next.at));
            self.first = std::mem::take(&mut self.last);
            self.first_bytes = std::mem::take(&mut self.last_bytes);
        }
        lines
    }
}

fn size(line: &LogEntry) -> usize {
    LINE + line.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_and_the_newest_waiting_lines_stay() {
        // spec: Q13b
        let line = |n: usize| LogEntry { at: Timestamp::UNIX_EPOCH, text: format!("{n:0960}") };
        let most = MAX_BYTES / (LINE + 960);
        let number = |line: &LogEntry| line.text.parse::<usize>().ok();
        for count in [0, 1, most / 2, most, most + 1, 10 * most] {
            let mut queue = LogQueue::default();
            (0..count).for_each(|n| queue.push(line(n)));
            let mut lines = Vec::new();
            while !queue.is_empty() {
                lines.extend(queue.take(10_000));
            }
            assert_eq!(queue.take(1), []);
            let missing = count.saturating_sub(most);
            let kept = (0..count.min(most / 2)).chain(count.min(most / 2) + missing..count);
            let numbers: Vec<usize> = lines.iter().filter_map(number).collect();
            assert_eq!(numbers, kept.collect::<Vec<_>>(), "{count}");
            let reports = lines.iter().enumerate().filter(|(_, line)| number(line).is_none());
            let reports: Vec<_> = reports.map(|(at, line)| (at, line.text.clone())).collect();
            let text = format!("{missing} lines with {} bytes are missing here: ", missing * 960);
            match &*reports {
                [] => assert_eq!(missing, 0),
                [(at, report)] => assert!(*at == most / 2 && report.starts_with(&text), "{report}"),
                _ => panic!("{reports:?}"),
            }
        }
    }
}
