//! The builder of a pipeline.

use std::path::PathBuf;
use std::sync::Arc;

use super::limits::Limits;
use super::parts::Parts;
use super::repository_settings::{RepositorySettings, SettingsFile};
use crate::git::{HostGit, Transport};
use crate::observe::NoObserver;
use crate::policy::TrustPolicy;
use crate::{
    Agent, Clock, ContainerRunner, CredentialStore, Error, ErrorKind, Observer, Result,
    SystemClock, VcsHost,
};

/// A builder of a [`Pipeline`](super::Pipeline). Four ports have no default; the error of
/// [`build`](Self::build) names the one that is missing.
#[derive(Debug, Default)]
pub struct PipelineBuilder {
    host: Option<Arc<dyn VcsHost>>,
    runner: Option<Arc<dyn ContainerRunner>>,
    agent: Option<Arc<dyn Agent>>,
    credentials: Option<Arc<dyn CredentialStore>>,
    clock: Option<Arc<dyn Clock>>,
    observer: Option<Arc<dyn Observer>>,
    data_dir: Option<PathBuf>,
    transport: Transport,
    policy: TrustPolicy,
    limits: Limits,
    settings: Option<SettingsFile>,
}

impl PipelineBuilder {
    /// Where repositories, issues and pull requests live.
    #[must_use]
    pub fn host(mut self, host: Arc<dyn VcsHost>) -> Self {
        self.host = Some(host);
        self
    }

    /// What runs the agent's programs.
    #[must_use]
    pub fn runner(mut self, runner: Arc<dyn ContainerRunner>) -> Self {
        self.runner = Some(runner);
        self
    }

    /// Who edits.
    #[must_use]
    pub fn agent(mut self, agent: Arc<dyn Agent>) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Where the agent's credentials rest.
    #[must_use]
    pub fn credentials(mut self, credentials: Arc<dyn CredentialStore>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who watches; nobody by default.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The directory for mirrors and workspaces; held by this process alone.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// How git reaches its remotes; as the environment says by default.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The operator's rules; the strict ones by default.
    #[must_use]
    pub fn policy(mut self, policy: TrustPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The ceilings.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Heeds what repositories say in the file at `path` of their default branch. Without it, no repository is
    /// asked.
    #[must_use]
    pub fn repository_settings(
        mut self,
        path: &'static str,
        read: fn(&str) -> Result<RepositorySettings>,
    ) -> Self {
        self.settings = Some(SettingsFile { path, read });
        self
    }

    /// Checks that every required part is set, and locks the data directory.
    pub(super) fn into_parts(self) -> Result<Parts> {
        fn required<T>(part: Option<T>, name: &str) -> Result<T> {
            part.ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("a pipeline needs {name}: set it before build"),
                )
            })
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|e| {
            Error::new(ErrorKind::InvalidInput, "build a pipeline inside a tokio runtime")
                .with_source(e)
        })?;
        Ok(Parts {
            host: required(self.host, "a host")?,
            runner: required(self.runner, "a runner")?,
            agent: required(self.agent, "an agent")?,
            credentials: required(self.credentials, "credentials")?,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            observer: self.observer.unwrap_or_else(|| Arc::new(NoObserver)),
            git: HostGit::open(required(self.data_dir, "a data_dir")?)?
                .with_transport(self.transport),
            policy: self.policy,
            limits: self.limits,
            settings: self.settings,
            cleanups: tokio_util::task::TaskTracker::new(),
            runtime,
        })
    }
}
