//! What a workspace holds, as somebody outside counts it who trusts nobody inside.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstatvfs, openat, statat};
use rustix::io::Errno;

/// What stays free on the workspace's disk, which others use as well: bytes, and entries where it counts them.
const FREE_BYTES: u64 = 64 << 20;
const FREE_ENTRIES: u64 = 1_000;
/// The longest path, bytes: as long as a system call takes.
const MAX_PATH: usize = 4_096;

/// A ceiling that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The workspace has more bytes than it may.
    Bytes,
    /// It has more files and directories than it may, or something that cannot be counted.
    Entries,
    /// The disk that it is on is nearly full.
    Disk,
    /// There were as many processes as there may be, for too long.
    Processes,
}

impl Breach {
    const STATUSES: [(Self, u8); 4] =
        [(Self::Bytes, 71), (Self::Entries, 72), (Self::Processes, 73), (Self::Disk, 76)];

    /// The keeper's exit status, when that is why it ends the container.
    #[must_use]
    pub fn status(self) -> u8 {
        let found = Self::STATUSES.iter().find(|(breach, _)| *breach == self);
        found.map_or(super::exit::CONFUSED, |(_, status)| *status)
    }

    /// The other way round.
    #[must_use]
    pub fn from_status(status: i64) -> Option<Self> {
        let found = Self::STATUSES.iter().find(|(_, known)| i64::from(*known) == status);
        found.map(|(breach, _)| *breach)
    }
}

/// The first ceiling of a workspace that is exceeded: `bytes` as the disk holds them, `entries` of every kind.
///
/// Nothing in it is followed out of it, whatever happens there meanwhile. A directory that its owner may not
/// look into is opened up, where that is us; what cannot be counted could be anything.
#[must_use]
pub fn measure(workspace: &Path, bytes: u64, entries: u64) -> Option<Breach> {
    let top = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(top) = openat(CWD, workspace, top, Mode::empty()) else { return Some(Breach::Entries) };
    if is_full(top.as_fd()) {
        return Some(Breach::Disk);
    }
    match count(&top, bytes, entries) {
        Ok(breach) => breach,
        Err(_) => Some(Breach::Entries),
    }
}

/// Whether the disk has no room to speak of, whoever took it: files that are open and deleted, too.
fn is_full(workspace: BorrowedFd<'_>) -> bool {
    fstatvfs(workspace).is_ok_and(|disk| {
        // Some file systems have as many entries as one likes, and say that there are none.
        let few = disk.f_files > 0 && disk.f_favail < FREE_ENTRIES;
        few || disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES
    })
}

fn count(top: &OwnedFd, most_bytes: u64, most_entries: u64) -> io::Result<Option<Breach>> {
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut linked = HashSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let Some((directory, listing)) = present(list(top, &path))? else { continue };
        for entry in listing.flatten() {
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            entries += 1;
            let name = OsStr::from_bytes(name);
            let Some(found) = present(look(&directory, name))? else { continue };
            let once = found.st_nlink <= 1 || linked.insert((found.st_dev, found.st_ino));
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                let path = path.join(name);
                if path.as_os_str().len() > MAX_PATH {
                    // Nobody needs that who does not hide something.
                    return Ok(Some(Breach::Entries));
                }
                open.push(path);
            } else if !once {
                continue;
            }
            bytes += u64::try_from(found.st_blocks).unwrap_or(0) * 512;
            if bytes > most_bytes {
                return Ok(Some(Breach::Bytes));
            }
            if entries > most_entries {
                return Ok(Some(Breach::Entries));
            }
        }
    }
    Ok(None)
}

/// `None` for what is gone, or is something else by now.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// A directory of the workspace, and what is in it.
fn list(top: &OwnedFd, path: &Path) -> io::Result<(OwnedFd, Dir)> {
    let at = open_within(top, path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listed = entered(&at, || openat(&at, ".", flags, Mode::empty()))?;
    Ok((at, Dir::new(listed)?))
}

/// Opens a directory below `top`, as a place and no more (`O_PATH`), through directories alone: where a link is
/// in the way, whoever put it there and when, there is none. What we own and may not enter is opened up.
///
/// # Errors
/// [`NotFound`](io::ErrorKind::NotFound) and [`NotADirectory`](io::ErrorKind::NotADirectory) for what is gone, or
/// something else by now.
pub fn open_within(top: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let step = |at: &OwnedFd, name: &OsStr| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        entered(at, || openat(at, name, flags, Mode::empty()))
    };
    // One by one: in a longer path any part could be a link by now.
    let mut at = step(top, OsStr::new("."))?;
    for name in path {
        at = step(&at, name)?;
    }
    Ok(at)
}

fn look(directory: &OwnedFd, name: &OsStr) -> io::Result<Stat> {
    entered(directory, || statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))
}

/// Does something in a directory; one that may not be entered is opened up for it.
fn entered<T>(directory: &OwnedFd, act: impl Fn() -> Result<T, Errno>) -> io::Result<T> {
    match act() {
        Err(Errno::ACCESS) => {
            // By its descriptor: its name may be another's by now.
            let this = format!("/proc/self/fd/{}", directory.as_raw_fd());
            fs::set_permissions(this, Permissions::from_mode(0o700))?;
            Ok(act()?)
        }
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests;
