//! Inspection of a workspace before git reads it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;

use super::blocking::unusable;
use super::walk::{Reached, Walk, Workspace, kind};
use crate::file_name::is_dot_git;
use crate::remove_tree::remove_tree_at;
use crate::{Error, ErrorKind, Result};

/// Maximum number of paths in a finding. The inspection stops at this number, because a refusal
/// shows only the first few paths.
const MAX_FOUND: usize = 1_000;
/// Maximum total length, in bytes, of the names of directories that the inspection has found but
/// not yet read. The limit bounds memory: an agent can create a million directories, each with a
/// name of the maximum length.
const MAX_WAITING: usize = 64 << 20;

/// A reason to refuse a workspace, and the affected paths.
#[derive(Debug)]
pub(super) struct Finding {
    /// The reason, in one line.
    pub(super) reason: String,
    /// The affected paths, relative to the workspace.
    pub(super) paths: Vec<Vec<u8>>,
}

impl Finding {
    pub(super) fn new(reason: impl Into<String>, paths: Vec<Vec<u8>>) -> Self {
        Self { reason: reason.into(), paths }
    }

    /// Converts `error`, the error of a call of git that reads a workspace, into a finding if git
    /// reached one of its limits. The contents of the workspace determine the resources that git
    /// needs. Returns all other errors unchanged.
    pub(super) fn of_limit(error: Error) -> Result<Self> {
        match error.kind() {
            ErrorKind::LimitExceeded | ErrorKind::TimedOut => {
                Ok(Self::new(error.to_string(), Vec::new()))
            }
            _ => Err(error),
        }
    }
}

/// Deletes the `.git` of `workspace` without reading it, and inspects all other entries. Returns a
/// finding if `workspace` contains one of these:
/// - a nested repository, under any name that a file system can treat as `.git`;
/// - a special file, such as a pipe;
/// - an entry that cannot be read;
/// - more than `max_entries` entries.
///
/// Follows no symlink, even if a program changes the workspace at the same time (spec: X6f).
/// Returns an error only if the host machine fails, for example because of a disk error.
pub(super) fn inspect(workspace: &Path, max_entries: u64) -> Result<Option<Finding>> {
    let (mut nested, mut special, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    let whole = |reason| Ok(Some(Finding::new(reason, vec![b".".to_vec()])));
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
    let (mut entries, mut walk) = (0_u64, Walk::new(&opened));
    'walk: while let Some(Reached { path, listing }) = walk.next_directory() {
        let listing = match listing {
            Err(e) if is_inaccessible(&e) || is_not_directory(&e) || is_gone(&e) => {
                unreadable.push(path);
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
                return Ok(Some(Finding::new(reason, Vec::new())));
            }
            if nested.len().max(special.len()).max(unreadable.len()) >= MAX_FOUND {
                break 'walk;
            }
            let whole_path = || join(&path, name);
            let kind = match kind(directory, name, entry.file_type()) {
                Err(e) if is_gone(&e) => continue,
                kind => kind.map_err(|e| unusable(workspace, &e))?,
            };
            match kind {
                _ if is_dot_git(name) => nested.push(whole_path()),
                FileType::Directory => {
                    walk.push(name);
                    if walk.waiting() > MAX_WAITING {
                        let reason = "the workspace contains too many directories with long names";
                        return Ok(Some(Finding::new(reason, Vec::new())));
                    }
                }
                FileType::RegularFile => {
                    let name = entry.file_name();
                    if accessat(directory, name, Access::READ_OK, AtFlags::empty()).is_err() {
                        unreadable.push(whole_path());
                    }
                }
                FileType::Symlink => {}
                _ => special.push(whole_path()),
            }
        }
    }
    Ok(if !nested.is_empty() {
        Some(Finding::new("the workspace contains a nested git repository", nested))
    } else if !special.is_empty() {
        Some(Finding::new("the workspace contains pipes, sockets or devices", special))
    } else if !unreadable.is_empty() {
        Some(Finding::new(
            "the workspace contains files or directories that cannot be read",
            unreadable,
        ))
    } else {
        None
    })
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
