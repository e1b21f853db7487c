//! Measurement of the size of a workspace, while untrusted programs can write to the workspace.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use rustix::fs::{FileType, statvfs};

use crate::limit_breach::LimitBreach;
use crate::tree_walk::walk_tree;

/// Minimum free space on the workspace's disk, in bytes. The reserve exists because other programs
/// use the disk too.
const FREE_BYTES: u64 = 64 << 20;
/// Minimum number of free entries (inodes) on the workspace's disk. A file system that does not
/// limit the number of its entries is not checked.
const FREE_ENTRIES: u64 = 1_000;
/// The number of entries that [`measure`] counts between two checks of the disk's free space.
const DISK_CHECK_INTERVAL: u64 = 10_000;

/// Returns the first limit that the directory `workspace` exceeds, or `None` if the directory
/// exceeds no limit. `bytes` limits the space that the directory uses on the disk, in bytes.
/// `entries` limits the number of files, directories and other entries. Returns
/// [`LimitBreach::Disk`] if less than 64 MiB or fewer than 1,000 inodes of the disk are free, and
/// [`LimitBreach::Entries`] if [`walk_tree`] cannot read the directory completely.
#[must_use]
pub fn measure(workspace: &Path, bytes: u64, entries: u64) -> Option<LimitBreach> {
    let (mut held, mut there) = (0_u64, 0_u64);
    let mut linked = HashSet::new();
    let counted = walk_tree(workspace, |_, _, found| {
        if there.is_multiple_of(DISK_CHECK_INTERVAL) && is_full(workspace) {
            return Ok(ControlFlow::Break(LimitBreach::Disk));
        }
        there += 1;
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if is_directory || found.st_nlink <= 1 || linked.insert((found.st_dev, found.st_ino)) {
            held += u64::try_from(found.st_blocks).unwrap_or(0) * 512;
        }
        Ok(match (held > bytes, there > entries) {
            (true, _) => ControlFlow::Break(LimitBreach::Bytes),
            (_, true) => ControlFlow::Break(LimitBreach::Entries),
            _ => ControlFlow::Continue(()),
        })
    });
    match counted {
        // An empty workspace has no entry at which the free space was checked.
        Ok(None) if is_full(workspace) => Some(LimitBreach::Disk),
        Ok(breach) => breach,
        Err(_) => Some(LimitBreach::Entries),
    }
}

/// Returns whether less than [`FREE_BYTES`] or fewer than [`FREE_ENTRIES`] are free on the disk of
/// `workspace`. The space of deleted files that are still open counts as used.
fn is_full(workspace: &Path) -> bool {
    statvfs(workspace).is_ok_and(|disk| {
        // File systems without a limit on entries report a total of 0.
        let few = disk.f_files > 0 && disk.f_favail < FREE_ENTRIES;
        few || disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES
    })
}

#[cfg(test)]
mod tests;
