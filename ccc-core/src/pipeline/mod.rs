//! One run, from a verified event to an outcome.
//!
//! ```text
//! Accept → Authorize → Checkout → Provision → Work → Collect → Commit → Publish → Report → Cleanup
//! ```
//!
//! [`Pipeline::run`] is usable alone; the [`Dispatcher`](crate::dispatcher::Dispatcher) adds
//! acceptance, the [`RunStore`](crate::RunStore), concurrency and shutdown.
//!
//! Cleanup has three rings (spec: P3, P4, P8). *Structural*: it follows the stages whatever ended
//! them, outside the cancelled scope, with its own time. *Drop guard*: when the future itself is
//! dropped, the same cleanup runs as a task of its own. *Sweep*: [`Pipeline::sweep`] destroys at
//! start what a killed process left.

mod builder;
mod cleanup;
mod context;
mod drive;
mod limits;
mod lines;
mod publish;
mod render;
mod setup;
mod stages;
mod work;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

pub use builder::PipelineBuilder;
pub(crate) use context::guarded;
pub use drive::RunReport;
pub use limits::Limits;
pub use setup::RepositorySettings;

use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::{Agent, Clock, ContainerRunner, CredentialStore, Observer, VcsHost};

/// The pipeline over one set of adapters. Cheap to clone; runs any number of runs at once.
#[derive(Clone, Debug)]
pub struct Pipeline {
    parts: Arc<Parts>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) host: Arc<dyn VcsHost>,
    pub(crate) runner: Arc<dyn ContainerRunner>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) git: HostGit,
    pub(crate) policy: TrustPolicy,
    pub(crate) limits: Limits,
    settings: Option<setup::SettingsFile>,
    /// Cleanups that run, so that a program can wait for them before it ends.
    pub(crate) cleanups: TaskTracker,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Pipeline {
    /// The rules that it runs by.
    #[must_use]
    pub fn policy(&self) -> &TrustPolicy {
        &self.parts.policy
    }

    /// The host that it works for.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn VcsHost> {
        &self.parts.host
    }

    /// The runner that it works with.
    #[must_use]
    pub fn runner(&self) -> &Arc<dyn ContainerRunner> {
        &self.parts.runner
    }

    /// The time that it goes by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The host-side git.
    #[must_use]
    pub fn git(&self) -> &HostGit {
        &self.parts.git
    }

    /// Waits until every cleanup that was begun has ended: call it before the program ends.
    pub async fn settled(&self) {
        self.parts.cleanups.close();
        self.parts.cleanups.wait().await;
        self.parts.cleanups.reopen();
    }
}
