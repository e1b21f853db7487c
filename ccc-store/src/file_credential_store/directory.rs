//! A directory that only the current user can access, with files that are replaced atomically.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ccc_core::private_dir::create_private_dir;
use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RawMode};
use rustix::io::Errno;

/// Maximum size of a file, in bytes. The limit is larger than any credential, and larger than an
/// index of many thousand credentials.
const MAX_FILE: u64 = 16 << 20;
/// The prefix of the names of files that are being written.
const UNFINISHED: &str = "unfinished-";
const LOCK_FILE: &str = "lock";
/// The mode of new files: only the owner can read and write them.
const PRIVATE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// The write lock of a directory. It excludes all other threads and processes, and is released when
/// dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: OwnedFd,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |e: io::Error| {
            let line = format!("cannot create or open the directory {}", path.display());
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        };
        create(path).map_err(failed)?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(refused(
                    path,
                    "is a symbolic link: replace the link with the directory that it points to",
                ));
            }
            opened => opened.map_err(|e| failed(e.into()))?,
        };
        let directory = Self { path: path.to_owned(), descriptor };
        directory.check(&directory.descriptor, path, FileType::Directory)?;
        Ok(directory)
    }

    /// Checks that the opened file or directory has the type `expected`, belongs to the user of
    /// this process, and is accessible only to this user. Otherwise fails with
    /// [`ErrorKind::Refused`].
    fn check(&self, opened: &OwnedFd, path: &Path, expected: FileType) -> Result<()> {
        let found =
            rustix::fs::fstat(opened).map_err(|e| self.failed("inspect", path, e.into()))?;
        if FileType::from_raw_mode(found.st_mode) != expected {
            return Err(refused(
                path,
                "is not a regular file: remove it, or restore the file from a backup",
            ));
        }
        if found.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused(
                path,
                "belongs to another user: use `chown` to make the user of the service the owner",
            ));
        }
        let open: RawMode = found.st_mode & 0o077;
        if open != 0 {
            let mode = if expected == FileType::Directory { "700" } else { "600" };
            let line = format!(
                "is accessible to other users (mode {:o}): restrict it with `chmod {mode}`, and assume that other users know the contents",
                found.st_mode & 0o777
            );
            return Err(refused(path, &line));
        }
        Ok(())
    }

    fn failed(&self, what: &str, path: &Path, e: io::Error) -> Error {
        Error::new(ErrorKind::from_io(&e), format!("cannot {what} {}", path.display()))
            .with_source(e)
    }

    /// Returns the contents of the file `name`, or `None` if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        // NONBLOCK: opening a named pipe must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                return Err(refused(
                    &path,
                    "is a symbolic link: replace the link with the file that it points to",
                ));
            }
            opened => opened.map_err(|e| self.failed("read", &path, e.into()))?,
        };
        self.check(&file, &path, FileType::RegularFile)?;
        let mut contents = Vec::new();
        let read = File::from(file).take(MAX_FILE + 1).read_to_end(&mut contents);
        read.map_err(|e| self.failed("read", &path, e))?;
        if contents.len() as u64 > MAX_FILE {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the file {} is larger than 16 MiB, the limit for files of the credential store: restore it from a backup",
                    path.display()
                ),
            ));
        }
        Ok(Some(contents))
    }

    /// Replaces the file `name` atomically. The new contents survive a crash of the machine only
    /// after a later call to [`sync`](Self::sync) has returned.
    pub(super) fn write(&self, name: &str, contents: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        if contents.len() as u64 > MAX_FILE {
            let line = format!(
                "cannot write the file {}: it would be larger than the limit of 16 MiB",
                path.display()
            );
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        let failed = |e: Errno| self.failed("write", &path, e.into());
        let unfinished = format!("{UNFINISHED}{name}");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
        let open = || {
            rustix::fs::openat(&self.descriptor, &unfinished, flags | OFlags::CLOEXEC, PRIVATE_MODE)
        };
        let made = match open() {
            // The caller holds the lock, so this file was left by a writer that was interrupted.
            Err(Errno::EXIST) => {
                self.remove(&unfinished)?;
                open()
            }
            made => made,
        };
        let mut file = File::from(made.map_err(failed)?);
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| {
            Ok(rustix::fs::renameat(&self.descriptor, &unfinished, &self.descriptor, name)?)
        });
        placed.map_err(|e| {
            let _ = rustix::fs::unlinkat(&self.descriptor, &unfinished, AtFlags::empty());
            self.failed("write", &path, e)
        })
    }

    /// Removes the file `name`, if it exists.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.failed("remove", &self.path.join(name), e.into())),
        }
    }

    /// Writes the names of the files in the directory to the disk (fsync).
    pub(super) fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.descriptor).map_err(|e| self.failed("write", &self.path, e.into()))
    }

    /// Waits until no other thread or process holds the write lock, and acquires it.
    pub(super) fn lock(&self) -> Result<Lock> {
        let path = self.path.join(LOCK_FILE);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, LOCK_FILE, flags, PRIVATE_MODE) {
            Err(Errno::LOOP) => {
                return Err(refused(
                    &path,
                    "is a symbolic link: replace the link with the file that it points to",
                ));
            }
            opened => opened.map_err(|e| self.failed("open", &path, e.into()))?,
        };
        self.check(&file, &path, FileType::RegularFile)?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.failed("lock", &path, e.into())),
            }
        }
    }

    /// Returns the names of all files in the directory, except the lock file.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let failed = |e: Errno| self.failed("list", &self.path, e.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy();
            if !matches!(&*name, "." | ".." | LOCK_FILE) {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    /// Returns the names and contents of all complete files. Waits until no write is active.
    pub(super) fn contents(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let _lock = self.lock()?;
        let mut files = Vec::new();
        for name in self.names()?.into_iter().filter(|name| !Self::is_unfinished(name)) {
            if let Some(contents) = self.read(&name)? {
                files.push((name, contents));
            }
        }
        Ok(files)
    }

    /// Writes `files` to this directory, which must be empty.
    pub(super) fn fill(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let _lock = self.lock()?;
        if !self.names()?.is_empty() {
            let line = format!("the directory {} is not empty", self.path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, line));
        }
        for (name, contents) in files {
            if name.is_empty() || name.contains('/') || matches!(&**name, "." | ".." | LOCK_FILE) {
                let line = "the backup has a file whose name is a path: use another backup";
                return Err(Error::new(ErrorKind::InvalidInput, line));
            }
            self.write(name, contents)?;
        }
        self.sync()
    }

    /// Returns whether `name` is the name of a file that was not completely written.
    pub(super) fn is_unfinished(name: &str) -> bool {
        name.starts_with(UNFINISHED)
    }
}

/// Creates the directory `path` and its missing parents, each with mode 0700. Syncs the names of
/// the new directories to the disk.
fn create(path: &Path) -> io::Result<()> {
    let missing =
        path.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists());
    let missing: Vec<&Path> = missing.collect();
    create_private_dir(path)?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("{} {why}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    #[test]
    fn a_full_disk_has_its_own_kind_and_the_error_names_the_file() {
        // spec: S5c
        let descriptor = File::open("/").unwrap().into();
        let directory = Directory { path: PathBuf::from("/"), descriptor };
        for (errno, expected) in [
            (Errno::NOSPC, ErrorKind::DiskFull),
            (Errno::DQUOT, ErrorKind::DiskFull),
            (Errno::FBIG, ErrorKind::LimitExceeded),
            (Errno::IO, ErrorKind::Unavailable),
            (Errno::ROFS, ErrorKind::Unavailable),
        ] {
            let error = directory.failed("write", Path::new("/index"), errno.into());
            assert_eq!(error.kind(), expected, "{errno}");
            assert!(error.to_string().contains("cannot write /index"), "{error}");
        }
    }
}
