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
    Agent, Clock, ContainerRunner, CredentialStore, Error, ErrorKind, Observer, Result, RunLog,
    SystemClock, VcsHost,
};

/// A builder of a [`Pipeline`](super::Pipeline).
///
/// The VCS host, the container runner, the agent, the credential store and the data directory have
/// no default. If one of these parts is missing, [`build`](Self::build) returns an error that names
/// the part.
#[derive(Debug, Default)]
pub struct PipelineBuilder {
    host: Option<Arc<dyn VcsHost>>,
    runner: Option<Arc<dyn ContainerRunner>>,
    agent: Option<Arc<dyn Agent>>,
    credentials: Option<Arc<dyn CredentialStore>>,
    clock: Option<Arc<dyn Clock>>,
    observer: Option<Arc<dyn Observer>>,
    run_log: Option<Arc<dyn RunLog>>,
    data_dir: Option<PathBuf>,
    git: Option<HostGit>,
    transport: Transport,
    policy: TrustPolicy,
    limits: Limits,
    settings: Option<SettingsFile>,
}

impl PipelineBuilder {
    /// Sets the VCS host of the issues and repositories.
    #[must_use]
    pub fn host(mut self, host: impl VcsHost) -> Self {
        self.host = Some(Arc::new(host));
        self
    }

    /// Sets the runner that creates the containers of runs.
    #[must_use]
    pub fn runner(mut self, runner: impl ContainerRunner) -> Self {
        self.runner = Some(Arc::new(runner));
        self
    }

    /// Sets the agent that works on the issues.
    #[must_use]
    pub fn agent(mut self, agent: impl Agent) -> Self {
        self.agent = Some(Arc::new(agent));
        self
    }

    /// Sets the store from which the credentials in [`AgentNeeds`](crate::agent::AgentNeeds) are
    /// read.
    #[must_use]
    pub fn credentials(mut self, credentials: impl CredentialStore) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Sets the clock that measures the time limits. The default is [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets the observer that receives the events of all runs. By default, the events are ignored.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Sets the log to which each [resumed](super::Pipeline::resume) run writes its events, warnings
    /// and the output of its agent. The log must know the claims of the run store. By default, runs
    /// write no log. A run that is in no run store never writes one.
    #[must_use]
    pub fn run_log(mut self, log: impl RunLog) -> Self {
        self.run_log = Some(Arc::new(log));
        self
    }

    /// Sets the directory for the mirrors of repositories and the workspaces of runs.
    /// [`build`](Self::build) locks the directory, so that no other process can use it.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Sets the opened data directory, instead of [`data_dir`](Self::data_dir). A program that has
    /// opened the directory itself, for example on a thread for blocking calls, keeps its lock.
    #[must_use]
    pub fn git(mut self, git: HostGit) -> Self {
        self.git = Some(git);
        self
    }

    /// Sets the proxy and the certificate authorities of git's connections. By default, git uses
    /// the proxy in the environment variables, and the authorities that the environment variables
    /// or the system define.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the operator's trust policy. The default is [`TrustPolicy::default`].
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

    /// Makes each run apply its repository's settings. The run reads the settings from the file
    /// `path` on the default branch, and `read` parses the file. Without a call of this method, the
    /// settings of repositories are ignored.
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
                    format!("a pipeline needs {name} before `build`"),
                )
            })
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|e| {
            Error::new(ErrorKind::InvalidInput, "`build` must be called in a tokio runtime")
                .with_source(e)
        })?;
        Ok(Parts {
            host: required(self.host, "a VCS host: call `host`")?,
            runner: required(self.runner, "a container runner: call `runner`")?,
            agent: required(self.agent, "an agent: call `agent`")?,
            credentials: required(self.credentials, "a credential store: call `credentials`")?,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            observer: self.observer.unwrap_or_else(|| Arc::new(NoObserver)),
            run_log: self.run_log,
            git: match self.git {
                Some(git) => git,
                None => {
                    HostGit::open(required(self.data_dir, "a data directory: call `data_dir`")?)?
                }
            }
            .with_transport(self.transport)
            .within(&self.limits.resources),
            policy: self.policy,
            limits: self.limits,
            settings: self.settings,
            cleanups: tokio_util::task::TaskTracker::new(),
            runtime,
        })
    }
}
