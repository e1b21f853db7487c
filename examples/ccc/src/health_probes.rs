//! The health checks that can hang.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

mod probe;

pub(crate) use probe::{Checked, Probe};

/// The name of the file in the data directory that the check of the disk writes.
const PROBE_FILE: &str = "health-probe";

/// The time for which the result of a check that writes to the disk is used again, because every client
/// can ask for it.
const DISK_MAX_AGE: Duration = Duration::from_secs(5);

/// The checks that can hang. Each result is `ok` or the reason for a failure.
#[derive(Debug)]
pub(crate) struct Probes {
    pub(crate) store: Probe<String>,
    pub(crate) runner: Probe<String>,
    pub(crate) disk: Probe<Disk>,
}

/// The state of the disk of the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) free_bytes: Option<u64>,
    /// The reason why the data directory cannot be written.
    pub(crate) failure: Option<String>,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            store: Probe::new(DISK_MAX_AGE),
            runner: Probe::new(Duration::ZERO),
            disk: Probe::new(DISK_MAX_AGE),
        }
    }
}

/// Checks the disk of the directory `path`: its free space, and whether a file can be written. A
/// frozen file system still reports its free space, but does not complete a write.
pub(crate) fn check_disk(path: &Path) -> Disk {
    let write = || {
        let mut options = OpenOptions::new();
        let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(nofollow);
        let mut file = options.open(path.join(PROBE_FILE))?;
        file.write_all(b"ok\n")?;
        file.sync_data()
    };
    let failure = write().err().map(|error| error.to_string());
    Disk { free_bytes: free_bytes(path), failure }
}

/// Returns the free space of the file system that contains `path`, in bytes.
fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
