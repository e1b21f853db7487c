//! Checkout: fetches the repository with a read-only token, and creates a new workspace.

use std::path::PathBuf;
use std::time::Duration;

use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::progress::Base;
use crate::vcs::{Grant, Repository};

/// Minimum remaining lifetime of a token that the run acquires before the stage Publish.
pub(super) const READ_TTL: Duration = Duration::from_secs(5 * 60);

/// The workspace of a run, and the commit whose files were written to the workspace.
#[derive(Debug)]
pub(in crate::pipeline) struct CheckedOut {
    /// The workspace, a directory on the host machine.
    pub(in crate::pipeline) workspace: PathBuf,
    /// The default branch, and the commit whose files were written to the workspace.
    pub(in crate::pipeline) base: Base,
}

/// Fetches the default branch and writes its files to a new workspace.
pub(in crate::pipeline) async fn checkout(
    run: &RunContext,
    repository: &Repository,
) -> Result<CheckedOut, Halt> {
    let access = run.access(Grant::Read, READ_TTL).await?;
    let branch = run.branch()?;
    // The branch is checked before the agent works, because the work could not be published. The
    // check and the checkout run at the same time, because both wait for the host.
    let (workspace, free) = tokio::join!(
        run.parts.git.checkout(run.id, repository, &access),
        run.parts.git.check_branch(&branch, &access)
    );
    let workspace = workspace?;
    free?;
    let base = Base { branch: repository.default_branch.clone(), commit: workspace.base };
    Ok(CheckedOut { workspace: workspace.path, base })
}
