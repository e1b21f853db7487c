//! Removal of directory trees, including trees that an agent made difficult to remove, for example
//! with deep nesting or with directories without write permission.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, CWD, Dir, DirEntry, FileType, Mode, OFlags, fchmod, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::{Error, ErrorKind, Result};

/// Removes the file or directory tree at `path`, without following symlinks. A tree can have any
/// depth and any file modes. Returns `Ok` if `path` does not exist.
///
/// If the caller drops the future, the removal stops before its end. The caller can then call this
/// function again.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if an entry cannot be removed.
pub async fn remove_tree(path: PathBuf) -> Result<()> {
    let given_up = AbandonOnDrop(Arc::default());
    let flag = Arc::clone(&given_up.0);
    tokio::task::spawn_blocking(move || {
        // A process that was killed immediately before can still complete a last write, so the
        // removal is tried several times.
        let mut last = Ok(());
        for _ in 0..20 {
            last = remove_tree_now(&path, &flag);
            if last.is_ok() || flag.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        last
    })
    .await
    .unwrap_or_else(|e| {
        let line = "the task that removes a directory tree ended without a result";
        Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
    })
}

/// Removes the file or directory tree at `path` on the calling thread. Unlike [`remove_tree`], this
/// function tries the removal only once.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if an entry cannot be removed.
pub fn remove_tree_blocking(path: &Path) -> Result<()> {
    remove_tree_now(path, &AtomicBool::new(false))
}

/// A guard in the future of [`remove_tree`]. When the caller drops the future, the guard sets the
/// flag, and the flag stops the thread that removes the tree.
struct AbandonOnDrop(Arc<AtomicBool>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Removes the file or directory tree at `path` on the calling thread. If another thread sets
/// `give_up` during the removal, stops with an error.
pub(crate) fn remove_tree_now(path: &Path, give_up: &AtomicBool) -> Result<()> {
    remove_tree_at(CWD, path, give_up).map_err(|e| {
        Error::new(ErrorKind::from_io(&e), format!("cannot remove {}: {e}", path.display()))
    })
}

/// Removes the file or directory tree `name` in the directory `at`, as [`remove_tree_now`] does.
pub(crate) fn remove_tree_at(
    at: impl AsFd,
    name: impl Arg + Copy,
    give_up: &AtomicBool,
) -> io::Result<()> {
    let removed = match statat(&at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {
            remove_directory(at, name, give_up)
        }
        Ok(_) => unlinkat(at, name, AtFlags::empty()).map_err(Into::into),
        Err(e) => Err(e.into()),
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the directory `name` in `at` and everything in it, at any depth.
///
/// Nested directories are first moved to the top directory. Therefore the stack size, the number of
/// open files and the length of paths do not depend on the tree's depth. An agent can create a tree
/// that is too deep for a recursive removal.
///
/// Every name is resolved relative to an open directory. Therefore the agent's processes, if they
/// still run, cannot redirect the removal by replacing a directory with a symlink.
fn remove_directory(at: impl AsFd, name: impl Arg + Copy, give_up: &AtomicBool) -> io::Result<()> {
    let top = enter(&at, name)?;
    let mut moved = 0_u64;
    let mut free_name = || loop {
        moved += 1;
        let name = format!("moved-{moved}");
        if statat(&top, &name, AtFlags::SYMLINK_NOFOLLOW).is_err() {
            return name;
        }
    };
    loop {
        let mut empty = true;
        for entry in Dir::read_from(&top)? {
            if give_up.load(Ordering::Relaxed) {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the caller no longer waits for the removal",
                ));
            }
            let Some((entry, is_directory)) = named(&top, &entry?)? else { continue };
            empty = false;
            if !is_directory {
                unlinkat(&top, &entry, AtFlags::empty())?;
                continue;
            }
            let outer = enter(&top, &entry)?;
            for inner in Dir::read_from(&outer)? {
                match named(&outer, &inner?)? {
                    Some((inner, true)) => {
                        // Makes the directory writable, because a move changes its `..` entry.
                        enter(&outer, &inner)?;
                        renameat(&outer, &inner, &top, free_name())?;
                    }
                    Some((inner, false)) => unlinkat(&outer, &inner, AtFlags::empty())?,
                    None => {}
                }
            }
            unlinkat(&top, &entry, AtFlags::REMOVEDIR)?;
        }
        if empty {
            return Ok(unlinkat(&at, name, AtFlags::REMOVEDIR)?);
        }
    }
}

/// Returns the name of `entry`, and `true` if the entry is a directory. Returns `None` if the entry
/// is `.` or `..`.
fn named(directory: &OwnedFd, entry: &DirEntry) -> io::Result<Option<(CString, bool)>> {
    let name = entry.file_name();
    if matches!(name.to_bytes(), b"." | b"..") {
        return Ok(None);
    }
    let kind = match entry.file_type() {
        FileType::Unknown => {
            let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            FileType::from_raw_mode(found.st_mode)
        }
        kind => kind,
    };
    Ok(Some((name.to_owned(), kind == FileType::Directory)))
}

/// Opens the directory `name` in `at`, and sets its mode to 0700, because even the owner cannot
/// list a directory without read permission.
fn enter(at: impl AsFd, name: impl Arg + Copy) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let at = at.as_fd();
    let opened = match openat(at, name, flags | OFlags::RDONLY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let place = openat(at, name, flags | OFlags::PATH, Mode::empty())?;
            let this = format!("/proc/self/fd/{}", place.as_raw_fd());
            fs::set_permissions(this, fs::Permissions::from_mode(0o700))?;
            openat(place, c".", flags | OFlags::RDONLY, Mode::empty())?
        }
        opened => opened?,
    };
    // If `fchmod` fails, the next operation on the directory reports the reason.
    let _ = fchmod(&opened, Mode::RWXU);
    Ok(opened)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_that_is_swapped_for_a_symlink_does_not_redirect_the_removal() {
        // spec: X4d
        let (tree, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = victim.path().join("kept/file");
        fs::create_dir(victim.path().join("kept")).unwrap();
        fs::write(&file, "").unwrap();
        let mode = fs::metadata(victim.path()).unwrap().permissions();
        let (over, swaps) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (top, link) = (tree.path().join("top"), tree.path().join("link"));
                symlink(victim.path(), &link).unwrap();
                while !over.load(Ordering::Relaxed) {
                    // The rename fails between the removal of the directory and its next creation
                    // in the main loop.
                    for name in ["a", "a/b"] {
                        let (name, aside) = (top.join(name), tree.path().join("aside"));
                        if fs::rename(&name, &aside).is_ok() {
                            swaps.fetch_add(1, Ordering::Relaxed);
                            let _ = symlink(victim.path(), &name);
                            let _ = fs::remove_file(&name);
                            let _ = fs::rename(&aside, &name);
                            let _ = fs::remove_dir_all(&aside);
                        }
                    }
                }
            });
            for _ in 0..1_000 {
                let _ = fs::create_dir_all(tree.path().join("top/a/b/c"));
                let _ = remove_tree_blocking(&tree.path().join("top"));
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(swaps.load(Ordering::Relaxed) > 0, "no directory was replaced by a symlink");
        assert!(file.exists(), "the removal followed a symlink");
        assert_eq!(fs::metadata(victim.path()).unwrap().permissions(), mode);
    }
}
