//! Inspection of a workspace before git reads it.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;

use super::blocking::unusable;
use super::finding::Finding;
use super::submodules::{SubmoduleState, Submodules, take_away};
use super::suspects::Suspects;
use super::walk::{Reached, Walk, Workspace, kind};
use crate::Result;
use crate::file_name::is_dot_git;
use crate::remove_tree::remove_tree_at;

/// Maximum total length, in bytes, of the names of directories that the inspection has found but
/// not yet read. The limit bounds memory: an agent can create a million directories, each with a
/// name of the maximum length.
const MAX_WAITING: usize = 64 << 20;

/// The result of inspecting a workspace.
#[derive(Debug)]
pub(super) enum Inspected {
    /// The workspace is refused.
    Refused(Finding),
    /// Git can read the workspace, except for the suspects.
    Readable {
        suspects: Suspects,
        /// The submodules that the agent checked out. Their directories have been removed.
        checked_out: Vec<Vec<u8>>,
    },
}

impl Inspected {
    fn refused(reason: impl Into<String>, paths: Vec<Vec<u8>>) -> Result<Self> {
        Ok(Self::Refused(Finding::new(reason, paths)))
    }
}

/// Deletes the `.git` of `workspace` without reading it, and inspects all other entries. Refuses a
/// workspace that contains one of these:
/// - a change at or below the path of one of `submodules`;
/// - more than `max_entries` entries, or too many suspects.
///
/// A checked-out submodule is removed: its files are no change of the agent, and its `.git` is not
/// read. A missing directory of a submodule is not reported.
///
/// Follows no symlink, even if a program changes the workspace at the same time (spec: X6f).
/// Returns an error only if the host machine fails, for example because of a disk error.
pub(super) fn inspect(
    workspace: &Path,
    submodules: &Submodules,
    max_entries: u64,
) -> Result<Inspected> {
    let whole = |reason| Inspected::refused(reason, vec![b".".to_vec()]);
    let opened = match Workspace::open(workspace) {
        Err(e) if is_not_directory(&e) => return whole("the workspace is no longer a directory"),
        Err(e) if is_inaccessible(&e) => return whole("the workspace directory cannot be read"),
        opened => opened.map_err(|e| unusable(workspace, &e))?,
    };
    if accessat(opened.descriptor(), ".", Access::EXEC_OK, AtFlags::empty()).is_err() {
        return whole("the workspace directory cannot be read");
    }
    remove_tree_at(opened.descriptor(), ".git", &AtomicBool::new(false))
        .map_err(|e| unusable(&workspace.join(".git"), &e))?;
    let mut found = Found::default();
    let (mut entries, mut walk) = (0_u64, Walk::new(&opened));
    'walk: while let Some(Reached { path, listing }) = walk.next_directory() {
        let listing = match listing {
            Err(e) if is_inaccessible(&e) || is_not_directory(&e) || is_gone(&e) => {
                found.suspects.unreadable.push(path);
                continue;
            }
            listing => listing.map_err(|e| unusable(workspace, &e))?,
        };
        for entry in listing {
            let entry = entry.map_err(|e| unusable(workspace, &e.into()))?;
            let name = entry.file_name().to_bytes();
            let (Some(directory), false) = (walk.current(), matches!(name, b"." | b"..")) else {
                continue;
            };
            entries += 1;
            if entries > max_entries {
                let reason =
                    format!("the workspace contains more than {max_entries} files and directories");
                return Inspected::refused(reason, Vec::new());
            }
            if found.suspects.must_stop() {
                break 'walk;
            }
            let added = kind(directory, name, entry.file_type()).and_then(|kind| {
                found.add(directory, entry.file_name(), join(&path, name), kind, submodules)
            });
            match added {
                Err(e) if is_gone(&e) => {}
                Err(e) => return Err(unusable(workspace, &e)),
                Ok(false) => {}
                Ok(true) => walk.push(name),
            }
            if walk.waiting() > MAX_WAITING {
                let reason = "the workspace contains too many directories with long names";
                return Inspected::refused(reason, Vec::new());
            }
        }
    }
    Ok(found.into_inspected())
}

/// The entries that an inspection has found.
#[derive(Debug, Default)]
struct Found {
    suspects: Suspects,
    /// The submodules that the agent checked out.
    checked_out: Vec<Vec<u8>>,
    /// The submodules that the agent changed.
    changed: Vec<Vec<u8>>,
}

impl Found {
    /// Adds the entry `name` of `directory`, whose path is `path`. Returns whether the walk must
    /// enter the entry.
    fn add(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: Vec<u8>,
        kind: FileType,
        submodules: &Submodules,
    ) -> io::Result<bool> {
        if is_dot_git(name.to_bytes()) {
            self.suspects.nested.push(path);
            return Ok(false);
        }
        if kind == FileType::Directory {
            if !submodules.contains(&path) {
                return Ok(true);
            }
            match take_away(directory, name.to_bytes()) {
                Ok(SubmoduleState::Empty) => {}
                Ok(SubmoduleState::CheckedOut) => self.checked_out.push(path),
                Ok(SubmoduleState::Changed) => self.changed.push(path),
                Err(e) if is_inaccessible(&e) || is_not_directory(&e) => {
                    self.suspects.unreadable.push(path);
                }
                Err(e) => return Err(e),
            }
            return Ok(false);
        }
        // The entry replaces a submodule, or a directory that contains submodules.
        let replaced = self.changed.len();
        self.changed.extend(submodules.at_or_below(&path).map(<[u8]>::to_vec));
        if self.changed.len() > replaced {
            return Ok(false);
        }
        match kind {
            FileType::RegularFile => {
                if accessat(directory, name, Access::READ_OK, AtFlags::empty()).is_err() {
                    self.suspects.unreadable.push(path);
                }
            }
            FileType::Symlink => {}
            _ => self.suspects.special.push(path),
        }
        Ok(false)
    }

    fn into_inspected(self) -> Inspected {
        let Self { suspects, checked_out, changed } = self;
        if !changed.is_empty() {
            return Inspected::Refused(Finding::new("the agent changed a submodule", changed));
        }
        if suspects.must_stop()
            && let Some(finding) = suspects.clone().into_finding()
        {
            return Inspected::Refused(finding);
        }
        Inspected::Readable { suspects, checked_out }
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        b"" => name.to_vec(),
        _ => [directory, b"/", name].concat(),
    }
}

/// Returns whether `error` is an error that an agent can cause: a missing permission, or a path
/// that is too long for a system call.
fn is_inaccessible(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidFilename)
}

/// Returns whether `error` means that a path names a symlink or a file in place of a directory.
fn is_not_directory(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotADirectory
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Returns whether `error` means that another program removed or moved an entry.
fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}
