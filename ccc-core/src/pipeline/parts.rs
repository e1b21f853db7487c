//! The adapters and rules that all runs of a pipeline share.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::limits::Limits;
use super::repository_settings::SettingsFile;
use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::{Agent, Clock, ContainerRunner, CredentialStore, Observer, RunLog, VcsHost};

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) host: Arc<dyn VcsHost>,
    pub(super) runner: Arc<dyn ContainerRunner>,
    pub(super) agent: Arc<dyn Agent>,
    pub(super) credentials: Arc<dyn CredentialStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    /// The log of the runs that a worker has claimed.
    pub(super) run_log: Option<Arc<dyn RunLog>>,
    pub(super) git: HostGit,
    pub(super) policy: TrustPolicy,
    pub(super) limits: Limits,
    pub(super) settings: Option<SettingsFile>,
    /// The cleanups that are in progress. The program waits for them before it ends.
    pub(super) cleanups: TaskTracker,
    pub(super) runtime: tokio::runtime::Handle,
}
