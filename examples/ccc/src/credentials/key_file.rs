//! The file with the encryption key of the credential store.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ccc_core::private_dir::create_private_dir;
use ccc_core::{Error, ErrorKind, Result, Secret};
use rustix::fs::FlockOperation;
use tempfile::NamedTempFile;

use crate::config::shown_path;

/// Reads the key file `path`. Logs a warning if every user of this machine has access to the file,
/// or if the owner of the file is neither root nor the user of this process.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `path` cannot be read, or is not a regular file.
pub(super) fn read(path: &Path) -> Result<Secret> {
    let failed = |e: io::Error| {
        let line = format!("cannot read the key of the credential store from {}", shown_path(path));
        Error::new(ErrorKind::InvalidInput, line).with_source(e)
    };
    let found = fs::metadata(path).map_err(failed)?;
    // A key file that belongs to root was usually mounted into a container, so this is not
    // reported.
    if found.uid() != rustix::process::geteuid().as_raw() && found.uid() != 0 {
        tracing::warn!(
            "{} with the key of the credential store belongs to another user, who can replace the key: use chown to make the user that executes this program the owner of the file",
            shown_path(path)
        );
    }
    if !found.is_file() {
        let line = format!(
            "{} of the setting store.key_file is not a regular file: set the path of a file with a key",
            shown_path(path)
        );
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    if found.permissions().mode() & 0o007 != 0 {
        tracing::warn!(
            "every user of this machine has access to the key of the credential store: use `chmod 600` to restrict the access to {}",
            shown_path(path)
        );
    }
    fs::read(path).map(Secret::new).map_err(failed)
}

/// Creates or replaces the file `path` atomically. The new contents are `text`, which must not be a
/// secret. For a key file, use [`create`] or [`replace`] instead.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    create_private_dir(directory(path))?;
    write_temporary(path, &Secret::from(text))?.persist(path).map_err(|e| e.error)?;
    File::open(directory(path))?.sync_all()
}

/// Creates the key file `path` with mode 0600. If the file already exists, returns `false` and
/// changes nothing.
pub(super) fn create(path: &Path, key: &Secret) -> Result<bool> {
    let created = || -> io::Result<bool> {
        create_private_dir(directory(path))?;
        match write_temporary(path, key)?.persist_noclobber(path) {
            Ok(_) => File::open(directory(path))?.sync_all().map(|()| true),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e.error),
        }
    };
    created().map_err(|e| write_error(path, e))
}

/// Replaces the contents of the key file `path` atomically. If `path` is a symlink, replaces the
/// target of the symlink. The owner and the mode of the file stay the same.
pub(super) fn replace(path: &Path, key: &Secret) -> Result<()> {
    let replaced = || -> io::Result<()> {
        let path = fs::canonicalize(path)?;
        let (before, new) = (fs::metadata(&path)?, write_temporary(&path, key)?);
        std::os::unix::fs::fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
        new.as_file().set_permissions(before.permissions())?;
        new.as_file().sync_all()?;
        new.persist(&path).map_err(|e| e.error)?;
        File::open(directory(&path))?.sync_all()
    };
    replaced().map_err(|e| write_error(path, e))
}

/// Acquires the lock of the key file `path`. Until the returned file is dropped, other processes
/// cannot acquire this lock.
///
/// # Errors
/// [`ErrorKind::Unavailable`] while another process holds the lock.
pub(super) fn lock(path: &Path) -> Result<File> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&lock);
    let file = file.map_err(|e| write_error(&lock, e))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let line = "another process is changing the key of the credential store: wait until that process has ended, and \
                        try again";
            Err(Error::new(ErrorKind::Unavailable, line))
        }
        Err(e) => Err(write_error(&lock, e.into())),
    }
}

/// Writes `text` to a temporary file in the directory of `path`, with mode 0600, and syncs the file
/// to the disk.
fn write_temporary(path: &Path, text: &Secret) -> io::Result<NamedTempFile> {
    let mut new = NamedTempFile::new_in(directory(path))?;
    new.write_all(text.expose())?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    Ok(new)
}

/// Returns the directory that contains `path`.
fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Returns the error that the key file or lock file `path` cannot be written.
fn write_error(path: &Path, e: io::Error) -> Error {
    let line = format!(
        "cannot write {}, which is necessary to store the key of the credential store",
        shown_path(path)
    );
    Error::new(ErrorKind::Unavailable, line).with_source(e)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;

    use ccc_core::{ErrorKind, Secret};

    use super::{create, directory, lock, read, replace};

    #[test]
    fn a_replaced_key_file_has_the_same_path_and_mode() {
        // spec: S11c
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        assert!(create(&file, &Secret::from("one")).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert!(!create(&file, &Secret::from("two")).unwrap(), "the file already exists");
        symlink(&file, &link).unwrap();
        assert!(!create(&link, &Secret::from("two")).unwrap());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&link, &Secret::from("three")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_to_string(&file).unwrap(), "three\n");
        let held = lock(&file).unwrap();
        assert_eq!(lock(&file).unwrap_err().kind(), ErrorKind::Unavailable);
        drop(held);
        lock(&file).unwrap();
        assert_eq!(directory(Path::new("ccc.key")), Path::new("."));
    }

    #[test]
    fn a_path_that_can_be_a_secret_is_not_shown() {
        // spec: S10c
        let dir = tempfile::Builder::new().prefix("hunter2-").tempdir_in(".").unwrap();
        let name = Path::new(dir.path().file_name().unwrap());
        for error in [read(name).unwrap_err(), read(&name.join("no-file")).unwrap_err()] {
            let shown = error.to_string();
            assert!(!shown.contains("hunter2") && shown.contains("not shown"), "{shown}");
        }
        let shown = read(dir.path().parent().unwrap()).unwrap_err().to_string();
        assert!(shown.contains("not a regular file"), "{shown}");
    }
}
