//! The file with the key of the credentials.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result, Secret};
use rustix::fs::FlockOperation;
use tempfile::NamedTempFile;

/// Reads it.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when that is not possible.
pub(super) fn read(path: &Path) -> Result<Secret> {
    let failed = |e: io::Error| {
        let line = format!("cannot read the key of the credentials from {}", path.display());
        Error::new(ErrorKind::InvalidInput, line).with_source(e)
    };
    let found = fs::metadata(path).map_err(failed)?;
    // Root's is whoever mounted it here.
    if found.uid() != rustix::process::geteuid().as_raw() && found.uid() != 0 {
        tracing::warn!(
            "the key of the credentials belongs to another user, who can put another in its place: {}",
            path.display()
        );
    }
    if !found.is_file() {
        let line = format!("the key of the credentials at {} is no file", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    if found.permissions().mode() & 0o007 != 0 {
        tracing::warn!(
            "everybody on this machine can read the key of the credentials: chmod 600 {}",
            path.display()
        );
    }
    fs::read(path).map(Secret::new).map_err(failed)
}

/// Makes or replaces a file that is no secret; whole or not at all.
pub(super) fn put(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(directory(path))?;
    prepared(path, &Secret::from(text))?.persist(path).map_err(|e| e.error)?;
    File::open(directory(path))?.sync_all()
}

/// Makes it; false where there is one by now, which stays.
pub(super) fn make(path: &Path, key: &Secret) -> Result<bool> {
    let made = || -> io::Result<bool> {
        fs::create_dir_all(directory(path))?;
        match prepared(path, key)?.persist_noclobber(path) {
            Ok(_) => File::open(directory(path))?.sync_all().map(|()| true),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e.error),
        }
    };
    made().map_err(|e| unwritten(path, e))
}

/// Puts another one in its place, with the owner and the rights that it has, where a link leads to.
pub(super) fn replace(path: &Path, key: &Secret) -> Result<()> {
    let replaced = || -> io::Result<()> {
        let path = fs::canonicalize(path)?;
        let (before, new) = (fs::metadata(&path)?, prepared(&path, key)?);
        std::os::unix::fs::fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
        new.as_file().set_permissions(before.permissions())?;
        new.as_file().sync_all()?;
        new.persist(&path).map_err(|e| e.error)?;
        File::open(directory(&path))?.sync_all()
    };
    replaced().map_err(|e| unwritten(path, e))
}

/// Held, nobody else replaces it.
///
/// # Errors
/// [`ErrorKind::Unavailable`] while somebody else does.
pub(super) fn hold(path: &Path) -> Result<File> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&lock);
    let file = file.map_err(|e| unwritten(&lock, e))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let line = "somebody else is changing the key of the credentials: wait, and look at it with `ccc config show`";
            Err(Error::new(ErrorKind::Unavailable, line))
        }
        Err(e) => Err(unwritten(&lock, e.into())),
    }
}

/// Beside the path, for its owner alone, and on the disk.
fn prepared(path: &Path, text: &Secret) -> io::Result<NamedTempFile> {
    let mut new = NamedTempFile::new_in(directory(path))?;
    new.write_all(text.expose())?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    Ok(new)
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn unwritten(path: &Path, e: io::Error) -> Error {
    let line = format!("cannot write the key of the credentials to {}", path.display());
    Error::new(ErrorKind::Unavailable, line).with_source(e)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_key_that_is_replaced_keeps_its_place_and_its_rights() {
        // spec: S11c
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        assert!(make(&file, &Secret::from("one")).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert!(!make(&file, &Secret::from("two")).unwrap(), "it was there");
        symlink(&file, &link).unwrap();
        assert!(!make(&link, &Secret::from("two")).unwrap());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&link, &Secret::from("three")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_to_string(&file).unwrap(), "three\n");
        let held = hold(&file).unwrap();
        assert_eq!(hold(&file).unwrap_err().kind(), ErrorKind::Unavailable);
        drop(held);
        hold(&file).unwrap();
        assert_eq!(directory(Path::new("ccc.key")), Path::new("."));
    }
}
