//! Settings of the rate limiter (GitHub docs, "Rate limits for the REST API", "Best practices for
//! using the REST API").

use std::time::Duration;

/// The limits that the client applies to its calls, separately for each installation of a GitHub
/// App.
///
/// The default limits are lower than those of github.com. A GitHub Enterprise Server has rate
/// limits only if its administrator enables them. For a server without limits, and for an emulator,
/// use [`unlimited`](Self::unlimited).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ccc_github::RateLimits;
///
/// let limits = RateLimits::default().with_write_spacing(Duration::from_secs(2));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Minimum time from the start of one write to the start of the next. GitHub recommends one
    /// second.
    pub write_spacing: Duration,
    /// Maximum number of writes in an hour. In an hour, GitHub permits 500 writes that create
    /// content.
    pub writes_per_hour: usize,
    /// Maximum number of answers in an hour to accounts that may not start runs. These answers do
    /// not count as writes of [`writes_per_hour`](Self::writes_per_hour).
    pub answers_per_hour: usize,
    /// Maximum number of concurrent reads. GitHub permits 100 concurrent requests of all kinds.
    pub reads_at_once: usize,
    /// Maximum total time for which one call waits for rate limits. A call that would have to wait
    /// longer fails with [`RateLimited`](ccc_core::ErrorKind::RateLimited).
    pub longest_wait: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            write_spacing: Duration::from_secs(1),
            writes_per_hour: 400,
            answers_per_hour: 20,
            reads_at_once: 20,
            longest_wait: Duration::from_secs(10 * 60),
        }
    }
}

impl RateLimits {
    /// Returns limits without a minimum time between writes and without an hourly limit of writes.
    /// Answers to accounts that may not start runs stay limited. Writes are still sent one at a
    /// time. If the host reports a rate limit, the client still waits.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { write_spacing: Duration::ZERO, writes_per_hour: usize::MAX, ..Self::default() }
    }

    /// Sets the minimum time from the start of one write to the start of the next.
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

    /// Sets the maximum number of answers in an hour to accounts that may not start runs.
    #[must_use]
    pub fn with_answers_per_hour(mut self, answers: usize) -> Self {
        self.answers_per_hour = answers;
        self
    }

    /// Sets the maximum number of concurrent reads. 0 counts as 1.
    #[must_use]
    pub fn with_reads_at_once(mut self, reads: usize) -> Self {
        self.reads_at_once = reads.max(1);
        self
    }

    /// Sets the maximum total time for which one call waits for rate limits.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }
}
