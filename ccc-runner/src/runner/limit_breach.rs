//! Errors for exceeded limits. Every runner reports the same errors (spec: X14d).

use ccc_core::container::Resources;
use ccc_core::{Error, ErrorKind};
use ccc_keeper::LimitBreach;

/// Converts `breach` to an error that names the exceeded limit. `resources` are the limits of the
/// container.
pub(crate) fn error(breach: LimitBreach, resources: &Resources) -> Error {
    let kind = match breach {
        LimitBreach::Disk => ErrorKind::DiskFull,
        _ => ErrorKind::LimitExceeded,
    };
    let line = match breach {
        LimitBreach::Bytes => {
            format!("the workspace contains more than {} MiB", resources.workspace_bytes >> 20)
        }
        LimitBreach::Entries => format!(
            "the workspace contains more than {} files and directories, or a path that is too long",
            resources.workspace_entries
        ),
        LimitBreach::Disk => {
            "the disk that contains the workspace is nearly full: free some space on this disk"
                .to_owned()
        }
        LimitBreach::Processes => format!(
            "the container stayed at its limit of {} processes for several seconds",
            resources.processes
        ),
    };
    Error::new(kind, line)
}
