//! The result of a run.

use std::time::Duration;

use crate::{Outcome, Result, RunId};

/// The result of a run. Outcome, reporting and cleanup succeed or fail independently.
#[derive(Debug)]
#[must_use]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The outcome. For a postponed run, it is the outcome that the run would have without the
    /// postponement.
    pub outcome: Outcome,
    /// The time to wait before a worker continues the run, if the VCS host asked to wait. The
    /// outcome of such a run is not reported yet.
    pub postponed: Option<Duration>,
    /// The result of reporting the outcome on the issue.
    pub report: Result<()>,
    /// The result of the cleanup.
    pub cleanup: Result<()>,
}
