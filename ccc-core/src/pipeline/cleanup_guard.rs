//! The promise that a run's cleanup starts exactly once (spec: P3).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::run_context::RunContext;
use super::stage::Retain;
use crate::{Error, ErrorKind, Result};

/// Starts the cleanup of a run.
pub(super) type Cleanup = fn(Arc<RunContext>, Retain) -> BoxFuture<'static, Result<()>>;

/// A guard that is armed before anything of the run exists. It starts the cleanup once: when asked to,
/// or when it is dropped.
pub(super) struct CleanupGuard {
    cleanup: Cleanup,
    armed: Option<Arc<RunContext>>,
}

impl CleanupGuard {
    pub(super) fn arm(run: &Arc<RunContext>, cleanup: Cleanup) -> Self {
        Self { cleanup, armed: Some(Arc::clone(run)) }
    }

    /// Cleans up and returns the result. The cleanup is a task of its own, so that dropping this
    /// future does not stop it half-way.
    pub(super) async fn clean_up(mut self, retain: Retain) -> Result<()> {
        let Some(run) = self.armed.take() else {
            return Ok(());
        };
        let (tracker, runtime) = (run.parts.cleanups.clone(), run.parts.runtime.clone());
        tracker.spawn_on((self.cleanup)(run, retain), &runtime).await.unwrap_or_else(|e| {
            Err(Error::new(ErrorKind::Unexpected, "cleanup died").with_source(e))
        })
    }
}

impl Drop for CleanupGuard {
    fn drop(&mut self) {
        if let Some(run) = self.armed.take() {
            let retain = Retain::for_successor(&run);
            let (tracker, runtime) = (run.parts.cleanups.clone(), run.parts.runtime.clone());
            tracker.spawn_on((self.cleanup)(run, retain), &runtime);
        }
    }
}
