//! The name of a run's container, and the paths that are the same in every container.

use ccc_core::RunId;

/// The path of the workspace inside a container.
pub(crate) const WORKSPACE: &str = "/workspace";
/// The home directory of the programs inside a container. It is on a file system in memory, so its
/// files are lost when the container ends.
pub(crate) const HOME: &str = "/tmp/home";
/// The path of the keeper inside a container. The keeper is the first program of every container.
pub(crate) const KEEPER: &str = "/usr/local/bin/ccc-keeper";

/// Returns the name of the container of `run`. The name depends only on the run, so it is known
/// before the container exists.
pub(crate) fn container_name(run: RunId) -> String {
    format!("ccc-{run}")
}
