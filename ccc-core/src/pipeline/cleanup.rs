//! The promise that nothing of a run is left, alone in its file (spec: P3, P4, P8).

use std::sync::Arc;

use super::context::{Context, guarded};
use super::{Parts, Pipeline};
use crate::observe::EventKind;
use crate::{Error, ErrorKind, Result, RunId, Stage};

/// Armed before anything of the run exists. Cleans up once: when told to, or when dropped.
pub(super) struct CleanupGuard {
    armed: Option<(Arc<Parts>, Arc<Context>)>,
}

impl CleanupGuard {
    pub(super) fn arm(parts: &Arc<Parts>, run: &Arc<Context>) -> Self {
        Self { armed: Some((Arc::clone(parts), Arc::clone(run))) }
    }

    /// Cleans up, and says how that went. It runs as a task of its own, so that giving up on the
    /// answer does not stop it half-way. `over`: nobody will go on with the run.
    pub(super) async fn clean_up(mut self, over: bool) -> Result<()> {
        let Some((parts, run)) = self.armed.take() else {
            return Ok(());
        };
        let keep = if over { Keep::Nothing } else { Keep::for_successor(&run) };
        let tracker = parts.cleanups.clone();
        let runtime = parts.runtime.clone();
        tracker.spawn_on(clean_up(parts, run, keep), &runtime).await.unwrap_or_else(|e| {
            Err(Error::new(ErrorKind::Unexpected, "cleanup died").with_source(e))
        })
    }
}

impl Drop for CleanupGuard {
    fn drop(&mut self) {
        if let Some((parts, run)) = self.armed.take() {
            let keep = Keep::for_successor(&run);
            let (tracker, runtime) = (parts.cleanups.clone(), parts.runtime.clone());
            tracker.spawn_on(clean_up(parts, run, keep), &runtime);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Nothing,
    Objects,
}

impl Keep {
    /// Somebody may go on from the checkpoint: then the collected objects must stay.
    fn for_successor(run: &Context) -> Self {
        let resumable = run.journal.is_some() && run.checkpoint().stage >= Stage::Collect;
        if resumable { Self::Objects } else { Self::Nothing }
    }
}

/// Container, tokens, files: each has its own time, and none waits in vain for another.
async fn clean_up(parts: Arc<Parts>, run: Arc<Context>, keep: Keep) -> Result<()> {
    let stage = Stage::Cleanup;
    run.emit(EventKind::StageStarted { stage });
    let (clock, limit) = (&*parts.clock, parts.limits.cleanup);
    let container_then_files = async {
        // A process that lives could still write into the directory.
        let destroyed = guarded(clock, limit, parts.runner.destroy(run.id)).await;
        let removed = match keep {
            Keep::Nothing => guarded(clock, limit, parts.git.remove(run.id)).await,
            Keep::Objects => Ok(()),
        };
        destroyed.and(removed)
    };
    let tokens = guarded(clock, limit, run.release(None));
    let (container_then_files, tokens) = tokio::join!(container_then_files, tokens);
    let result = container_then_files.and(tokens);
    let error = result.as_ref().err().map(ToString::to_string);
    run.emit(EventKind::StageFinished { stage, error });
    result
}

impl Pipeline {
    /// Destroys what a process that was killed left behind: containers and directories of every run
    /// that is not in `keep`. Call it at start, before the first run. Returns what it destroyed.
    ///
    /// # Errors
    /// The first error, after everything was tried.
    pub async fn sweep(&self, keep: &[RunId]) -> Result<Vec<RunId>> {
        let Parts { runner, git, clock, limits, .. } = &*self.parts;
        let (clock, limit) = (&**clock, limits.cleanup);
        let mut left = guarded(clock, limit, runner.orphans()).await?;
        left.extend(git.runs()?);
        left.sort_unstable();
        left.dedup();
        left.retain(|run| !keep.contains(run));
        let mut result = Ok(());
        for run in &left {
            let destroyed = guarded(clock, limit, runner.destroy(*run)).await;
            let removed = guarded(clock, limit, git.remove(*run)).await;
            result = result.and(destroyed).and(removed);
        }
        result.map(|()| left)
    }
}
