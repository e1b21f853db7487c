//! The state of a Docker runner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ccc_core::{CancellationToken, Clock, Result, RunId};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_connection;
use crate::runner::docker::mounts::Probe;
use crate::runner::docker::settings::Settings;

/// The state that the runner, its containers and its tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    /// The random name of this installation, which is a label of every container.
    pub(crate) owner: String,
    pub(crate) engine: OnceCell<Engine>,
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) starts: Mutex<Starts>,
    /// For each run, a token that closes the connection to its container. The container then ends
    /// by itself, which is faster than a kill by the engine.
    pub(crate) connections: Mutex<HashMap<RunId, CancellationToken>>,
}

/// The starts in progress. They continue when their caller is dropped, because a request to an
/// engine cannot be revoked, and `destroy` must know what the request creates.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) tasks: JoinSet<()>,
    pub(crate) runs: HashMap<RunId, Start>,
}

/// One start in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// Cancels the start at its next step.
    pub(crate) cancel: CancellationToken,
    /// Locked while the start is in progress.
    pub(crate) working: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Returns the values that a probe of the engine needs.
    pub(crate) fn probe(&self) -> Probe<'_> {
        Probe { state_dir: &self.settings.state_dir, owner: &self.owner, clock: &*self.clock }
    }

    /// Returns the engine. Connects to it at the first call.
    pub(crate) async fn engine(&self) -> Result<&Engine> {
        self.engine.get_or_try_init(|| engine_connection::connect(&self.settings)).await
    }
}
