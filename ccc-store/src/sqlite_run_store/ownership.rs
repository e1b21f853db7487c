//! The lock that makes one process the owner of a database.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock};

/// The lock on the lock file of a database. It ends when the value is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Ownership {
    _file: File,
}

/// Number of attempts to take the lock. [`Ownership::is_taken`] of another process can hold it for a
/// moment.
const ATTEMPTS: u32 = 20;

/// The time between two attempts to take the lock.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

impl Ownership {
    /// Takes the lock for the database in the file `path`. Waits for a short time at most.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let file = private_file(&lock_file(path))?;
        let mut attempts = 1;
        let locked = loop {
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            if locked.is_ok() || attempts == ATTEMPTS {
                break locked;
            }
            attempts += 1;
            std::thread::sleep(BETWEEN_ATTEMPTS);
        };
        locked.map_err(|error| {
            let line = format!(
                "another process uses the run store {}: end that process, or use another data directory",
                path.display()
            );
            Error::new(ErrorKind::Conflict, line).with_source(error)
        })?;
        Ok(Self { _file: file })
    }

    /// Returns whether a process has the lock for the database in the file `path`.
    pub(super) fn is_taken(path: &Path) -> bool {
        // Without a lock file, no process has opened the database.
        let Ok(file) = File::open(lock_file(path)) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Opens the file `path` to read and write. Creates it so that only the user of this process can
/// access it.
pub(super) fn private_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|error| {
        let line = format!(
            "cannot open the file {} of the run store: check its directory and permissions",
            path.display()
        );
        Error::new(ErrorKind::Unavailable, line).with_source(error)
    })
}
