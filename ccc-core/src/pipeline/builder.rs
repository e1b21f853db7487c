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

/// A builder of a [`Pipeline`](super::Pipeline).
///
/// The host, the runner, the agent, the credentials and the data directory have no default. If one
/// of them is missing, the error of [`build`](Self::build) names it.
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
    /// Sets the VCS host.
    #[must_use]
    pub fn host(mut self, host: impl VcsHost) -> Self {
        self.host = Some(Arc::new(host));
        self
    }

    /// Sets the container runner.
    #[must_use]
    pub fn runner(mut self, runner: impl ContainerRunner) -> Self {
        self.runner = Some(Arc::new(runner));
        self
    }

    /// Sets the agent.
    #[must_use]
    pub fn agent(mut self, agent: impl Agent) -> Self {
        self.agent = Some(Arc::new(agent));
        self
    }

    /// Sets the store of the agent's credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: impl CredentialStore) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Sets the clock. The default is the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets the observer. The default ignores every event.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Sets the directory for mirrors and workspaces. [`build`](Self::build) locks it for this
    /// process.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Sets the proxy and the certificate authorities of git's connections. By default, git uses
    /// those of the environment and the system.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the operator's trust policy. The default is strict.
    #[must_use]
    pub fn policy(mut self, policy: TrustPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the time and resource limits of runs.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Applies each repository's own settings, from the file at `path` of its default branch.
    /// `read` parses the file. Without this call, the settings of repositories are ignored.
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
