//! The lock that makes one process the owner of a database, and the permissions of its files.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
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
        let file = private_file(&beside(path, ".lock"))?;
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
        let Ok(file) = File::open(beside(path, ".lock")) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }
}

/// Creates the file `path` of the database if it does not exist. Makes it, and the files that SQLite
/// keeps beside it, accessible only to the user of this process (spec: Q11b).
pub(super) fn make_private(path: &Path) -> Result<()> {
    // SQLite gives its other files the permissions of the database when it creates them.
    drop(private_file(path)?);
    for suffix in ["-wal", "-shm", "-journal"] {
        let file = beside(path, suffix);
        match OpenOptions::new().read(true).write(true).open(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => restrict(opened, &file).map(drop)?,
        }
    }
    Ok(())
}

/// Opens the file `path` to read and write. Creates it if it does not exist, and makes it accessible
/// only to the user of this process.
pub(super) fn private_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    restrict(options.open(path), path)
}

/// Removes the permissions of other users from the file `path`.
fn restrict(opened: io::Result<File>, path: &Path) -> Result<File> {
    let failed = |what: &str, error: io::Error| {
        let line = format!("cannot {what} the file {} of the run store", path.display());
        let next = "check its directory, its owner and its permissions";
        Error::new(ErrorKind::Unavailable, format!("{line}: {next}")).with_source(error)
    };
    let file = opened.map_err(|error| failed("open", error))?;
    let is_shared = |file: &File| {
        let mode = file.metadata().map(|found| found.permissions().mode());
        mode.map(|mode| mode & 0o077 != 0).map_err(|error| failed("read the permissions of", error))
    };
    if is_shared(&file)? {
        let restricted = file.set_permissions(Permissions::from_mode(0o600));
        restricted.map_err(|error| failed("restrict the permissions of", error))?;
        if is_shared(&file)? {
            let line = format!(
                "the file {} of the run store is accessible to other users, and its file system keeps these \
                 permissions: use another file system",
                path.display()
            );
            return Err(Error::new(ErrorKind::Unsupported, line));
        }
    }
    Ok(file)
}

/// Returns the path `path` with `suffix` at its end.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
