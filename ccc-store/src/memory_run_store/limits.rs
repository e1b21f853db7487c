//! The bounds of the runs in memory.

/// The bounds of a [`MemoryRunStore`](crate::MemoryRunStore).
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
    /// The most unfinished runs. Further deliveries are refused.
    pub unfinished: usize,
    /// The most finished runs. The oldest are dropped first.
    pub finished: usize,
    /// The most delivery ids. The oldest are dropped first.
    pub deliveries: usize,
    /// The most lines of one run's log. The oldest are dropped first.
    pub log_lines: usize,
}

impl Bounds {
    /// Sets the most unfinished runs.
    #[must_use]
    pub fn with_unfinished(mut self, runs: usize) -> Self {
        self.unfinished = runs;
        self
    }

    /// Sets the most finished runs.
    #[must_use]
    pub fn with_finished(mut self, runs: usize) -> Self {
        self.finished = runs;
        self
    }

    /// Sets the most delivery ids.
    #[must_use]
    pub fn with_deliveries(mut self, ids: usize) -> Self {
        self.deliveries = ids;
        self
    }

    /// Sets the most lines of one run's log.
    #[must_use]
    pub fn with_log_lines(mut self, lines: usize) -> Self {
        self.log_lines = lines;
        self
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { unfinished: 1_000, finished: 1_000, deliveries: 10_000, log_lines: 2_000 }
    }
}
