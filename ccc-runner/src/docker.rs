//! Containers of a Docker engine.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::models::ContainerCreateBody;
use ccc_core::container::{Capabilities, ContainerSpec, Network};
use ccc_core::{
    CancellationToken, Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId,
    SystemClock, async_trait,
};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinSet;

mod copy;
mod engine;
mod fault;
mod inside;
mod lay_out;
mod start;
mod walls;

use engine::Engine;
use fault::Attempt;

/// The label that says whose a container is.
const OWNER_LABEL: &str = "dev.ccc.owner";
/// The label that says which run it is of.
const RUN_LABEL: &str = "dev.ccc.run";
/// The image of `images/build`.
const IMAGE: &str = "ccc-agent";
/// Containers that start at once: an engine starts no more in a second when there are more, and each takes
/// longer.
const STARTS_AT_ONCE: usize = 4;

/// How the workspace gets into the container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workspaces {
    /// Mounted where the engine sees our files with our users, copied elsewhere.
    #[default]
    Auto,
    /// Mounted.
    Mounted,
    /// Copied in at the start and out at the end, as tar streams.
    Copied,
}

/// Runs the agent's programs in containers of a Docker engine, on this machine or another one.
///
/// The container has no network, no capability, no privilege to gain, a read-only root, an ordinary user, the
/// engine's system call filter, and ceilings on memory, processors, processes, open files and the workspace
/// (spec: X1, X2). All that it can reach is the model proxy, over its own standard input and output; nothing of
/// the host is mounted but the workspace. An image needs `/usr/local/bin/ccc-keeper` in it: see the crate
/// `ccc-keeper`, and `images/build`.
#[derive(Debug)]
pub struct DockerRunner {
    shared: Arc<Shared>,
}

/// What runner, containers and tasks share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// A random name of this installation, in every label.
    owner: String,
    engine: OnceCell<Engine>,
    admission: Arc<Semaphore>,
    starts: Mutex<Starts>,
}

#[derive(Debug)]
struct Settings {
    state_dir: PathBuf,
    host: Option<String>,
    image: String,
    runtime: Option<String>,
    workspaces: Workspaces,
    model_proxy: Option<SocketAddr>,
    altered: Option<Altered>,
}

/// Starts that are under way. They go on when nobody waits for them any more: a request to an engine cannot
/// be taken back, and what it makes must be known to whoever destroys.
#[derive(Debug, Default)]
struct Starts {
    tasks: JoinSet<()>,
    runs: HashMap<RunId, Start>,
}

#[derive(Clone, Debug, Default)]
struct Start {
    /// Ends it at its next step.
    cancel: CancellationToken,
    /// Held while it works.
    working: Arc<tokio::sync::Mutex<()>>,
}

type Alter = dyn Fn(&mut ContainerCreateBody) + Send + Sync;

#[derive(Clone)]
struct Altered {
    why: String,
    change: Arc<Alter>,
}

impl std::fmt::Debug for Altered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Altered").field(&self.why).finish()
    }
}

impl Shared {
    fn starts(&self) -> MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn engine(&self) -> Result<&Engine> {
        self.engine.get_or_try_init(|| engine::connect(&self.settings, &self.owner)).await
    }
}

/// Settings of a [`DockerRunner`].
#[derive(Debug)]
pub struct DockerRunnerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl DockerRunnerBuilder {
    /// Where the engine is: `unix:///run/user/1000/docker.sock`, `tcp://engine.example.org:2376`. Without it,
    /// as for the `docker` program: `DOCKER_HOST`, or `/var/run/docker.sock`.
    #[must_use]
    pub fn host(mut self, host: Option<String>) -> Self {
        self.settings.host = host;
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
            image: IMAGE.to_owned(),
            runtime: None,
            workspaces: Workspaces::Auto,
            model_proxy: None,
            altered: None,
        };
        DockerRunnerBuilder { settings, clock: Arc::new(SystemClock) }
    }
}

impl DockerRunner {
    /// Ends the run's start that is under way, and waits for that.
    async fn end_start(&self, run: RunId) {
        let under_way = self.shared.starts().runs.get(&run).cloned();
        if let Some(start) = under_way {
            start.cancel.cancel();
            let _ = start.working.lock().await;
        }
    }
}

/// The container's name: known before it exists.
fn name(run: RunId) -> String {
    format!("ccc-{run}")
}

#[async_trait]
impl ContainerRunner for DockerRunner {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn capabilities(&self) -> Capabilities {
        match self.shared.settings.altered {
            None => Capabilities::all(),
            Some(_) => Capabilities::none(),
        }
    }

    async fn check(&self) -> Result<()> {
        let engine = self.shared.engine().await?;
        engine.docker.ping().await.attempt("the engine does not answer")?;
        engine.image(&self.shared.settings.image).await.map(drop)
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let workspace = fs::canonicalize(&spec.workspace).ok().filter(|path| path.is_dir());
        let workspace = workspace.ok_or_else(|| {
            let line = format!("the workspace {} is no directory", spec.workspace.display());
            Error::new(ErrorKind::InvalidInput, line)
        })?;
        let mut spec = spec.clone();
        spec.workspace = workspace;
        if spec.network != Network::ModelProxy || self.shared.settings.model_proxy.is_none() {
            spec.network = Network::None;
        }
        // Whoever is dropped here has left the queue.
        let place = Arc::clone(&self.shared.admission).acquire_owned().await;
        let place = place.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "nothing starts any more").with_source(e)
        })?;
        // An earlier attempt, of which nobody waits for the end any more.
        self.end_start(run).await;
        let (done, started) = oneshot::channel();
        let start = Start::default();
        {
            let mut starts = self.shared.starts();
            while starts.tasks.try_join_next().is_some() {}
            starts.runs.insert(run, start.clone());
            let shared = Arc::clone(&self.shared);
            // Taken here: whoever destroys from now on waits.
            let working = Arc::clone(&start.working).try_lock_owned();
            starts.tasks.spawn(async move {
                let container = start::start(&shared, run, &spec, &start.cancel).await;
                shared.starts().runs.remove(&run);
                drop((working, place));
                // A container that nobody waits for ends when its host lets go of it.
                let _ = done.send(container);
            });
        }
        match started.await {
            Ok(container) => Ok(Box::new(container?)),
            Err(e) => Err(Error::new(ErrorKind::Unexpected, "the start died").with_source(e)),
        }
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        self.end_start(run).await;
        let engine = self.shared.engine().await?;
        engine.remove(&name(run), &self.shared.owner, &*self.shared.clock).await
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let engine = self.shared.engine().await?;
        engine.runs(&self.shared.owner).await
    }
}
