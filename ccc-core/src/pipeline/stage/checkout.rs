//! Checkout: a fresh workspace, with a token that can only read.

use std::path::PathBuf;
use std::time::Duration;

use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::progress::Base;
use crate::vcs::{Grant, Repository};

/// The shortest life of a token that reads.
pub(super) const READ_TTL: Duration = Duration::from_secs(5 * 60);

/// The files of a run, and where they come from.
#[derive(Debug)]
pub(in crate::pipeline) struct CheckedOut {
    /// The host directory with the files.
    pub(in crate::pipeline) workspace: PathBuf,
    /// The commit that the files are of.
    pub(in crate::pipeline) base: Base,
}

/// Fetches the default branch and unpacks it into a fresh workspace.
pub(in crate::pipeline) async fn checkout(
    run: &RunContext,
    repository: &Repository,
) -> Result<CheckedOut, Halt> {
    let access = run.access(Grant::Read, READ_TTL).await?;
    let workspace = run.parts.git.checkout(run.id, repository, &access).await?;
    let base = Base { branch: repository.default_branch.clone(), commit: workspace.base };
    Ok(CheckedOut { workspace: workspace.path, base })
}
