//! Containers of a Docker engine.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ccc_core::container::{Capabilities, ContainerSpec, Network};
use ccc_core::{
    CancellationToken, Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId,
    async_trait,
};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinSet;

mod connect;
mod copy;
mod ended;
mod engine;
mod examine;
mod fault;
mod inside;
mod lay_out;
mod settings;
mod start;
mod walls;

use engine::Engine;
pub use examine::Finding;
use fault::Attempt;
pub use settings::DockerRunnerBuilder;
use settings::Settings;

/// The label that says whose a container is.
const OWNER_LABEL: &str = "dev.ccc.owner";
/// The label that says which run it is of.
const RUN_LABEL: &str = "dev.ccc.run";
/// Containers that start at once: an engine starts no more in a second when there are more, others are removed
/// beside them, and each takes longer.
const STARTS_AT_ONCE: usize = 3;

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
/// engine's system call filter and one of ours, and ceilings on memory, processors, processes, open files and
/// the workspace (spec: X1, X2). All that it can reach is the model proxy, and hosts that the operator listed,
/// over its own standard input and output; nothing of the host is mounted but the workspace. An image needs
/// `/usr/local/bin/ccc-keeper` in it: see the crate `ccc-keeper`, and `images/build`.
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
    /// Ends the connection to a run's container, which then ends by itself: that takes an engine less time
    /// than to kill it.
    connections: Mutex<HashMap<RunId, CancellationToken>>,
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

impl Shared {
    fn starts(&self) -> MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<RunId, CancellationToken>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn engine(&self) -> Result<&Engine> {
        self.engine.get_or_try_init(|| connect::connect(&self.settings)).await
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
        engine.fit()?;
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
        let connection = self.shared.connections().remove(&run);
        if let Some(connection) = connection {
            connection.cancel();
            engine.wait_for_end(&name(run), &*self.shared.clock).await;
        }
        engine.remove(&name(run), &self.shared.owner, &*self.shared.clock).await
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let engine = self.shared.engine().await?;
        engine.runs(&self.shared.owner).await
    }
}
