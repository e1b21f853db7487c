//! What a workspace holds, as somebody outside counts it who trusts nobody inside.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use rustix::fs::{FileType, statvfs};

use crate::visit;

/// What stays free on the workspace's disk, which others use as well: bytes, and entries where it counts them.
const FREE_BYTES: u64 = 64 << 20;
const FREE_ENTRIES: u64 = 1_000;
/// How many entries are counted between two looks at the disk.
const OFTEN: u64 = 10_000;

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
/// What cannot be counted could be anything; see [`visit`] for how it is.
#[must_use]
pub fn measure(workspace: &Path, bytes: u64, entries: u64) -> Option<Breach> {
    let (mut held, mut there) = (0_u64, 0_u64);
    let mut linked = HashSet::new();
    let counted = visit(workspace, |_, _, found| {
        if there.is_multiple_of(OFTEN) && is_full(workspace) {
            return Ok(ControlFlow::Break(Breach::Disk));
        }
        there += 1;
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if is_directory || found.st_nlink <= 1 || linked.insert((found.st_dev, found.st_ino)) {
            held += u64::try_from(found.st_blocks).unwrap_or(0) * 512;
        }
        Ok(match (held > bytes, there > entries) {
            (true, _) => ControlFlow::Break(Breach::Bytes),
            (_, true) => ControlFlow::Break(Breach::Entries),
            _ => ControlFlow::Continue(()),
        })
    });
    match counted {
        // Where nothing was there to be counted.
        Ok(None) if is_full(workspace) => Some(Breach::Disk),
        Ok(breach) => breach,
        Err(_) => Some(Breach::Entries),
    }
}

/// Whether the disk has no room to speak of, whoever took it: files that are open and deleted, too.
fn is_full(workspace: &Path) -> bool {
    statvfs(workspace).is_ok_and(|disk| {
        // Some file systems have as many entries as one likes, and say that there are none.
        let few = disk.f_files > 0 && disk.f_favail < FREE_ENTRIES;
        few || disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES
    })
}

#[cfg(test)]
mod tests;
