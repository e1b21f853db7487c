//! The Docker runner.

use std::sync::Arc;

use ccc_core::container::{Capabilities, ContainerSpec, Network};
use ccc_core::{Container, ContainerRunner, Error, ErrorKind, Result, RunId, async_trait};
use tokio::sync::oneshot;

use crate::lock::lock;
use crate::runner::docker::engine_error::Attempt;
use crate::runner::docker::names::container_name;
use crate::runner::docker::orphans;
use crate::runner::docker::start;
use crate::runner::docker::state::{Shared, Start};
use crate::runner::workspace;

/// A runner that creates containers on a Docker engine, which is on this host machine or another
/// machine.
///
/// A container has no network, no capabilities, no way to gain privileges, and a read-only root
/// file system. Its programs run as an ordinary user. The engine's system call filter and an
/// additional filter apply to all programs. Memory, processors, processes, open files and the
/// workspace are limited (spec: X1, X2). The container's standard input and output replace a
/// network: over these streams, programs can reach only the model proxy and the hosts that the
/// operator listed. The workspace is the only directory of the host machine that can be mounted.
/// The image must contain `/usr/local/bin/ccc-keeper`: see the crate `ccc-keeper`.
#[derive(Debug)]
pub struct DockerRunner {
    pub(crate) shared: Arc<Shared>,
}

impl DockerRunner {
    /// Stops the task that starts the container of `run`, and waits until the task has ended. Does
    /// nothing if there is no such task.
    async fn end_start(&self, run: RunId) {
        let under_way = lock(&self.shared.starts).runs.get(&run).cloned();
        if let Some(start) = under_way {
            start.cancel.cancel();
            let _ = start.working.lock().await;
        }
    }
}

#[async_trait]
impl ContainerRunner for DockerRunner {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn capabilities(&self) -> Capabilities {
        match self.shared.settings.alteration {
            None => Capabilities::all(),
            Some(_) => Capabilities::none(),
        }
    }

    async fn check(&self) -> Result<()> {
        let engine = self.shared.engine().await?;
        engine.docker.ping().await.attempt("the container engine does not answer")?;
        engine.check_fit()?;
        engine.image(&self.shared.settings.image).await.map(drop)
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let mut spec = spec.clone();
        spec.workspace = workspace::resolve(&spec.workspace)?;
        if spec.network != Network::ModelProxy || self.shared.settings.model_proxy.is_none() {
            spec.network = Network::None;
        }
        // If the caller drops this future, the place in the queue is released.
        let place = Arc::clone(&self.shared.admission).acquire_owned().await;
        let place = place.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "the queue for container starts is closed")
                .with_source(e)
        })?;
        // Stop the task of an earlier call of `spawn` whose future was dropped.
        self.end_start(run).await;
        let (done, started) = oneshot::channel();
        let start = Start::default();
        {
            let mut starts = lock(&self.shared.starts);
            while starts.tasks.try_join_next().is_some() {}
            starts.runs.insert(run, start.clone());
            let shared = Arc::clone(&self.shared);
            // Lock before the task starts, so that `destroy` waits from now on.
            let working = Arc::clone(&start.working).try_lock_owned();
            starts.tasks.spawn(async move {
                let container = start::start(&shared, run, &spec, &start.cancel).await;
                lock(&shared.starts).runs.remove(&run);
                drop((working, place));
                // If the receiver was dropped, the container is dropped too, and ends.
                let _ = done.send(container);
            });
        }
        match started.await {
            Ok(container) => Ok(Box::new(container?)),
            Err(e) => {
                let line = "the task that starts the container ended without a result";
                Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
            }
        }
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        self.end_start(run).await;
        let engine = self.shared.engine().await?;
        let connection = lock(&self.shared.connections).remove(&run);
        if let Some(connection) = connection {
            connection.cancel();
            engine.wait_for_end(&container_name(run), &*self.shared.clock).await;
        }
        let (owner, clock) = (&self.shared.owner, &*self.shared.clock);
        orphans::remove(&engine.docker, &container_name(run), owner, clock).await
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let engine = self.shared.engine().await?;
        orphans::runs(&engine.docker, &self.shared.owner).await
    }
}
