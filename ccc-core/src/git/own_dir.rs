//! Checks that directories of the data directory belong to this process's user alone (spec: X18a).
//!
//! Git on the host machine trusts the files below the data directory: the configuration of a git
//! directory names programs that git starts. A user that could write one of these directories could
//! therefore execute programs as the user of the service. The rules for the directories above the
//! data directory are in [`ancestors`](super::ancestors).

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

use super::accounts::Accounts;
use super::acl::Acl;
use super::ancestors::{check_ancestors, volume_step};
use super::blocking::{refused, unusable};
use super::shell_word::shell_word;
use crate::private_dir::create_private_dir;
use crate::{Error, ErrorKind, Result};

/// The permission bits of users other than the owner.
const OTHERS: u32 = 0o077;
/// The permission bits with which users other than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// An open directory that belongs to the user of this process.
#[derive(Debug)]
pub(super) struct OwnDir {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl OwnDir {
    /// Opens the data directory `path`, and creates it with mode 0700 if it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if another user owns `path` or may access it, if `path` is a symlink,
    /// or if another user could replace `path` by another directory. [`ErrorKind::Unavailable`] if
    /// the directory cannot be created or opened.
    pub(super) fn open_root(path: &Path) -> Result<Self> {
        create_private_dir(path).map_err(|e| unusable(path, &e))?;
        // The last component is not resolved, so that a symlink in its place is refused.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let (parent, name) = match path.file_name() {
            Some(name) => (fs::canonicalize(parent), name),
            // The path ends with `..` or is the root of the file system.
            None => (fs::canonicalize(path), OsStr::new(".")),
        };
        let parent = parent.map_err(|e| unusable(path, &e))?;
        let accounts = Accounts::load();
        if accounts.am_outside() {
            let why = "cannot be checked, because the user of this process is not mapped in its user namespace and looks \
                       like every other unmapped user: map the user, for example with `unshare --map-root-user`";
            return Err(refused(path, why));
        }
        check_ancestors(&parent, &accounts)?;
        let path = if name == "." { parent } else { parent.join(name) };
        let root = Self::open(CWD, &path, &path)?;
        root.make_private()?;
        root.check_entries()?;
        Ok(root)
    }

    /// Opens the directory `name` in this directory, and creates it with mode 0700 if it does not
    /// exist.
    ///
    /// # Errors
    /// The errors of [`open_root`](Self::open_root).
    pub(super) fn create(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        match mkdirat(&self.descriptor, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(unusable(&path, &e.into())),
        }
        let directory = Self::open(&self.descriptor, name, &path)?;
        directory.make_private()?;
        Ok(directory)
    }

    /// Opens the existing directory `name` in this directory, or returns `None` if nothing has this
    /// name. Other users may be able to read the directory, but not to write it.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if another user owns the directory or may write it, or if it is a
    /// symlink.
    pub(super) fn existing(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>> {
        let name = name.as_ref();
        let path = self.path.join(name);
        match statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            found => found.map_err(|e| unusable(&path, &e.into()))?,
        };
        let directory = Self::open(&self.descriptor, name, &path)?;
        let mode = directory.stat()?.st_mode;
        if mode & OTHERS_WRITE != 0 {
            return Err(refused(
                &path,
                &format!(
                    "may be written by other users (mode {:o}), so its files cannot be trusted: remove it",
                    mode & 0o7777
                ),
            ));
        }
        Ok(Some(directory))
    }

    /// Opens the existing directory `relative`, a path below this directory. Checks each directory
    /// on the way as [`existing`](Self::existing) does.
    ///
    /// # Errors
    /// The errors of [`existing`](Self::existing), and [`ErrorKind::NotFound`] if a directory does
    /// not exist.
    pub(super) fn below(&self, relative: &Path) -> Result<Self> {
        let mut directory: Option<Self> = None;
        for name in relative {
            let at = directory.as_ref().unwrap_or(self);
            let next = at.existing(name)?.ok_or_else(|| {
                let line = format!("the directory {} does not exist", at.path.join(name).display());
                Error::new(ErrorKind::NotFound, line)
            })?;
            directory = Some(next);
        }
        directory.ok_or_else(|| unusable(relative, &Errno::INVAL.into()))
    }

    /// Returns the contents of the file `name` in this directory, or `None` if there is no such
    /// file.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if `name` is not a regular file of this process's user, if other users
    /// may write it, or if it is larger than `max` bytes.
    pub(super) fn read(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        // NONBLOCK: opening a named pipe must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.descriptor, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(refused(&path, "is a symbolic link: remove it")),
            opened => opened.map_err(|e| unusable(&path, &e.into()))?,
        };
        let found = fstat(&file).map_err(|e| unusable(&path, &e.into()))?;
        check_owner(&found, &path)?;
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        if !regular || found.st_mode & OTHERS_WRITE != 0 {
            let why = "is not a regular file, or may be written by other users: remove it";
            return Err(refused(&path, why));
        }
        let mut bytes = Vec::new();
        fs::File::from(file)
            .take(max + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| unusable(&path, &e))?;
        if bytes.len() as u64 > max {
            return Err(refused(&path, &format!("is larger than {max} bytes: remove it")));
        }
        Ok(Some(bytes))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }

    fn open(at: impl AsFd, name: impl rustix::path::Arg + Copy, path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at = at.as_fd();
        let descriptor = match openat(at, name, flags, Mode::empty()) {
            // The umask can have removed the permissions of the owner.
            Err(Errno::ACCESS) => {
                let place = openat(at, name, OFlags::PATH | flags, Mode::empty());
                let place = place.map_err(|e| unusable(path, &e.into()))?;
                let found = fstat(&place).map_err(|e| unusable(path, &e.into()))?;
                check_owner(&found, path)?;
                if found.st_mode & OTHERS != 0 {
                    return Err(is_accessible(path, found.st_mode & 0o7777));
                }
                let mode = Permissions::from_mode(0o700);
                fs::set_permissions(format!("/proc/self/fd/{}", place.as_raw_fd()), mode)
                    .and_then(|()| Ok(openat(place, c".", flags, Mode::empty())?))
                    .map_err(|e| unusable(path, &e))?
            }
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let found = statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
                let symlink =
                    found.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink);
                return Err(if symlink {
                    let why =
                        "is a symbolic link: replace the link with the directory that it points to";
                    refused(path, why)
                } else {
                    unusable(path, &Errno::NOTDIR.into())
                });
            }
            opened => opened.map_err(|e| unusable(path, &e.into()))?,
        };
        let directory = Self { path: path.to_owned(), descriptor };
        check_owner(&directory.stat()?, path)?;
        Ok(directory)
    }

    /// Sets the mode of this directory to 0700 if the directory is empty or is already closed to
    /// other users.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if other users may access the directory and it contains files: other
    /// users can have replaced or read these files.
    fn make_private(&self) -> Result<()> {
        let mode = self.stat()?.st_mode & 0o7777;
        if mode == 0o700 {
            return self.make_new_entries_private();
        }
        let open = mode & OTHERS != 0;
        if open && !self.is_empty()? {
            return Err(is_accessible(&self.path, mode));
        }
        self.set_mode(0o700)?;
        // Another user can have created a file before the mode was changed.
        if open && !self.is_empty()? {
            self.set_mode(mode)?;
            return Err(is_accessible(&self.path, mode));
        }
        self.make_new_entries_private()
    }

    /// Removes the access control list that new entries of this directory get, if the directory is
    /// empty. It would apply in place of the umask of git (spec: X18e).
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if other users may write new entries and the directory contains files:
    /// these files can have the same list.
    fn make_new_entries_private(&self) -> Result<()> {
        let failed = |e: Errno| unusable(&self.path, &e.into());
        let Some(acl) = Acl::default_of(&self.descriptor).map_err(failed)? else {
            return Ok(());
        };
        if self.is_empty()? {
            return Acl::remove_default(&self.descriptor).map_err(failed);
        }
        let Some(writer) = acl.writers().next() else {
            return Ok(());
        };
        let why = format!(
            "has a default access control list by which {writer} may write new files: remove the list here and below with \
             `setfacl -R -b -k {}`",
            shell_word(&self.path)
        );
        Err(refused(&self.path, &why))
    }

    /// Checks that each entry of the data directory belongs to the user of this process or to root.
    /// Another user can have created an entry while the data directory was accessible to that user.
    fn check_entries(&self) -> Result<()> {
        let failed = |e: Errno| unusable(&self.path, &e.into());
        for entry in Dir::read_from(&self.descriptor).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let found = match statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                found => found.map_err(failed)?,
            };
            if found.st_uid != 0 {
                check_owner(&found, &self.path.join(&*name.to_string_lossy()))?;
            }
        }
        Ok(())
    }

    /// Returns whether this directory has no entries, except the private directory `lost+found` of
    /// root in the root of a file system.
    fn is_empty(&self) -> Result<bool> {
        let failed = |e: Errno| unusable(&self.path, &e.into());
        for entry in Dir::read_from(&self.descriptor).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let lost = name.to_bytes() == b"lost+found"
                && statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
                    let directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
                    directory && found.st_uid == 0 && found.st_mode & OTHERS == 0
                });
            if !lost && !matches!(name.to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn set_mode(&self, mode: u32) -> Result<()> {
        rustix::fs::fchmod(&self.descriptor, Mode::from_raw_mode(mode))
            .map_err(|e| unusable(&self.path, &e.into()))
    }

    fn stat(&self) -> Result<Stat> {
        fstat(&self.descriptor).map_err(|e| unusable(&self.path, &e.into()))
    }
}

/// Checks that `found`, the status of the file `path`, names the user of this process as the owner.
pub(super) fn check_owner(found: &Stat, path: &Path) -> Result<()> {
    if found.st_uid == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let why = format!(
        "belongs to another user (UID {}): remove it, or use `chown` to make the user of the service the owner if you trust \
         its contents{}",
        found.st_uid,
        volume_step(path)
    );
    Err(refused(path, &why))
}

/// Returns the error of a directory with the mode `mode` that other users may access.
fn is_accessible(path: &Path, mode: u32) -> Error {
    let line = format!(
        "is accessible to other users (mode {mode:o}): restrict it with `chmod 700 {}`. If other users may write it, also \
         remove the directories `mirrors` and `runs` of the data directory, because other users can have replaced them",
        shell_word(path)
    );
    refused(path, &line)
}
