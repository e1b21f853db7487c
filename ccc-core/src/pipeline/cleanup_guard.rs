//! A guard that starts a run's cleanup exactly once (spec: P3).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::run_context::RunContext;
use super::stage::Retain;
use crate::{Error, ErrorKind, Result};

/// A function that starts the cleanup of a run.
pub(super) type Cleanup = fn(Arc<RunContext>, Retain) -> BoxFuture<'static, Result<()>>;

/// A guard that starts the cleanup of a run once: in [`clean_up`](Self::clean_up), or when it is
/// dropped. It is armed before the run creates anything.
pub(super) struct CleanupGuard {
    cleanup: Cleanup,
    armed: Option<Arc<RunContext>>,
}

impl CleanupGuard {
    pub(super) fn arm(run: &Arc<RunContext>, cleanup: Cleanup) -> Self {
        Self { cleanup, armed: Some(Arc::clone(run)) }
    }

    /// Cleans up and returns the result. The cleanup is a separate task, so that it continues if
    /// this future is dropped.
    pub(super) async fn clean_up(mut self, retain: Retain) -> Result<()> {
        let Some(run) = self.armed.take() else {
            return Ok(());
        };
        let (tracker, runtime) = (run.parts.cleanups.clone(), run.parts.runtime.clone());
        tracker.spawn_on((self.cleanup)(run, retain), &runtime).await.unwrap_or_else(|e| {
            let line = "the cleanup task ended without a result";
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
