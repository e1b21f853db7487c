//! One run, from a verified event to an outcome.
//!
//! ```text
//! Accept → Authorize → Checkout → Provision → Work → Collect → Commit → Publish → Report → Cleanup
//! ```
//!
//! `flow.rs` has the stages in their order, and `stage/` has a file for each of them. Each stage takes the
//! output of the one before: Authorize returns the repository, Checkout the workspace, Provision the
//! container and the task, Work the agent's report, and from Collect on each returns the
//! [`Progress`](crate::Progress) that a resumed run goes on from. Report writes the outcome into the run's
//! one comment, and Cleanup leaves nothing of the run.
//!
//! [`Pipeline::run`] is usable alone. The [`Dispatcher`](crate::dispatcher::Dispatcher) adds
//! acceptance, the [`RunStore`](crate::RunStore), concurrency and shutdown.
//!
//! Three mechanisms start the cleanup of a run (spec: P3, P4, P8). *Structural*: it follows the stages
//! whatever ended them, outside the cancelled scope, with its own time limit. *Drop guard*: when the
//! future itself is dropped, the same cleanup runs as a task of its own. *Sweep*: at start,
//! [`Pipeline::sweep`] destroys what a killed process left.

mod bounded;
mod builder;
mod cleanup_guard;
mod comment;
mod ending;
mod flow;
mod halt;
mod journal;
mod leases;
mod limits;
mod line_buffer;
mod parts;
mod postponement;
mod pull_request_text;
mod repository_settings;
mod run_context;
mod run_report;
mod salvage;
mod stage;

use std::sync::Arc;

use parts::Parts;

pub(crate) use bounded::guarded;
pub use builder::PipelineBuilder;
pub use limits::Limits;
pub use repository_settings::RepositorySettings;
pub use run_report::RunReport;

use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::{Clock, ContainerRunner, Result, RunId, VcsHost};

/// The pipeline over one set of adapters. Cheap to clone; runs any number of runs at once.
#[derive(Clone, Debug)]
pub struct Pipeline {
    parts: Arc<Parts>,
}

impl PipelineBuilder {
    /// Returns the pipeline, and locks its data directory for this process.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) names a part that is missing; the
    /// errors of [`HostGit::open`].
    pub fn build(self) -> Result<Pipeline> {
        Ok(Pipeline { parts: Arc::new(self.into_parts()?) })
    }
}

impl Pipeline {
    /// Returns an empty builder.
    #[must_use]
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::default()
    }

    /// Destroys what a killed process left: the containers and directories of every run that is not in
    /// `keep`. Call it at start, before the first run. Returns the runs that it destroyed.
    ///
    /// # Errors
    /// The first error, after everything was tried.
    pub async fn sweep(&self, keep: &[RunId]) -> Result<Vec<RunId>> {
        let Parts { runner, git, clock, limits, .. } = &*self.parts;
        let (clock, limit) = (&**clock, limits.cleanup);
        let mut left = guarded(clock, limit, runner.orphans()).await?;
        left.extend(git.runs()?);
        left.sort_unstable();
        left.dedup();
        left.retain(|run| !keep.contains(run));
        let mut result = Ok(());
        for run in &left {
            let destroyed = guarded(clock, limit, runner.destroy(*run)).await;
            let removed = guarded(clock, limit, git.remove(*run)).await;
            result = result.and(destroyed).and(removed);
        }
        result.map(|()| left)
    }

    /// Waits until every cleanup that was begun has ended. Call it before the program ends.
    pub async fn settled(&self) {
        self.parts.cleanups.close();
        self.parts.cleanups.wait().await;
        self.parts.cleanups.reopen();
    }

    /// Returns the operator's rules.
    #[must_use]
    pub fn policy(&self) -> &TrustPolicy {
        &self.parts.policy
    }

    /// Returns the VCS host.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn VcsHost> {
        &self.parts.host
    }

    /// Returns the container runner.
    #[must_use]
    pub fn runner(&self) -> &Arc<dyn ContainerRunner> {
        &self.parts.runner
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Returns the host-side git.
    #[must_use]
    pub fn git(&self) -> &HostGit {
        &self.parts.git
    }
}
