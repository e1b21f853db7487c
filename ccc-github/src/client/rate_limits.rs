//! Settings of the rate limiter (GitHub docs, "Rate limits for the REST API", "Best practices for
//! using the REST API").

use std::time::Duration;

/// The rate limits for calls of one installation of an App.
///
/// The default stays below github.com's limits. An Enterprise Server has no limits unless its
/// operator sets some. For such a server, and for an emulator, use [`unlimited`](Self::unlimited).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Minimum time from one write to the next. GitHub recommends one second.
    pub write_spacing: Duration,
    /// Maximum number of writes in an hour. GitHub permits 500 that create content.
    pub writes_per_hour: usize,
    /// Maximum number of concurrent reads. GitHub permits 100 concurrent requests of all kinds.
    pub reads_at_once: usize,
    /// Maximum total time that a call waits for rate limits. A call that would have to wait longer
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
    /// Returns limits without a minimum time between writes and without an hourly limit. Writes are
    /// still sent one at a time, and limits that the host reports are still respected.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { write_spacing: Duration::ZERO, writes_per_hour: usize::MAX, ..Self::default() }
    }

    /// Sets the minimum time from one write to the next.
    #[must_use]
    pub fn with_write_spacing(mut self, spacing: Duration) -> Self {
        self.write_spacing = spacing;
        self
    }

    /// Sets the maximum number of writes in an hour.
    #[must_use]
    pub fn with_writes_per_hour(mut self, writes: usize) -> Self {
        self.writes_per_hour = writes;
        self
    }

    /// Sets the maximum number of concurrent reads, at least 1.
    #[must_use]
    pub fn with_reads_at_once(mut self, reads: usize) -> Self {
        self.reads_at_once = reads.max(1);
        self
    }

    /// Sets the maximum total wait of a call.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }
}
