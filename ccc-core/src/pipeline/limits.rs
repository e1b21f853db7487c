//! The time and resource limits of a run.

use std::time::Duration;

use crate::agent::AgentLimits;
use crate::container::Resources;
use crate::setters::setters;
use crate::stage::Stage;

/// How long things may take, and how much they may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A whole run, without Report and Cleanup.
    pub run: Duration,
    /// Any one stage but Work.
    pub stage: Duration,
    /// A repository's setup, before the agent.
    pub setup: Duration,
    /// What the agent may use in Work.
    pub agent: AgentLimits,
    /// How long the agent's programs get to end by themselves before they are killed.
    pub stop_grace: Duration,
    /// Report.
    pub report: Duration,
    /// Each of Cleanup's parts: container, tokens, files.
    pub cleanup: Duration,
    /// What a container may use.
    pub resources: Resources,
}

setters!(Limits {
    /// Sets the time for a whole run, without Report and Cleanup.
    with_run: run: Duration,
    /// Sets the time for any one stage but Work.
    with_stage: stage: Duration,
    /// Sets the time for a repository's setup.
    with_setup: setup: Duration,
    /// Sets the agent's limits in Work.
    with_agent: agent: AgentLimits,
    /// Sets the time that the agent's programs get to end by themselves before they are killed.
    with_stop_grace: stop_grace: Duration,
    /// Sets the time for Report.
    with_report: report: Duration,
    /// Sets the time for each part of Cleanup: container, tokens, files.
    with_cleanup: cleanup: Duration,
    /// Sets the ceilings of the container.
    with_resources: resources: Resources,
});

impl Limits {
    /// Returns the time for `stage`, one of those up to Publish.
    pub(super) fn of(&self, stage: Stage) -> Duration {
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
            // Longer than a host may have us wait for its limits: what is said last counts.
            report: Duration::from_secs(15 * 60),
            cleanup: Duration::from_secs(60),
            resources: Resources::default(),
        }
    }
}
