//! A walk through a directory tree that other processes can change at the same time.

use std::ffi::CStr;
use std::fs::{self, Permissions};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

/// Maximum depth of nested directories in a walk. Each level uses a file descriptor. A deeper tree
/// is probably meant to hide files from the walk.
const MAX_DEPTH: usize = 200;

const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Calls `visit` for every entry below `top`, with the entry's directory, its name, and its
/// metadata. Stops when `visit` returns [`ControlFlow::Break`], and returns the value of that
/// `Break`. Returns `None` after a complete walk.
///
/// The walk never leaves the tree, even if other processes change the tree at the same time. Each
/// directory is opened relative to its parent, and symlinks below `top` are not followed. An entry
/// that was removed or has changed its type is skipped. If access to a directory is denied, the
/// walk sets the directory's permissions to `0o700`, which succeeds if this process owns the
/// directory. Memory use grows only with the depth of the tree.
///
/// # Errors
/// Returns an error if an entry cannot be read. The error has the kind
/// [`InvalidFilename`](io::ErrorKind::InvalidFilename) if directories are nested more than 200 levels
/// deep. Also returns the errors of `visit`.
pub fn walk_tree<B>(
    top: &Path,
    mut visit: impl FnMut(BorrowedFd<'_>, &CStr, &Stat) -> io::Result<ControlFlow<B>>,
) -> io::Result<Option<B>> {
    // The path `top` is trusted, so it may contain symlinks.
    let mut open =
        vec![Dir::new(openat(CWD, top, OPEN.difference(OFlags::NOFOLLOW), Mode::empty())?)?];
    while let Some(directory) = open.last_mut() {
        let Some(entry) = directory.read() else {
            open.pop();
            continue;
        };
        let entry = entry?;
        let (at, name) = (directory.fd()?, entry.file_name());
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = || statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
        let Some(found) = ignore_vanished(retry_with_access(at, stat))? else { continue };
        if let ControlFlow::Break(broken) = visit(at, name, &found)? {
            return Ok(Some(broken));
        }
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            let Some(inner) = ignore_vanished(enter(at, name))? else { continue };
            if open.len() == MAX_DEPTH {
                // The kind of a limit: the walk of the same tree fails again.
                let line = "directories are nested more than 200 levels deep: move or remove the deepest ones";
                return Err(io::Error::new(io::ErrorKind::InvalidFilename, line));
            }
            open.push(Dir::new(inner)?);
        }
    }
    Ok(None)
}

/// Converts an error to `None` if the entry was removed or is no longer a directory.
fn ignore_vanished<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Opens the directory `name` in the directory `at` for reading, without following a symlink. If
/// access is denied, sets the permissions of `name` to `0o700` and tries again.
fn enter(at: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    match openat(at, name, OPEN, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let place = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(at, name, place, Mode::empty())?;
            grant_owner_access(&place)?;
            Ok(openat(&place, c".", OPEN, Mode::empty())?)
        }
        // The kernel reports a symlink that is not followed as `ELOOP`.
        Err(Errno::LOOP) => Err(Errno::NOTDIR.into()),
        opened => Ok(opened?),
    }
}

/// Calls `act`, which accesses the directory `at`. If access is denied, sets the permissions of
/// `at` to `0o700` and calls `act` again.
fn retry_with_access<T>(at: BorrowedFd<'_>, act: impl Fn() -> Result<T, Errno>) -> io::Result<T> {
    match act() {
        Err(Errno::ACCESS) => {
            grant_owner_access(&at)?;
            Ok(act()?)
        }
        done => Ok(done?),
    }
}

/// Sets the permissions of a directory to `0o700`: full access for the owner, and no access for
/// other users. Uses the descriptor of the directory, because another process can replace the
/// directory at its path.
fn grant_owner_access(directory: &impl AsRawFd) -> io::Result<()> {
    let this = format!("/proc/self/fd/{}", directory.as_raw_fd());
    fs::set_permissions(this, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_walk_never_leaves_the_tree() {
        // spec: X2
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(outside.path().join("b")).unwrap();
        symlink(outside.path(), inside.path().join("link")).unwrap();
        fs::create_dir(inside.path().join("race")).unwrap();
        let mut names = Vec::new();
        let gone = walk_tree(inside.path(), |_, name, _| {
            names.push(name.to_str().unwrap().to_owned());
            // `race` is a directory when its metadata is read, and a symlink when it is opened.
            if name == c"race" {
                fs::remove_dir(inside.path().join("race")).unwrap();
                symlink(outside.path(), inside.path().join("race")).unwrap();
            }
            Ok(ControlFlow::<()>::Continue(()))
        });
        assert_eq!(gone.unwrap(), None);
        names.sort_unstable();
        assert_eq!(names, ["link", "race"]);
        let led = fs::read_dir(inside.path().join("race")).unwrap().count();
        assert_eq!(
            led, 1,
            "the symlink `race` must lead out of the tree, or this test proves nothing"
        );
    }
}
