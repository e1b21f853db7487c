//! Unpacking of untrusted tar streams.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Timespec, Timestamps,
};

/// Limits on an unpacked tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnpackLimits {
    /// Maximum disk space that the tree can use, in bytes.
    pub(crate) bytes: u64,
    /// Maximum number of files and directories in the tree.
    pub(crate) entries: u64,
}

/// Unpacks `archive`, a tar archive of a directory, and replaces the directory `workspace` by the
/// result. If unpacking fails, the workspace is unchanged.
///
/// The archive is unpacked into a new directory beside the workspace, and no path is resolved
/// through a symlink. An archive is refused if a path contains `..` or leads through a symlink. The
/// result has the archive's permission bits (masked with `0o777`), modification times and links. It
/// belongs to the user of this process.
///
/// # Errors
/// - [`ErrorKind::LimitExceeded`] if the tree exceeds its limits.
/// - [`ErrorKind::DiskFull`] if the disk is full.
/// - [`ErrorKind::Refused`] if the archive is invalid.
/// - [`ErrorKind::Unavailable`] if a file cannot be written.
pub(crate) fn unpack(workspace: &Path, archive: impl Read, limits: UnpackLimits) -> Result<()> {
    let parent = workspace.parent().unwrap_or(Path::new("/"));
    let failed = |e: io::Error| {
        let kind = match e.kind() {
            io::ErrorKind::InvalidData => ErrorKind::Refused,
            _ => ErrorKind::from_io(&e),
        };
        Error::new(kind, "cannot unpack the workspace of the container").with_source(e)
    };
    let staging =
        tempfile::Builder::new().prefix(".ccc-coming-").tempdir_in(parent).map_err(failed)?;
    let mut tree = Tree::new(staging.path(), limits).map_err(failed)?;
    let made = tree.fill(archive).and_then(|()| tree.finish_directories());
    let made = made.and_then(|()| {
        let mode = fs::metadata(workspace)?.permissions();
        fs::set_permissions(staging.path(), mode)?;
        exchange(staging.path(), workspace)
    });
    // This directory is now the old tree, or an incomplete new tree. Both can contain unreadable
    // directories.
    let old = staging.keep();
    let gone = ccc_core::remove_tree::remove_tree_blocking(&old);
    made.map_err(failed)?;
    gone
}

/// Exchanges the directories `new` and `old`, atomically if the file system supports that.
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        // Not every file system supports an atomic exchange.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => exchange_in_steps(new, old),
        exchanged => Ok(exchanged?),
    }
}

fn exchange_in_steps(new: &Path, old: &Path) -> io::Result<()> {
    let mut aside = new.as_os_str().to_owned();
    aside.push("-aside");
    fs::rename(old, &aside)?;
    if let Err(error) = fs::rename(new, old) {
        fs::rename(&aside, old)?;
        return Err(error);
    }
    fs::rename(&aside, new)
}

/// Maximum total length of the paths of all directories, in bytes. The paths stay in memory until
/// the whole archive is unpacked.
const MAX_PATHS: usize = 64 << 20;
/// Maximum ratio of the total length of all files, including holes, to the limit on disk space.
/// Holes in sparse files use no disk space, but the archive contains the holes as zeros, which must
/// be sent and read.
const MAX_HOLES: u64 = 4;
/// Size of a disk block, in bytes. A block that contains only zeros becomes a hole in a sparse
/// file.
const DISK_BLOCK: usize = 4 << 10;
/// Number of zero bytes that mark the end of a tar archive.
const END_MARK_LEN: usize = 1_024;

/// A reader that counts the zero bytes at the end of the bytes read so far. A tar archive is
/// complete only if it ends with at least [`END_MARK_LEN`] zero bytes.
struct TrailingZeroCounter<R> {
    of: R,
    zeros: usize,
}

impl<R: Read> Read for TrailingZeroCounter<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.of.read(into)?;
        match into[..n].iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = n - last - 1,
            None => self.zeros = self.zeros.saturating_add(n),
        }
        Ok(n)
    }
}

/// A tree that is being unpacked.
struct Tree {
    root: OwnedFd,
    /// Disk space that the tree can still use, in bytes.
    bytes: u64,
    /// Total length that the files not yet unpacked can have, in bytes. Holes in sparse files
    /// count.
    length: u64,
    entries: u64,
    /// Total length of the paths that can still be added to `directories`, in bytes.
    paths: usize,
    /// The directories, each with the mode and the times that the directory receives after all
    /// entries of the archive are unpacked.
    directories: Vec<(PathBuf, Mode, Timestamps)>,
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn too_much(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, what)
}

impl Tree {
    fn new(root: &Path, limits: UnpackLimits) -> io::Result<Self> {
        let UnpackLimits { bytes, entries } = limits;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        let length = bytes.saturating_mul(MAX_HOLES);
        Ok(Self { root, bytes, length, entries, paths: MAX_PATHS, directories: Vec::new() })
    }

    fn fill(&mut self, archive: impl Read) -> io::Result<()> {
        let (mut counter, mut rooted) = (TrailingZeroCounter { of: archive, zeros: 0 }, false);
        let mut archive = tar::Archive::new(&mut counter);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = beneath(&entry.path_bytes())?;
            // The root directory, which already exists.
            let Some(name) = path.file_name().map(OsStr::to_owned) else {
                rooted = true;
                continue;
            };
            self.entries = self.entries.checked_sub(1).ok_or_else(|| {
                too_much("the workspace contains more files and directories than its limit permits")
            })?;
            let parent = self.open(path.parent().unwrap_or(Path::new("")))?;
            self.make(&mut entry, parent.as_fd(), &name, &path)?;
        }
        // A missing entry counts as deleted, so a truncated archive must not pass as a complete
        // one.
        io::copy(&mut counter, &mut io::sink())?;
        if !rooted || counter.zeros < END_MARK_LEN {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is truncated"));
        }
        Ok(())
    }

    fn open(&self, directory: &Path) -> io::Result<OwnedFd> {
        let path = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve);
        opened.map_err(|e| match e {
            rustix::io::Errno::LOOP | rustix::io::Errno::XDEV => {
                refused("the archive contains a path that leads through a symlink")
            }
            e => e.into(),
        })
    }

    fn make(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
    ) -> io::Result<()> {
        let mode = Mode::from_raw_mode(entry.header().mode()? & 0o777);
        let modified =
            Timespec { tv_sec: i64::try_from(entry.header().mtime()?).unwrap_or(0), tv_nsec: 0 };
        let times = Timestamps { last_access: modified, last_modification: modified };
        match entry.header().entry_type() {
            tar::EntryType::Directory => {
                rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
                self.paths = self.paths.checked_sub(path.as_os_str().len()).ok_or_else(|| {
                    too_much("the total length of all directory paths in the workspace exceeds its limit")
                })?;
                self.directories.push((path.to_owned(), mode, times));
            }
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                self.length = self.length.checked_sub(entry.size()).ok_or_else(|| {
                    too_much("the total length of the files in the workspace, including holes in sparse files, exceeds its limit")
                })?;
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
                let made = rustix::fs::openat(parent, name, flags | OFlags::CLOEXEC, Mode::RWXU)?;
                let mut file = File::from(made);
                self.write(entry, &mut file)?;
                rustix::fs::fchmod(&file, mode)?;
                rustix::fs::futimens(&file, &times)?;
            }
            tar::EntryType::Symlink => {
                let target = entry
                    .link_name_bytes()
                    .ok_or_else(|| refused("the archive contains a link without a target"))?;
                rustix::fs::symlinkat(OsStr::from_bytes(&target), parent, name)?;
            }
            tar::EntryType::Link => {
                let target = entry
                    .link_name_bytes()
                    .ok_or_else(|| refused("the archive contains a link without a target"))?;
                let target = beneath(&target)?;
                let of = target.file_name().ok_or_else(|| {
                    refused("the archive contains a hard link to the archived directory")
                })?;
                let directory = self.open(target.parent().unwrap_or(Path::new("")))?;
                rustix::fs::linkat(directory, of, parent, name, AtFlags::empty())?;
            }
            tar::EntryType::Fifo => {
                let kind = FileType::Fifo;
                rustix::fs::mknodat(parent, name, kind, mode, 0)?;
            }
            _ => {
                return Err(refused(
                    "the archive contains an entry that is not a file, directory, link or pipe",
                ));
            }
        }
        Ok(())
    }

    /// Copies all bytes from the reader `from` to `file`. Blocks that contain only zeros become
    /// holes in the file.
    fn write(&mut self, from: &mut impl Read, file: &mut File) -> io::Result<()> {
        let (mut piece, mut length) = (vec![0; 16 * DISK_BLOCK], 0);
        loop {
            let mut filled = 0;
            while filled < piece.len() {
                match from.read(&mut piece[filled..])? {
                    0 => break,
                    n => filled += n,
                }
            }
            if filled == 0 {
                return file.set_len(length);
            }
            for block in piece[..filled].chunks(DISK_BLOCK) {
                if block.iter().any(|byte| *byte != 0) {
                    self.bytes = self
                        .bytes
                        .checked_sub(block.len() as u64)
                        .ok_or_else(|| too_much("the workspace exceeds its limit on disk space"))?;
                    file.write_all_at(block, length)?;
                }
                length += block.len() as u64;
            }
        }
    }

    /// Sets the times and modes of the directories, inner directories first.
    fn finish_directories(&mut self) -> io::Result<()> {
        for (path, mode, times) in std::mem::take(&mut self.directories).iter().rev() {
            let directory = self.open(path)?;
            let name = Path::new(".");
            rustix::fs::utimensat(&directory, name, times, AtFlags::empty())?;
            rustix::fs::chmodat(&directory, name, *mode, AtFlags::empty())?;
        }
        Ok(())
    }
}

/// Converts `path`, a path in the archive, to a path relative to the archived directory. Removes
/// the first component, which is the name of the archived directory.
fn beneath(path: &[u8]) -> io::Result<PathBuf> {
    let path = PathBuf::from(OsString::from_vec(path.to_vec()));
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name.to_owned()),
            Component::CurDir => {}
            _ => return Err(refused("the archive contains a path outside the archived directory")),
        }
    }
    Ok(names.into_iter().skip(1).collect())
}

#[cfg(test)]
mod tests;
