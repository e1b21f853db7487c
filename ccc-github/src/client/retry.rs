//! Retries of calls: the conditions, the number of attempts, and the waits between them.
//!
//! A call with any method except POST is repeated after a temporary failure, because executing the
//! call twice has the same effect as executing it once (RFC 9110, section 9.2.2). This is also true
//! of PATCH, because this crate uses PATCH only to set a value. A call with the method POST is
//! repeated only if its [`Call`](crate::client::Call) is marked as idempotent.

use std::time::Duration;

use http::Method;
use jiff::SignedDuration;

use crate::client::api_error::ApiError;

/// The age below which a token might still be unknown to some of GitHub's servers.
pub(crate) const NEW_TOKEN_AGE: SignedDuration = SignedDuration::from_secs(10);
/// The maximum number of times that a call is repeated with a token that is younger than
/// [`NEW_TOKEN_AGE`] (spec: G2b).
pub(crate) const NEW_TOKEN_RETRIES: u32 = 3;

/// The limits of retries. A call is retried if it fails temporarily, for example because there is
/// no connection or the status is 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// Maximum number of attempts of a call, including the first one.
    pub tries: u32,
    /// Maximum number of attempts of a call that times out. The default is lower than the default
    /// of `tries`, because each attempt that times out takes the whole
    /// [`TIMEOUT`](crate::http::TIMEOUT).
    pub timeout_tries: u32,
    /// Maximum wait between two attempts. If GitHub requires a longer wait, the longer wait
    /// applies.
    pub max_backoff: Duration,
}

impl Default for Retry {
    /// Returns the default: five attempts, or two if the call times out, and waits of at most one
    /// minute.
    fn default() -> Self {
        Self { tries: 5, timeout_tries: 2, max_backoff: Duration::from_secs(60) }
    }
}

impl Retry {
    /// Sets the maximum number of attempts of a call, including the first one. 0 counts as 1.
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Sets the maximum number of attempts of a call that times out. 0 counts as 1.
    #[must_use]
    pub fn with_timeout_tries(mut self, tries: u32) -> Self {
        self.timeout_tries = tries.max(1);
        self
    }

    /// Sets the maximum wait between two attempts.
    #[must_use]
    pub fn with_max_backoff(mut self, wait: Duration) -> Self {
        self.max_backoff = wait;
        self
    }

    /// Returns the maximum number of attempts of a call that failed with `error` (spec: G6b).
    pub(super) fn tries_after(&self, error: &ApiError) -> u32 {
        if error.is_timeout() { self.tries.min(self.timeout_tries) } else { self.tries }
    }

    /// Returns the wait after attempt number `attempt`, which failed with `error`. The wait is
    /// random, from zero to a bound that doubles with each attempt. If GitHub requires a longer
    /// wait, the longer wait is returned.
    pub(super) fn backoff(&self, error: &ApiError, attempt: u32) -> Duration {
        let bound = Duration::from_secs(1 << attempt.min(6)).min(self.max_backoff);
        error.required_wait().unwrap_or_default().max(bound.mul_f64(random_part()))
    }
}

/// Returns whether a call with the method `method` can safely be repeated.
pub(super) fn is_repeatable(method: &Method) -> bool {
    method != Method::POST
}

/// Returns a random number from 0 to 1. Because the waits are random, calls that failed at the same
/// time are not all repeated at the same time.
fn random_part() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
