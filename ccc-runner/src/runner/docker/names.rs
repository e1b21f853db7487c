//! Names and paths that all containers have in common.

use ccc_core::RunId;

/// The path of the workspace inside a container.
pub(crate) const WORKSPACE: &str = "/workspace";
/// The home directory of the programs inside a container. It is in memory, and is lost with the
/// container.
pub(crate) const HOME: &str = "/tmp/home";
/// The path of the keeper inside a container. The keeper is the first program of every container.
pub(crate) const KEEPER: &str = "/usr/local/bin/ccc-keeper";

/// Returns the name of the container of `run`. The name depends only on the run, so it is known
/// before the container exists.
pub(crate) fn container_name(run: RunId) -> String {
    format!("ccc-{run}")
}
