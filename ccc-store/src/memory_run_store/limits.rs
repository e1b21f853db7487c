//! The limits of a `MemoryRunStore`.

/// The limits of a [`MemoryRunStore`](crate::MemoryRunStore), which keep the store's use of memory
/// small.
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
    /// Maximum number of stored delivery ids, by which repeated deliveries are recognized. If there
    /// are more, the oldest are removed.
    pub deliveries: usize,
    /// Maximum number of lines in the log of one run. If there are more, the oldest are removed.
    pub log_lines: usize,
}

impl Bounds {
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
}

impl Default for Bounds {
    fn default() -> Self {
        Self { unfinished: 1_000, finished: 1_000, deliveries: 10_000, log_lines: 2_000 }
    }
}
