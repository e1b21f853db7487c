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

/// The image of runs whose agent does not name one.
const IMAGE: &str = "ccc-agent";
/// Maximum number of containers that start concurrently. More concurrent starts do not increase the
/// engine's throughput, and each one takes longer.
const STARTS_AT_ONCE: usize = 3;

/// Settings of a [`DockerRunner`].
#[derive(Debug)]
pub struct DockerRunnerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl DockerRunnerBuilder {
    /// Sets the address of the engine: `unix:///run/user/1000/docker.sock`,
    /// `https://engine.example.org:2376`. `None` uses `DOCKER_HOST` or `/var/run/docker.sock`, as
    /// the `docker` program does.
    ///
    /// For `https`, and for `tcp` if `DOCKER_TLS_VERIFY` is set, `DOCKER_CERT_PATH` must contain
    /// `ca.pem`, `cert.pem` and `key.pem`. Plain `tcp` is refused unless the address is loopback.
    #[must_use]
    pub fn host(mut self, host: Option<String>) -> Self {
        self.settings.host = host;
        self
    }

    /// Permits an unencrypted connection to an engine on another machine: **an attacker on the
    /// network path can become root on that machine.**
    #[must_use]
    pub fn dangerously_unencrypted(mut self) -> Self {
        self.settings.unencrypted = true;
        self
    }

    /// Sets the image of runs whose agent does not name one. `name@sha256:…` selects one exact
    /// image. `None` uses `ccc-agent`.
    #[must_use]
    pub fn image(mut self, image: Option<String>) -> Self {
        self.settings.image = image.unwrap_or_else(|| IMAGE.to_owned());
        self
    }

    /// Sets a runtime that the engine knows, such as `runsc`. `None` uses the engine's default.
    #[must_use]
    pub fn runtime(mut self, runtime: Option<String>) -> Self {
        self.settings.runtime = runtime;
        self
    }

    /// Sets how workspaces get into containers.
    #[must_use]
    pub fn workspaces(mut self, workspaces: Workspaces) -> Self {
        self.settings.workspaces = workspaces;
        self
    }

    /// Sets the address of the model proxy.
    #[must_use]
    pub fn model_proxy(mut self, address: Option<SocketAddr>) -> Self {
        self.settings.model_proxy = address;
        self
    }

    /// Sets the rules of the egress proxies.
    #[must_use]
    pub fn egress(mut self, rules: EgressRules) -> Self {
        self.settings.egress = rules;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Applies `change` to the request that creates a container: **it can remove any isolation.**
    /// Logs a warning with `why` when the runner is built, and at every start.
    ///
    /// The type is bollard's, re-exported as [`ContainerCreateBody`](crate::ContainerCreateBody). A
    /// new major version of bollard is therefore a breaking change of this method only. For this
    /// reason the method has its own feature.
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

    /// Creates the runner, which does not connect to the engine yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the state directory cannot be used, or the operating system
    /// provides no random bytes.
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
            tracing::warn!("unencrypted connections to the container engine are permitted");
        }
        if let Some(alteration) = &self.settings.alteration {
            tracing::warn!(why = %alteration.why, "the isolation of containers is altered");
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
    /// Returns a builder. The runner stores its state in `state_dir`, which must be a dedicated
    /// directory.
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
