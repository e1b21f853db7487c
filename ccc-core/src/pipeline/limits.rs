//! The time and resource limits of a run.

use std::time::Duration;

use crate::agent::AgentLimits;
use crate::container::Resources;
use crate::setters::setters;
use crate::stage::Stage;

/// The time and resource limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum duration of all stages of a run together, except Report and Cleanup.
    pub run: Duration,
    /// Maximum duration of each stage, except Work, Report and Cleanup. Other fields limit these
    /// three stages.
    pub stage: Duration,
    /// Maximum duration of all setup commands of a repository together.
    pub setup: Duration,
    /// The limits of the agent in the stage Work.
    pub agent: AgentLimits,
    /// Maximum time that the agent's programs may take to end after a request to terminate. After
    /// this time, they are killed.
    pub stop_grace: Duration,
    /// Maximum duration of the stage Report.
    pub report: Duration,
    /// Maximum duration of each part of Cleanup: destroying the container, revoking the tokens,
    /// removing the files.
    pub cleanup: Duration,
    /// Maximum number of claims of a run without a further completed stage
    /// ([`RunRecord::attempts`](crate::run::RunRecord::attempts)). The next claim ends the run.
    pub attempts: u32,
    /// Resource limits of a container.
    pub resources: Resources,
}

setters!(Limits {
    /// Sets the maximum duration of all stages of a run together, except Report and Cleanup.
    with_run: run: Duration,
    /// Sets the maximum duration of each stage except Work, Report and Cleanup.
    with_stage: stage: Duration,
    /// Sets the maximum duration of all setup commands of a repository together.
    with_setup: setup: Duration,
    /// Sets the limits of the agent in the stage Work.
    with_agent: agent: AgentLimits,
    /// Sets the maximum time that the agent's programs may take to end after a request to
    /// terminate. After this time, they are killed.
    with_stop_grace: stop_grace: Duration,
    /// Sets the maximum duration of the stage Report.
    with_report: report: Duration,
    /// Sets the maximum duration of each part of Cleanup: destroying the container, revoking the
    /// tokens, removing the files.
    with_cleanup: cleanup: Duration,
    /// Sets the maximum number of claims of a run without a further completed stage.
    with_attempts: attempts: u32,
    /// Sets the resource limits of a container.
    with_resources: resources: Resources,
});

impl Limits {
    /// Returns the time limit of `stage`, which must be Publish or an earlier stage.
    pub(super) fn stage_limit(&self, stage: Stage) -> Duration {
        if stage == Stage::Work { self.run } else { self.stage }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run: Duration::from_secs(90 * 60),
            stage: Duration::from_secs(15 * 60),
            setup: Duration::from_secs(10 * 60),
            agent: AgentLimits::default(),
            stop_grace: Duration::from_secs(10),
            // Longer than an adapter waits for the host's rate limits, so that the final comment is
            // still written.
            report: Duration::from_secs(15 * 60),
            cleanup: Duration::from_secs(60),
            attempts: 5,
            resources: Resources::default(),
        }
    }
}
