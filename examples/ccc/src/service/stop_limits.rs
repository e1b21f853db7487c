//! The time limits after a shutdown request.

use std::time::Duration;

/// The time limits after a shutdown request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopLimits {
    /// The time for which active runs may continue.
    pub(crate) drain: Duration,
    /// The time for cleanups and for the revocation of access tokens, after `drain`.
    pub(crate) cleanup: Duration,
}

impl Default for StopLimits {
    /// Returns the limits of a service. With the end of the program, they are less than 25 s (spec:
    /// Q6).
    fn default() -> Self {
        Self { drain: Duration::from_secs(19), cleanup: Duration::from_secs(3) }
    }
}
