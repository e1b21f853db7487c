//! What is said of a ceiling that was reached, the same for every runner (spec: X14d).

use ccc_core::container::Resources;
use ccc_core::{Error, ErrorKind};
use ccc_keeper::Breach;

/// The error that names the ceiling.
pub(crate) fn error(breach: Breach, resources: &Resources) -> Error {
    let line = match breach {
        Breach::Bytes => {
            format!("the workspace holds more than {} MiB", resources.workspace_bytes >> 20)
        }
        Breach::Entries => format!(
            "the workspace holds more than {} files and directories, or deeper ones than paths reach",
            resources.workspace_entries
        ),
        Breach::Disk => {
            "the disk that has the workspace on it is nearly full: make room there".to_owned()
        }
        Breach::Processes => format!(
            "the container had as many processes as it may have, {}, for too long",
            resources.processes
        ),
    };
    Error::new(ErrorKind::LimitExceeded, line)
}
