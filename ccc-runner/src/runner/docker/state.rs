//! The state of a Docker runner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ccc_core::{CancellationToken, Clock, Result, RunId};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_connection;
use crate::runner::docker::mounts::HostFilesTest;
use crate::runner::docker::settings::Settings;

/// The state that the runner, its containers and its tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    /// The random name of this installation. Every container has a label with this name.
    pub(crate) owner: String,
    pub(crate) engine: OnceCell<Engine>,
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) starts: Mutex<Starts>,
    /// For each run, a token whose cancellation closes the connection to the run's container. The
    /// container then ends by itself, which is faster than a kill by the engine.
    pub(crate) connections: Mutex<HashMap<RunId, CancellationToken>>,
}

/// The tasks that start containers. A request to the engine cannot be revoked. Therefore a task
/// continues when the caller of `spawn` drops the future, and `destroy` waits for the task before
/// it removes the container.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) tasks: JoinSet<()>,
    pub(crate) runs: HashMap<RunId, Start>,
}

/// A task that starts a container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// A token whose cancellation stops the task before its next step.
    pub(crate) cancel: CancellationToken,
    /// A lock that the task holds until it ends. `destroy` waits for this lock.
    pub(crate) working: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Returns the values that are needed to test whether the engine sees the files of this host
    /// machine.
    pub(crate) fn host_files_test(&self) -> HostFilesTest<'_> {
        HostFilesTest {
            state_dir: &self.settings.state_dir,
            owner: &self.owner,
            clock: &*self.clock,
        }
    }

    /// Returns the engine. The first call connects to the engine.
    pub(crate) async fn engine(&self) -> Result<&Engine> {
        self.engine.get_or_try_init(|| engine_connection::connect(&self.settings)).await
    }
}
