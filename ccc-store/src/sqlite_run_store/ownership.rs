//! The lock that makes one process the owner of a database.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock};

/// The lock on the lock file of a database. It ends when the value is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Ownership {
    _file: File,
}

impl Ownership {
    /// Takes the lock for the database in the file `path`, without a wait.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let file = private_file(&lock)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let line = format!(
                "another process uses the run store {}: end that process, or use another data directory",
                path.display()
            );
            Error::new(ErrorKind::Conflict, line).with_source(error)
        })?;
        Ok(Self { _file: file })
    }
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
