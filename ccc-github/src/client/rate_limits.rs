//! The settings of the rate limits (GitHub docs, "Rate limits for the REST API", "Best practices
//! for using the REST API").

use std::time::Duration;

/// The limits within which one installation of an App calls GitHub.
///
/// The default stays below github.com's limits. Enterprise Server has none unless its operator set
/// some; there, and for an emulator, use [`unlimited`](Self::unlimited).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// The least time from one write to the next. GitHub asks for one second.
    pub write_spacing: Duration,
    /// The most writes in an hour. GitHub permits 500 that create content.
    pub writes_per_hour: usize,
    /// The most concurrent reads. GitHub permits 100 concurrent requests of all kinds.
    pub reads_at_once: usize,
    /// The longest total wait of a call when GitHub asks to wait. A call that would wait for longer
    /// fails.
    pub longest_wait: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            write_spacing: Duration::from_secs(1),
            writes_per_hour: 400,
            reads_at_once: 20,
            longest_wait: Duration::from_secs(10 * 60),
        }
    }
}

impl RateLimits {
    /// Returns limits without spacing and without an hourly limit. Writes still go one at a time,
    /// and limits that the host sets are still respected.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { write_spacing: Duration::ZERO, writes_per_hour: usize::MAX, ..Self::default() }
    }

    /// Sets the least time from one write to the next.
    #[must_use]
    pub fn with_write_spacing(mut self, spacing: Duration) -> Self {
        self.write_spacing = spacing;
        self
    }

    /// Sets the most writes in an hour.
    #[must_use]
    pub fn with_writes_per_hour(mut self, writes: usize) -> Self {
        self.writes_per_hour = writes;
        self
    }

    /// Sets the most concurrent reads, at least 1.
    #[must_use]
    pub fn with_reads_at_once(mut self, reads: usize) -> Self {
        self.reads_at_once = reads.max(1);
        self
    }

    /// Sets the longest total wait of a call.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }
}
