//! Names that containers and images share.

use ccc_core::RunId;

/// The workspace inside a container.
pub(crate) const WORKSPACE: &str = "/workspace";
/// The home directory of the programs inside a container. It is in memory, and is lost with the
/// container.
pub(crate) const HOME: &str = "/tmp/home";
/// The first program of every container.
pub(crate) const KEEPER: &str = "/usr/local/bin/ccc-keeper";

/// Returns the name of a run's container, known before the container exists.
pub(crate) fn container_name(run: RunId) -> String {
    format!("ccc-{run}")
}
