//! Retries: which calls are repeated after a failure, how often, and after which wait.
//!
//! GET and all other methods but POST are repeated, because a second execution has the same effect
//! (RFC 9110, section 9.2.2). PATCH as it is used here sets a value. A POST is repeated only where
//! its [`Call`](crate::client::Call) is marked as idempotent.

use std::time::Duration;

use http::Method;
use jiff::SignedDuration;

use crate::client::api_error::ApiError;

/// The age up to which a token may not be known to all of GitHub's servers yet.
pub(crate) const YOUNG_TOKEN: SignedDuration = SignedDuration::from_secs(10);
/// The most repetitions of a call with a young token (spec: G2b).
pub(crate) const YOUNG_TOKEN_TRIES: u32 = 3;

/// The retries of calls that fail temporarily, such as without a connection or with a status of
/// 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The most attempts of a call, the first one included.
    pub tries: u32,
    /// The most attempts of a call that got no answer in time. Each of them takes
    /// [`TIMEOUT`](crate::http::TIMEOUT).
    pub late_tries: u32,
    /// The longest wait between two attempts, unless GitHub asks for a longer one.
    pub max_backoff: Duration,
}

impl Default for Retry {
    /// Five attempts, two of them without an answer, with waits of at most a minute.
    fn default() -> Self {
        Self { tries: 5, late_tries: 2, max_backoff: Duration::from_secs(60) }
    }
}

impl Retry {
    /// Sets the most attempts of a call, at least 1.
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Sets the most attempts of a call that got no answer in time, at least 1.
    #[must_use]
    pub fn with_late_tries(mut self, tries: u32) -> Self {
        self.late_tries = tries.max(1);
        self
    }

    /// Sets the longest wait between two attempts.
    #[must_use]
    pub fn with_max_backoff(mut self, wait: Duration) -> Self {
        self.max_backoff = wait;
        self
    }

    /// Returns the most attempts of a call that failed with this error (spec: G6b).
    pub(super) fn tries_after(&self, error: &ApiError) -> u32 {
        if error.is_timeout() { self.tries.min(self.late_tries) } else { self.tries }
    }

    /// Returns the wait before the next attempt: a random part of a bound that doubles, and no less
    /// than GitHub asks for.
    pub(super) fn backoff(&self, error: &ApiError, attempt: u32) -> Duration {
        let bound = Duration::from_secs(1 << attempt.min(6)).min(self.max_backoff);
        error.asked_wait().unwrap_or_default().max(bound.mul_f64(random_part()))
    }
}

/// Returns whether a call with this method may be repeated.
pub(super) fn is_repeatable(method: &Method) -> bool {
    method != Method::POST
}

/// Returns a random number from 0 to 1, so that callers that failed together do not retry together.
fn random_part() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
