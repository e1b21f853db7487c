//! The error for a limit that was exceeded, the same for every runner (spec: X14d).

use ccc_core::container::Resources;
use ccc_core::{Error, ErrorKind};
use ccc_keeper::LimitBreach;

/// Returns the error that names the limit.
pub(crate) fn error(breach: LimitBreach, resources: &Resources) -> Error {
    let line = match breach {
        LimitBreach::Bytes => {
            format!("the workspace holds more than {} MiB", resources.workspace_bytes >> 20)
        }
        LimitBreach::Entries => format!(
            "the workspace holds more than {} files and directories, or deeper ones than paths reach",
            resources.workspace_entries
        ),
        LimitBreach::Disk => {
            "the disk that has the workspace on it is nearly full: make room there".to_owned()
        }
        LimitBreach::Processes => format!(
            "the container had as many processes as it may have, {}, for too long",
            resources.processes
        ),
    };
    Error::new(ErrorKind::LimitExceeded, line)
}
