//! Cleanup: removes the container and the files of the run, and revokes its tokens. The cleanup
//! cannot be cancelled (spec: P3, P4, P8).

use crate::pipeline::bounded::guarded;
use crate::pipeline::run_context::RunContext;
use crate::{Result, Stage};

/// The files of a run that its cleanup does not remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Retain {
    /// The cleanup removes all files of the run.
    Nothing,
    /// The cleanup removes no files, because another worker resumes the run from the git objects in
    /// the run's directory.
    Objects,
}

impl Retain {
    /// Returns [`Objects`](Self::Objects) if the agent's change is stored and another worker can
    /// resume the run. Otherwise returns [`Nothing`](Self::Nothing).
    pub(in crate::pipeline) fn for_successor(run: &RunContext) -> Self {
        let resumable = run.is_stored() && run.progress().stage() >= Stage::Collect;
        if resumable { Self::Objects } else { Self::Nothing }
    }
}

/// Destroys the container, deletes the files that `retain` does not protect, and revokes the
/// tokens. Each of these three steps has a separate time limit. If a step fails, the function still
/// executes the remaining steps, and returns the first error.
pub(in crate::pipeline) async fn cleanup(run: &RunContext, retain: Retain) -> Result<()> {
    let parts = &run.parts;
    let (clock, limit) = (&*parts.clock, parts.limits.cleanup);
    let container_then_files = async {
        // The container is destroyed first, because a running process could still write to the
        // directory.
        let destroyed = guarded(clock, limit, parts.runner.destroy(run.id)).await;
        let removed = match retain {
            Retain::Nothing => guarded(clock, limit, parts.git.remove(run.id)).await,
            Retain::Objects => Ok(()),
        };
        destroyed.and(removed)
    };
    let tokens = guarded(clock, limit, run.release(None));
    let (container_then_files, tokens) = tokio::join!(container_then_files, tokens);
    container_then_files.and(tokens)
}
