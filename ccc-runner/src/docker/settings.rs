//! How a runner is built.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bollard::models::ContainerCreateBody;
use ccc_core::{Clock, Error, ErrorKind, Result, SystemClock};
use tokio::sync::{OnceCell, Semaphore};

use crate::EgressRules;

use super::{DockerRunner, STARTS_AT_ONCE, Shared, Workspaces};

/// The image of `images/build`.
const IMAGE: &str = "ccc-agent";

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) state_dir: PathBuf,
    pub(super) host: Option<String>,
    pub(super) unencrypted: bool,
    pub(super) image: String,
    pub(super) runtime: Option<String>,
    pub(super) workspaces: Workspaces,
    pub(super) model_proxy: Option<SocketAddr>,
    pub(super) egress: EgressRules,
    pub(super) altered: Option<Altered>,
}

type Alter = dyn Fn(&mut ContainerCreateBody) + Send + Sync;

#[derive(Clone)]
pub(super) struct Altered {
    pub(super) why: String,
    pub(super) change: Arc<Alter>,
}

impl std::fmt::Debug for Altered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Altered").field(&self.why).finish()
    }
}

/// Settings of a [`DockerRunner`].
#[derive(Debug)]
pub struct DockerRunnerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl DockerRunnerBuilder {
    /// Where the engine is: `unix:///run/user/1000/docker.sock`, `https://engine.example.org:2376`. Without it,
    /// as for the `docker` program: `DOCKER_HOST`, or `/var/run/docker.sock`.
    ///
    /// Over `https`, and over `tcp` where `DOCKER_TLS_VERIFY` is set, `DOCKER_CERT_PATH` has `ca.pem`, `cert.pem`
    /// and `key.pem`. Plain `tcp` is refused but to this machine itself.
    #[must_use]
    pub fn host(mut self, host: Option<String>) -> Self {
        self.settings.host = host;
        self
    }

    /// Lets the way to an engine on another machine be plain: **whoever is on it can be root there.**
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

    /// Makes every container differ from the safe one in whatever way `change` likes: **a wall may be gone
    /// after that.** Logged with `why` when the runner is built and at every start.
    #[must_use]
    pub fn dangerously_altered(
        mut self,
        why: impl Into<String>,
        change: impl Fn(&mut ContainerCreateBody) + Send + Sync + 'static,
    ) -> Self {
        self.settings.altered = Some(Altered { why: why.into(), change: Arc::new(change) });
        self
    }

    /// The runner. Talks to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be used, or the system has no random bytes.
    pub fn build(mut self) -> Result<DockerRunner> {
        let state_dir = &self.settings.state_dir;
        let unusable = |e: std::io::Error| {
            let line = format!("cannot use {}: {e}", state_dir.display());
            Error::new(ErrorKind::Unavailable, line)
        };
        make_private(state_dir).map_err(unusable)?;
        let owner = owner(state_dir).map_err(unusable)?;
        self.settings.state_dir = fs::canonicalize(state_dir).map_err(unusable)?;
        if self.settings.unencrypted {
            tracing::warn!("the way to the container engine need not be encrypted");
        }
        if let Some(altered) = &self.settings.altered {
            tracing::warn!(why = %altered.why, "containers are not as safe as they could be");
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

fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// This installation's name: made once, kept in a file. A path would be the same on two machines that share
/// an engine.
fn owner(state_dir: &Path) -> std::io::Result<String> {
    let file = state_dir.join("owner");
    match fs::read_to_string(&file) {
        Ok(owner) if owner.len() == 32 && owner.bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Ok(owner);
        }
        Ok(_) => {
            let line = format!("{} is damaged: remove it when nothing runs", file.display());
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, line));
        }
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        Err(_) => {}
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let owner = hex::encode(random);
    let made = state_dir.join(format!("owner-{owner}"));
    fs::write(&made, &owner)?;
    // Whole or not at all; and who comes second takes what is there.
    let linked = fs::hard_link(&made, &file);
    fs::remove_file(&made)?;
    match linked {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => fs::read_to_string(&file),
        linked => linked.map(|()| owner),
    }
}

impl DockerRunner {
    /// A runner that keeps what it has to remember in `state_dir`, a directory of its own.
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
            altered: None,
        };
        DockerRunnerBuilder { settings, clock: Arc::new(SystemClock) }
    }
}
