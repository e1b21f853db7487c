//! Access to the files of a workspace through descriptors (spec: X6f).
//!
//! A program of the run can still change the workspace while this process reads it. Each name is
//! therefore resolved in an open directory, and no symlink is followed. If such a program replaces a
//! directory with a symlink, this process still reads no other place.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

/// Maximum length of the path of a directory that a walk enters, in bytes. Git opens no longer path.
const MAX_PATH: usize = 4_095;
/// Maximum number of open directories of a walk. Directories further up are closed, and opened again
/// when the walk returns to them.
const MAX_OPEN: usize = 64;

/// Opens the directory `name` in `at` for reading, without following a symlink.
fn enter(at: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// An open workspace.
#[derive(Debug)]
pub(super) struct Workspace(OwnedFd);

impl Workspace {
    /// Opens the workspace at `path`. The directories above the workspace belong to this process's
    /// user alone, except the last: the workspace itself and its parent must not be symlinks.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::INVAL.into());
        };
        Ok(Self(enter(enter(CWD, parent.as_os_str())?, name)?))
    }

    pub(super) fn into_descriptor(self) -> OwnedFd {
        self.0
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Returns the status of the entry at `path`, relative to the workspace. Fails if a directory in
    /// `path` is a symlink.
    pub(super) fn stat(&self, path: &[u8]) -> io::Result<Stat> {
        let (directory, name) = self.parent(path)?;
        let directory = directory.as_ref().unwrap_or(&self.0);
        Ok(statat(directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Opens the directory that contains the entry at `path`, relative to the workspace, and returns
    /// it with the name of the entry. Returns no directory for an entry of the workspace itself.
    /// Fails if a directory in `path` is a symlink, or if `path` contains `..`.
    pub(super) fn parent<'p>(&self, path: &'p [u8]) -> io::Result<(Option<OwnedFd>, &'p [u8])> {
        let (mut at, mut rest) = (None, path);
        loop {
            let end = memchr::memchr(b'/', rest);
            let name = &rest[..end.unwrap_or(rest.len())];
            if matches!(name, b"" | b"." | b"..") {
                return Err(Errno::NOENT.into());
            }
            let Some(end) = end else {
                return Ok((at, name));
            };
            at = Some(enter(at.as_ref().unwrap_or(&self.0), OsStr::from_bytes(name))?);
            rest = &rest[end + 1..];
        }
    }
}

/// A directory on the way from the workspace to the current directory of a walk.
struct Level {
    /// The length of the directory's path, relative to the workspace.
    path_len: usize,
    name: Vec<u8>,
    /// The device and the inode of the directory. A directory that is opened again must be the same.
    id: (u64, u64),
    /// The open directory, or `None` if the walk closed it.
    open: Option<OwnedFd>,
    /// The names of the directories in this directory that the walk has not entered yet.
    waiting: Vec<Vec<u8>>,
}

/// A walk through all directories of a workspace, at any depth. The number of open files and the
/// size of the stack do not depend on the depth.
pub(super) struct Walk<'a> {
    workspace: &'a Workspace,
    levels: Vec<Level>,
    /// The path of the current directory, relative to the workspace.
    path: Vec<u8>,
    /// The total length of the names that wait, in bytes.
    waiting: usize,
}

/// A directory that a walk has reached, or could not enter.
pub(super) struct Reached {
    /// The path relative to the workspace; empty for the workspace itself.
    pub(super) path: Vec<u8>,
    /// The entries of the directory, or the error if the directory could not be opened.
    pub(super) listing: io::Result<Dir>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, levels: Vec::new(), path: Vec::new(), waiting: 0 }
    }

    /// Returns the total length, in bytes, of the names of directories that the walk has found but
    /// not yet entered.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Adds the directory `name` of the current directory to the walk.
    pub(super) fn push(&mut self, name: &[u8]) {
        if let Some(level) = self.levels.last_mut() {
            self.waiting += name.len();
            level.waiting.push(name.to_vec());
        }
    }

    /// Returns the descriptor of the current directory.
    pub(super) fn current(&self) -> Option<&OwnedFd> {
        self.levels.last()?.open.as_ref()
    }

    /// Enters the next directory. Returns `None` at the end of the walk.
    pub(super) fn next_directory(&mut self) -> Option<Reached> {
        if self.levels.is_empty() && self.path.is_empty() {
            return Some(self.start());
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.waiting.pop() else {
                self.levels.pop();
                if self.levels.is_empty() {
                    // Not empty, so that the walk does not start again.
                    self.path = b".".to_vec();
                    return None;
                }
                continue;
            };
            self.waiting -= name.len();
            self.path.truncate(level.path_len);
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            let entered = if self.path.len() > MAX_PATH {
                Err(Errno::NAMETOOLONG.into())
            } else {
                self.reopen().and_then(|()| self.enter(name))
            };
            return Some(Reached { path: self.path.clone(), listing: entered });
        }
    }

    fn start(&mut self) -> Reached {
        let opened = || -> io::Result<_> {
            let open = enter(&self.workspace.0, OsStr::new("."))?;
            let listing = Dir::read_from(&open)?;
            Ok((id(&open)?, open, listing))
        };
        let listing = opened().map(|(id, open, listing)| {
            let (name, waiting) = (Vec::new(), Vec::new());
            self.levels.push(Level { path_len: 0, name, id, open: Some(open), waiting });
            listing
        });
        if listing.is_err() {
            self.path = b".".to_vec();
        }
        Reached { path: Vec::new(), listing }
    }

    fn enter(&mut self, name: Vec<u8>) -> io::Result<Dir> {
        let above = self.current().ok_or(Errno::NOENT)?;
        let open = enter(above, OsStr::from_bytes(&name))?;
        let listing = Dir::read_from(&open)?;
        let id = id(&open)?;
        let (path_len, waiting) = (self.path.len(), Vec::new());
        self.levels.push(Level { path_len, name, id, open: Some(open), waiting });
        if self.levels.len() > MAX_OPEN {
            let far = self.levels.len() - MAX_OPEN - 1;
            self.levels[far].open = None;
        }
        Ok(listing)
    }

    /// Opens the current directory and some directories above it again, if the walk closed them.
    fn reopen(&mut self) -> io::Result<()> {
        if self.current().is_some() {
            return Ok(());
        }
        let kept = self.levels.len().saturating_sub(MAX_OPEN / 2);
        let mut open = enter(&self.workspace.0, OsStr::new("."))?;
        for (depth, level) in self.levels.iter_mut().enumerate() {
            if depth > 0 {
                open = enter(&open, OsStr::from_bytes(&level.name))?;
            }
            if id(&open)? != level.id {
                return Err(Errno::NOENT.into());
            }
            if depth >= kept {
                level.open = Some(enter(&open, OsStr::new("."))?);
            }
        }
        Ok(())
    }
}

fn id(directory: &OwnedFd) -> io::Result<(u64, u64)> {
    let found = fstat(directory)?;
    Ok((found.st_dev, found.st_ino))
}

/// Returns the type of the entry `name` in `directory`, which the listing of the directory names as
/// `listed`.
pub(super) fn kind(directory: &OwnedFd, name: &[u8], listed: FileType) -> io::Result<FileType> {
    if listed != FileType::Unknown {
        return Ok(listed);
    }
    let found = statat(directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode))
}

#[cfg(test)]
pub(super) mod tests;
