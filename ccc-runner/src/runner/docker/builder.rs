//! The builder of a Docker runner.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ccc_core::private_dir::create_private_dir;
use ccc_core::{Clock, Error, ErrorKind, Result, SystemClock};
use tokio::sync::{OnceCell, Semaphore};

use crate::egress::rules::EgressRules;
use crate::runner::docker::owner::owner;
use crate::runner::docker::runner::DockerRunner;
#[cfg(feature = "dangerous-container-body")]
use crate::runner::docker::settings::Alteration;
use crate::runner::docker::settings::{Settings, Workspaces};
use crate::runner::docker::state::Shared;

/// The image of runs whose agent names none.
const IMAGE: &str = "ccc-agent";
/// The most containers that start at once. An engine starts no more in a second if there are more,
/// and each takes longer.
const STARTS_AT_ONCE: usize = 3;

/// Settings of a [`DockerRunner`].
#[derive(Debug)]
pub struct DockerRunnerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl DockerRunnerBuilder {
    /// Where the engine is: `unix:///run/user/1000/docker.sock`, `https://engine.example.org:2376`.
    /// Without it, as for the `docker` program: `DOCKER_HOST`, or `/var/run/docker.sock`.
    ///
    /// Over `https`, and over `tcp` where `DOCKER_TLS_VERIFY` is set, `DOCKER_CERT_PATH` has
    /// `ca.pem`, `cert.pem` and `key.pem`. Plain `tcp` is refused but to this machine itself.
    #[must_use]
    pub fn host(mut self, host: Option<String>) -> Self {
        self.settings.host = host;
        self
    }

    /// Lets the way to an engine on another machine be plain: **whoever is on it can be root
    /// there.**
    #[must_use]
    pub fn dangerously_unencrypted(mut self) -> Self {
        self.settings.unencrypted = true;
        self
    }

    /// The image, where the agent names none; `name@sha256:…` is that one and no other. Without it,
    /// `ccc-agent`.
    #[must_use]
    pub fn image(mut self, image: Option<String>) -> Self {
        self.settings.image = image.unwrap_or_else(|| IMAGE.to_owned());
        self
    }

    /// Another runtime that the engine knows, such as `runsc`.
    #[must_use]
    pub fn runtime(mut self, runtime: Option<String>) -> Self {
        self.settings.runtime = runtime;
        self
    }

    /// How workspaces get into containers.
    #[must_use]
    pub fn workspaces(mut self, workspaces: Workspaces) -> Self {
        self.settings.workspaces = workspaces;
        self
    }

    /// Where the model proxy listens.
    #[must_use]
    pub fn model_proxy(mut self, address: Option<SocketAddr>) -> Self {
        self.settings.model_proxy = address;
        self
    }

    /// What the way to listed hosts insists on.
    #[must_use]
    pub fn egress(mut self, rules: EgressRules) -> Self {
        self.settings.egress = rules;
        self
    }

    /// Whose time it is.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Applies `change` to the request that creates a container: **it can remove any isolation.**
    /// Logs a warning with `why` when the runner is built, and at every start.
    ///
    /// The type is bollard's, re-exported as [`ContainerCreateBody`](crate::ContainerCreateBody). A
    /// new major version of bollard is a breaking change of this method, and of nothing else; hence
    /// its own feature.
    #[cfg(feature = "dangerous-container-body")]
    #[must_use]
    pub fn dangerously_altered(
        mut self,
        why: impl Into<String>,
        change: impl Fn(&mut bollard::models::ContainerCreateBody) + Send + Sync + 'static,
    ) -> Self {
        self.settings.alteration = Some(Alteration { why: why.into(), change: Arc::new(change) });
        self
    }

    /// The runner. Talks to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be used, or the system has no random
    /// bytes.
    pub fn build(mut self) -> Result<DockerRunner> {
        let state_dir = &self.settings.state_dir;
        let unusable = |e: std::io::Error| {
            let line = format!("cannot use {}: {e}", state_dir.display());
            Error::new(ErrorKind::Unavailable, line)
        };
        create_private_dir(state_dir).map_err(unusable)?;
        let owner = owner(state_dir).map_err(unusable)?;
        self.settings.state_dir = fs::canonicalize(state_dir).map_err(unusable)?;
        if self.settings.unencrypted {
            tracing::warn!("the way to the container engine need not be encrypted");
        }
        if let Some(alteration) = &self.settings.alteration {
            tracing::warn!(why = %alteration.why, "containers are not as safe as they could be");
        }
        let shared = Shared {
            settings: self.settings,
            clock: self.clock,
            owner,
            engine: OnceCell::new(),
            admission: Arc::new(Semaphore::new(STARTS_AT_ONCE)),
            starts: Mutex::default(),
            connections: Mutex::default(),
        };
        Ok(DockerRunner { shared: Arc::new(shared) })
    }
}

impl DockerRunner {
    /// Returns a builder. The runner stores its state in `state_dir`, a directory of its own.
    #[must_use]
    pub fn builder(state_dir: impl Into<PathBuf>) -> DockerRunnerBuilder {
        let settings = Settings {
            state_dir: state_dir.into(),
            host: None,
            unencrypted: false,
            image: IMAGE.to_owned(),
            runtime: None,
            workspaces: Workspaces::Auto,
            model_proxy: None,
            egress: EgressRules::default(),
            alteration: None,
        };
        DockerRunnerBuilder { settings, clock: Arc::new(SystemClock) }
    }
}
