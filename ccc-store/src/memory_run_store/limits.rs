//! Limits of the run store in memory.

/// The limits of a [`MemoryRunStore`](crate::MemoryRunStore).
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
    /// Maximum number of unfinished runs. Further deliveries are refused.
    pub unfinished: usize,
    /// Maximum number of finished runs. The oldest are removed first.
    pub finished: usize,
    /// Maximum number of delivery ids. The oldest are removed first.
    pub deliveries: usize,
    /// Maximum number of lines in the log of one run. The oldest are removed first.
    pub log_lines: usize,
}

impl Bounds {
    /// Sets the maximum number of unfinished runs.
    #[must_use]
    pub fn with_unfinished(mut self, runs: usize) -> Self {
        self.unfinished = runs;
        self
    }

    /// Sets the maximum number of finished runs.
    #[must_use]
    pub fn with_finished(mut self, runs: usize) -> Self {
        self.finished = runs;
        self
    }

    /// Sets the maximum number of delivery ids.
    #[must_use]
    pub fn with_deliveries(mut self, ids: usize) -> Self {
        self.deliveries = ids;
        self
    }

    /// Sets the maximum number of lines in the log of one run.
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
