//! The result of a run.

use std::time::Duration;

use crate::{Outcome, Result, RunId};

/// The result of a run. Outcome, reporting and cleanup succeed or fail independently.
#[derive(Debug)]
#[must_use]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The outcome; for a run that was postponed, the one that it would have ended with.
    pub outcome: Outcome,
    /// The time to wait before a worker goes on with the run, when the host asks to wait. Such a
    /// run has no report yet.
    pub postponed: Option<Duration>,
    /// Whether the outcome was reported on the issue.
    pub report: Result<()>,
    /// Whether everything of the run was cleaned up.
    pub cleanup: Result<()>,
}
