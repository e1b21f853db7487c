//! The limits of the run stores, and the size of what they store.

use std::fmt::{self, Write as _};
use std::time::Duration;

use ccc_core::event::{Actor, IssueEvent, Trigger};
use ccc_core::run_log::LogEntry;
use ccc_core::untrusted_text::{MAX_TEXT, truncate};
use ccc_core::{Error, ErrorKind, RunId};
use jiff::Timestamp;

/// Maximum size of the title of a stored issue, in bytes. An agent reads fewer characters of it.
const MAX_TITLE: usize = 4_000;

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The limits of a run store, which keep the store's use of memory or of the disk small.
///
/// ```
/// use ccc_store::Bounds;
///
/// let bounds = Bounds::default().with_unfinished(10).with_log_lines(100);
/// assert_eq!((bounds.unfinished, bounds.finished), (10, 1_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Maximum number of unfinished runs. Once the store has reached this number, it refuses
    /// deliveries. Runs whose actor was not checked can use at most half of this number.
    pub unfinished: usize,
    /// Maximum number of finished runs. If there are more, the oldest are removed.
    pub finished: usize,
    /// The time after which `SqliteRunStore` removes a finished run. `MemoryRunStore` does not use this
    /// limit.
    pub finished_age: Duration,
    /// Maximum number of stored delivery ids, by which repeated deliveries are recognized. If there
    /// are more, the oldest are removed.
    pub deliveries: usize,
    /// The time for which `SqliteRunStore` stores a delivery id, even if its run was removed. If the
    /// store has reached its maximum number of ids, and all are younger, it refuses deliveries.
    /// `MemoryRunStore` does not use this limit.
    pub delivery_age: Duration,
    /// Maximum number of lines in the log of one run. If there are more, lines in the middle are
    /// removed: the first half and the newest lines stay.
    pub log_lines: usize,
    /// Maximum total size of the events, progress and outcomes of unfinished runs, in bytes. Once the
    /// store has reached this size, it refuses deliveries. Runs whose actor was not checked can use at
    /// most half of this size.
    pub event_bytes: usize,
    /// Maximum total size of the events, progress and outcomes of finished runs, in bytes. If they exceed
    /// it, the oldest are removed.
    pub finished_bytes: usize,
    /// Maximum total size of the logs of all runs, in bytes. The log of one run can use a sixteenth
    /// of it. If a log exceeds this part, lines in its middle are removed. If all logs together
    /// exceed the limit, the logs of the oldest finished runs are removed first. A log from which
    /// lines were removed reports their number and size.
    pub log_bytes: usize,
}

impl Bounds {
    /// Returns limits for a store on a disk: 10,000 unfinished and 100,000 finished runs, 1,000,000
    /// delivery ids, and 1 GiB for events and for logs each. Finished runs are removed after 90 days,
    /// and delivery ids not before 30 days.
    #[must_use]
    pub fn on_disk() -> Self {
        Self {
            unfinished: 10_000,
            finished: 100_000,
            finished_age: DAY.saturating_mul(90),
            deliveries: 1_000_000,
            delivery_age: DAY.saturating_mul(30),
            log_lines: 100_000,
            event_bytes: 1 << 30,
            finished_bytes: 1 << 30,
            log_bytes: 1 << 30,
        }
    }

    /// Sets the maximum number of unfinished runs to `runs`.
    #[must_use]
    pub fn with_unfinished(mut self, runs: usize) -> Self {
        self.unfinished = runs;
        self
    }

    /// Sets the maximum number of finished runs to `runs`.
    #[must_use]
    pub fn with_finished(mut self, runs: usize) -> Self {
        self.finished = runs;
        self
    }

    /// Sets the time after which a finished run is removed.
    #[must_use]
    pub fn with_finished_age(mut self, age: Duration) -> Self {
        self.finished_age = age;
        self
    }

    /// Sets the time for which a delivery id is stored.
    #[must_use]
    pub fn with_delivery_age(mut self, age: Duration) -> Self {
        self.delivery_age = age;
        self
    }

    /// Sets the maximum number of stored delivery ids to `ids`.
    #[must_use]
    pub fn with_deliveries(mut self, ids: usize) -> Self {
        self.deliveries = ids;
        self
    }

    /// Sets the maximum number of lines in the log of one run to `lines`.
    #[must_use]
    pub fn with_log_lines(mut self, lines: usize) -> Self {
        self.log_lines = lines;
        self
    }

    /// Sets the maximum total size of the events of unfinished runs to `bytes` bytes, and that of the
    /// events of finished runs too.
    #[must_use]
    pub fn with_event_bytes(mut self, bytes: usize) -> Self {
        (self.event_bytes, self.finished_bytes) = (bytes, bytes);
        self
    }

    /// Sets the maximum total size of the logs of all runs to `bytes` bytes.
    #[must_use]
    pub fn with_log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// Returns the maximum size of the log of one run, in bytes.
    pub(crate) fn log_bytes_of_run(&self) -> usize {
        self.log_bytes / 16
    }
}

/// Maximum size of the text of one line of a log, in bytes.
const MAX_LINE: usize = 16 << 10;

/// Returns the line as the store stores it.
pub(crate) fn stored_line(line: &LogEntry) -> LogEntry {
    let text = match line.text.len() {
        0..=MAX_LINE => line.text.clone(),
        _ => truncate(&line.text, MAX_LINE),
    };
    LogEntry { at: line.at, text }
}

/// Returns the size of a stored line, in bytes.
pub(crate) fn line_size(line: &LogEntry) -> usize {
    size_of::<LogEntry>() + line.text.len()
}

/// Returns the approximate size of `value`, in bytes: the size of its debug output, which contains
/// all texts.
pub(crate) fn debug_size(value: &impl fmt::Debug) -> usize {
    struct Counter(usize);
    impl fmt::Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.saturating_add(text.len());
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the counter nor a derived implementation of `Debug` fails.
    let _ = write!(counter, "{value:?}");
    counter.0
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            unfinished: 1_000,
            finished: 1_000,
            finished_age: Duration::MAX,
            deliveries: 10_000,
            delivery_age: Duration::ZERO,
            log_lines: 2_000,
            event_bytes: 32 << 20,
            finished_bytes: 32 << 20,
            log_bytes: 32 << 20,
        }
    }
}

/// Returns the event as the store stores it: each text has at most the size that an agent reads
/// (spec: X12c, W12e).
pub(crate) fn stored_event(event: &IssueEvent) -> IssueEvent {
    let mut stored = event.clone();
    let cut = |text: &mut String, max: usize| {
        if text.len() > max {
            *text = truncate(text, max);
        }
    };
    cut(&mut stored.issue.title, MAX_TITLE);
    cut(&mut stored.issue.body, MAX_TEXT);
    if let Trigger::Commented { body, .. } = &mut stored.trigger {
        cut(body, MAX_TEXT);
    }
    stored
}

/// Returns the size of a stored event, in bytes.
pub(crate) fn size(event: &IssueEvent) -> usize {
    let actor = |actor: &Actor| actor.login.len();
    let trigger = match &event.trigger {
        Trigger::Labeled { label } => label.len(),
        Trigger::Assigned { assignee } => actor(assignee),
        Trigger::Commented { body, .. } => body.len(),
        _ => 0,
    };
    let (repo, issue) = (&event.repo, &event.issue);
    let names = repo.host.len() + repo.owner.len() + repo.name.len();
    let texts = issue.title.len() + issue.body.len() + actor(&issue.author) + actor(&event.actor);
    size_of::<IssueEvent>() + names + texts + trigger
}

/// Returns the error for a store that has reached one of its limits. `why` names the limit.
pub(crate) fn full(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{why}: send the delivery again later"))
        .with_retry_after(Duration::from_secs(60))
}

/// Returns the error for the repetition of a run that has not ended.
pub(crate) fn not_ended(run: RunId) -> Error {
    let line =
        format!("run {run} has not ended: wait for its end, or cancel it, before you repeat it");
    Error::new(ErrorKind::Conflict, line)
}

/// The lines that were removed from a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The number of lines.
    pub(crate) lines: u64,
    /// The size of their texts, in bytes.
    pub(crate) bytes: u64,
}

impl LeftOut {
    /// Counts `line`.
    pub(crate) fn add(&mut self, line: &LogEntry) {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.text.len() as u64);
    }

    /// Returns the line that stands for the removed lines, or `None` if no line was removed. `at` is
    /// the time of the line.
    pub(crate) fn line(&self, at: Timestamp) -> Option<LogEntry> {
        let Self { lines, bytes } = self;
        let text = format!(
            "{lines} lines with {bytes} bytes were removed here, because the run store has a limit for logs"
        );
        (*lines > 0).then_some(LogEntry { at, text })
    }
}
