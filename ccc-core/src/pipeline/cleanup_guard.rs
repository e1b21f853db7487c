//! A guard that starts a run's cleanup exactly once (spec: P3).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::run_context::RunContext;
use super::stage::Retain;
use crate::{Error, ErrorKind, Result};

/// A function that returns the future of a run's cleanup.
pub(super) type Cleanup = fn(Arc<RunContext>, Retain) -> BoxFuture<'static, Result<()>>;

/// A guard that starts the cleanup of a run once: in [`clean_up`](Self::clean_up), or when the
/// guard is dropped. The guard exists before the run creates anything that needs a cleanup.
pub(super) struct CleanupGuard {
    cleanup: Cleanup,
    armed: Option<Arc<RunContext>>,
}

impl CleanupGuard {
    pub(super) fn arm(run: &Arc<RunContext>, cleanup: Cleanup) -> Self {
        Self { cleanup, armed: Some(Arc::clone(run)) }
    }

    /// Starts the cleanup and returns its result. The cleanup is a separate task, so that it
    /// continues if the future of this method is dropped.
    pub(super) async fn clean_up(mut self, retain: Retain) -> Result<()> {
        let Some(run) = self.armed.take() else {
            return Ok(());
        };
        let (tracker, runtime) = (run.parts.cleanups.clone(), run.parts.runtime.clone());
        tracker.spawn_on((self.cleanup)(run, retain), &runtime).await.unwrap_or_else(|e| {
            let line = "the task that cleans up the run ended without a result";
            Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
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
