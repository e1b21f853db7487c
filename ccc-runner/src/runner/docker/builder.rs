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

/// The image of runs whose agent does not name an image.
const IMAGE: &str = "ccc-agent";
/// Maximum number of containers that start concurrently. More concurrent starts do not increase the
/// engine's throughput, and make each start slower.
const STARTS_AT_ONCE: usize = 3;

/// Settings of a [`DockerRunner`].
#[derive(Debug)]
pub struct DockerRunnerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl DockerRunnerBuilder {
    /// Sets the address of the engine, for example `unix:///run/user/1000/docker.sock` or
    /// `https://engine.example.org:2376`. With `None`, the environment variable `DOCKER_HOST`
    /// contains the address. If that variable is not set or is empty, the address is
    /// `unix:///var/run/docker.sock`.
    ///
    /// For `https`, and for `tcp` if the environment variable `DOCKER_TLS_VERIFY` is set, the
    /// environment variable `DOCKER_CERT_PATH` must name a directory with `ca.pem`, `cert.pem` and
    /// `key.pem`. An unencrypted network connection is permitted only to a loopback address, or
    /// after a call of [`dangerously_unencrypted`](Self::dangerously_unencrypted).
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

    /// Sets the image of runs whose agent does not name an image. `name@sha256:…` selects one exact
    /// image. `None` uses `ccc-agent`.
    #[must_use]
    pub fn image(mut self, image: Option<String>) -> Self {
        self.settings.image = image.unwrap_or_else(|| IMAGE.to_owned());
        self
    }

    /// Sets the container runtime by a name that the engine knows, such as `runsc`. `None` uses the
    /// engine's default runtime.
    #[must_use]
    pub fn runtime(mut self, runtime: Option<String>) -> Self {
        self.settings.runtime = runtime;
        self
    }

    /// Sets the method by which workspaces get into containers. The default is
    /// [`Workspaces::Auto`].
    #[must_use]
    pub fn workspaces(mut self, workspaces: Workspaces) -> Self {
        self.settings.workspaces = workspaces;
        self
    }

    /// Sets the address of the model proxy. With `None`, the default, containers have no access to
    /// a model.
    #[must_use]
    pub fn model_proxy(mut self, address: Option<SocketAddr>) -> Self {
        self.settings.model_proxy = address;
        self
    }

    /// Sets the rules that the egress proxies of containers enforce. By default, all rules are
    /// enabled.
    #[must_use]
    pub fn egress(mut self, rules: EgressRules) -> Self {
        self.settings.egress = rules;
        self
    }

    /// Sets the clock that measures time limits. The default is the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Applies `change` to the request that creates a container: **`change` can remove any
    /// isolation.** Logs a warning with the reason `why` when the runner is built, and at every
    /// start of a container.
    ///
    /// The request has the type [`ContainerCreateBody`](crate::ContainerCreateBody) of the crate
    /// `bollard`. A new major version of `bollard` therefore breaks callers of this method, but no
    /// other callers. For this reason the method has its own Cargo feature.
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

    /// Creates the runner. The runner connects to the engine when it is first used.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the state directory cannot be used, or the operating system
    /// provides no random bytes.
    pub fn build(mut self) -> Result<DockerRunner> {
        let state_dir = &self.settings.state_dir;
        let unusable = |e: std::io::Error| {
            let line = format!("cannot use the state directory {}: {e}", state_dir.display());
            Error::new(ErrorKind::Unavailable, line)
        };
        create_private_dir(state_dir).map_err(unusable)?;
        let owner = owner(state_dir).map_err(unusable)?;
        self.settings.state_dir = fs::canonicalize(state_dir).map_err(unusable)?;
        if self.settings.unencrypted {
            tracing::warn!(
                "unencrypted connections to the container engine are permitted, so an attacker on the \
                 network path can become root on the engine's machine"
            );
        }
        if let Some(alteration) = &self.settings.alteration {
            tracing::warn!(
                why = %alteration.why,
                "this program changes the default isolation of containers"
            );
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
    /// Returns a builder of a runner. The runner stores its state in the directory `state_dir`,
    /// which no other program may use.
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
