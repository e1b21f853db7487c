//! The pipeline: the stages of one run, from a verified event to an outcome.
//!
//! ```text
//! Accept → Authorize → Checkout → Provision → Work → Collect → Commit → Publish → Report → Cleanup
//! ```
//!
//! `flow.rs` defines the order of the stages, and `stage/` has one file for each stage. Each stage
//! receives the output of the previous one:
//!
//! - Authorize returns the repository.
//! - Checkout returns the workspace.
//! - Provision returns the container and the task.
//! - Work returns the agent's report.
//! - Collect, Commit and Publish return the [`Progress`](crate::Progress) from which a resumed run
//!   continues.
//! - Report writes the outcome to the run's only comment.
//! - Cleanup removes everything that the run created.
//!
//! [`Pipeline::run`] can be used without the [`Dispatcher`](crate::dispatcher::Dispatcher). The
//! dispatcher accepts deliveries, stores runs in the [`RunStore`], and manages
//! concurrency and shutdown.
//!
//! Three mechanisms start the cleanup of a run (spec: P3, P4, P8):
//!
//! - *Structural*: the cleanup follows the stages, however they end. A cancellation of the run does
//!   not affect the cleanup, which has its own time limits.
//! - *Drop guard*: if the future of the run is dropped, a separate task performs the same cleanup.
//! - *Sweep*: when the program starts, [`Pipeline::sweep`] removes the containers and files that a
//!   killed process left.

mod actor;
mod bounded;
mod builder;
mod cleanup_guard;
mod comment;
mod ending;
mod event_pump;
mod event_queue;
mod flow;
mod halt;
mod journal;
mod limits;
mod line_buffer;
mod log_queue;
mod log_text;
mod log_writer;
mod logged;
mod parts;
mod postponement;
mod pull_request_text;
mod repository_settings;
mod request;
mod run_context;
mod run_report;
mod run_tokens;
mod salvage;
mod secret_variables;
mod stage;

use std::sync::Arc;

use flow::drive;
use parts::Parts;
use run_context::RunContext;

pub(crate) use bounded::guarded;
pub use builder::PipelineBuilder;
pub use limits::Limits;
pub use repository_settings::RepositorySettings;
pub(crate) use request::reason_to_skip;
pub use run_report::RunReport;

use crate::event::IssueEvent;
use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::run_store::Claim;
use crate::{CancellationToken, Clock, ContainerRunner, Result, RunId, RunStore, VcsHost};

/// A pipeline that executes runs with one set of adapters. A pipeline can execute any number of
/// runs at the same time. It is cheap to clone, because clones share the adapters.
#[derive(Clone, Debug)]
pub struct Pipeline {
    parts: Arc<Parts>,
}

impl PipelineBuilder {
    /// Builds the pipeline, and locks its data directory for this process.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a required part is missing,
    /// or if the caller is outside a tokio runtime. The message names the missing part. This method
    /// also returns the errors of [`HostGit::open`].
    pub fn build(self) -> Result<Pipeline> {
        Ok(Pipeline { parts: Arc::new(self.into_parts()?) })
    }
}

impl Pipeline {
    /// Returns a builder in which no part is set.
    #[must_use]
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::default()
    }

    /// Executes a new run for `event` without a run store. If the run fails, this method returns
    /// `Ok`, and the report contains the failure.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the operating system returns no random
    /// bytes for a [`RunId`]. In this case, the run has not started.
    ///
    /// # Cancellation
    /// Cancelling `cancel` ends the run with [`Cancelled`](crate::Outcome::Cancelled). Dropping the
    /// future also ends the run. A separate task then cleans up, and
    /// [`wait_for_cleanups`](Self::wait_for_cleanups) waits for this task.
    pub async fn run(&self, event: IssueEvent, cancel: &CancellationToken) -> Result<RunReport> {
        let run = RunContext::unstored(Arc::clone(&self.parts), event)?;
        Ok(drive(Arc::new(run), cancel).await)
    }

    /// Continues the run of `claim` from its stored progress. Writes the new progress and the
    /// outcome of the run to `store`, with the fence of `claim`. Cancelling `cancel` ends the run
    /// with [`Cancelled`](crate::Outcome::Cancelled).
    pub async fn resume(
        &self,
        claim: Claim,
        store: Arc<dyn RunStore>,
        cancel: &CancellationToken,
    ) -> RunReport {
        let run = RunContext::claimed(Arc::clone(&self.parts), claim, store);
        drive(Arc::new(run), cancel).await
    }

    /// Removes the containers and directories that a killed process left, except those of the runs
    /// in `keep`. A service must call this method when it starts, before the first run. Returns the
    /// ids of the removed runs.
    ///
    /// # Errors
    /// Returns an error if the search for containers and directories fails. If one removal fails,
    /// the method still tries the removals for all other runs, and then returns the first error.
    pub async fn sweep(&self, keep: &[RunId]) -> Result<Vec<RunId>> {
        let Parts { runner, git, clock, limits, .. } = &*self.parts;
        let (clock, limit) = (&**clock, limits.cleanup);
        let mut left = guarded(clock, limit, runner.orphans()).await?;
        left.extend(git.runs().await?);
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

    /// Waits for the end of all cleanups that have started. The program must call this method
    /// before its process ends, if it dropped the future of a [`run`](Self::run). A `run` that has
    /// returned has also cleaned up.
    pub async fn wait_for_cleanups(&self) {
        self.parts.cleanups.close();
        self.parts.cleanups.wait().await;
        self.parts.cleanups.reopen();
    }

    /// Returns the operator's trust policy for the runs of this pipeline.
    #[must_use]
    pub fn policy(&self) -> &TrustPolicy {
        &self.parts.policy
    }

    /// Returns the VCS host of the issues and repositories.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn VcsHost> {
        &self.parts.host
    }

    /// Returns the runner that creates the containers of runs.
    #[must_use]
    pub fn runner(&self) -> &Arc<dyn ContainerRunner> {
        &self.parts.runner
    }

    /// Returns the clock that measures the time limits.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Returns the [`HostGit`] of this pipeline, which manages the mirrors and workspaces in the
    /// data directory.
    #[must_use]
    pub fn git(&self) -> &HostGit {
        &self.parts.git
    }
}
