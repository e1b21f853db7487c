//! The result of a run.

use std::time::Duration;

use crate::{Outcome, Result, RunId};

/// The result of a run. The run, its report and its cleanup succeed or fail independently.
#[derive(Debug)]
#[must_use]
pub struct RunReport {
    /// The id of the run.
    pub run: RunId,
    /// The outcome of the run. For a postponed run, this is the outcome that the run would have
    /// without the postponement.
    pub outcome: Outcome,
    /// The time to wait before a worker continues the run, if the VCS host asked to wait. The
    /// outcome of such a run is not reported yet.
    pub postponed: Option<Duration>,
    /// An error if the outcome could not be written to the run's comment on the issue.
    pub report: Result<()>,
    /// An error if the cleanup could not remove everything that the run created.
    pub cleanup: Result<()>,
}
