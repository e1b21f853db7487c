//! The limits of a workspace on its disk, measured without trust in the programs that write to it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use rustix::fs::{FileType, statvfs};

use crate::limit_breach::LimitBreach;
use crate::tree_walk::walk_tree;

/// What stays free on the workspace's disk, which others use as well: bytes, and entries where it
/// counts them.
const FREE_BYTES: u64 = 64 << 20;
const FREE_ENTRIES: u64 = 1_000;
/// How many entries are counted between two looks at the disk.
const OFTEN: u64 = 10_000;

/// Returns the first limit that the workspace exceeds: `bytes` as allocated on the disk, `entries`
/// of every kind. An entry that cannot be counted is reported as [`LimitBreach::Entries`]; see
/// [`walk_tree`] for how the tree is read.
#[must_use]
pub fn measure(workspace: &Path, bytes: u64, entries: u64) -> Option<LimitBreach> {
    let (mut held, mut there) = (0_u64, 0_u64);
    let mut linked = HashSet::new();
    let counted = walk_tree(workspace, |_, _, found| {
        if there.is_multiple_of(OFTEN) && is_full(workspace) {
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
        // Where nothing was there to be counted.
        Ok(None) if is_full(workspace) => Some(LimitBreach::Disk),
        Ok(breach) => breach,
        Err(_) => Some(LimitBreach::Entries),
    }
}

/// Returns whether the disk is nearly full, deleted files that are still open included.
fn is_full(workspace: &Path) -> bool {
    statvfs(workspace).is_ok_and(|disk| {
        // Some file systems have as many entries as one likes, and say that there are none.
        let few = disk.f_files > 0 && disk.f_favail < FREE_ENTRIES;
        few || disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES
    })
}

#[cfg(test)]
mod tests;
