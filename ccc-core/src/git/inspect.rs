//! Inspection of a workspace before git reads it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::unusable;
use crate::Result;
use crate::file_name::is_dot_git;
use crate::remove_tree::remove_tree_now;

/// Maximum number of paths in a finding. The inspection stops at this number, because a refusal
/// shows only the first few paths.
const MAX_FOUND: usize = 1_000;
/// Maximum total length, in bytes, of the paths of directories that the inspection has found but
/// not yet read. The limit bounds memory: an agent can create a million directories, each with a
/// path of the maximum length.
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
}

/// Deletes the `.git` of `workspace` without reading it, and inspects all other entries. Returns a
/// finding if `workspace` contains one of these:
/// - a nested repository, under any name that a file system can treat as `.git`;
/// - a special file, such as a pipe;
/// - an entry that cannot be read;
/// - more than `max_entries` entries.
///
/// Follows no symlink, not even a symlink in place of the workspace. Returns an error only if the
/// host machine fails, for example because of a disk error.
pub(super) fn inspect(workspace: &Path, max_entries: u64) -> Result<Option<Finding>> {
    let (mut nested, mut special, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    let relative = |path: &Path| {
        let path = path.strip_prefix(workspace).unwrap_or(path);
        path.as_os_str().as_bytes().to_vec()
    };
    let top = fs::symlink_metadata(workspace).map_err(|e| unusable(workspace, &e))?;
    let parent = workspace.parent().map(fs::symlink_metadata).transpose();
    let parent = parent.map_err(|e| unusable(workspace, &e))?;
    if !top.is_dir() || !parent.is_some_and(|parent| parent.is_dir()) {
        let paths = vec![b".".to_vec()];
        return Ok(Some(Finding::new("the workspace is no longer a directory", paths)));
    }
    if accessat(CWD, workspace, Access::READ_OK | Access::EXEC_OK, AtFlags::empty()).is_err() {
        return Ok(Some(Finding::new(
            "the workspace directory cannot be read",
            vec![b".".to_vec()],
        )));
    }
    remove_tree_now(&workspace.join(".git"), &AtomicBool::new(false))?;
    let (mut entries, mut waiting) = (0_u64, 0);
    let mut open = vec![workspace.to_owned()];
    while let Some(directory) = open.pop() {
        waiting -= directory.as_os_str().len().min(waiting);
        let listing = match fs::read_dir(&directory) {
            Err(e) if is_inaccessible(&e) => {
                unreadable.push(relative(&directory));
                continue;
            }
            listing => listing.map_err(|e| unusable(&directory, &e))?,
        };
        for entry in listing {
            let entry = entry.map_err(|e| unusable(&directory, &e))?;
            entries += 1;
            if entries > max_entries {
                let reason =
                    format!("the workspace contains more than {max_entries} files and directories");
                return Ok(Some(Finding::new(reason, Vec::new())));
            }
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| unusable(&path, &e))?;
            if nested.len().max(special.len()).max(unreadable.len()) >= MAX_FOUND {
                open.clear();
                break;
            }
            if is_dot_git(entry.file_name().as_bytes()) {
                nested.push(relative(&path));
            } else if kind.is_dir() {
                waiting += path.as_os_str().len();
                if waiting > MAX_WAITING {
                    let reason = "the workspace contains too many directories with long paths";
                    return Ok(Some(Finding::new(reason, Vec::new())));
                }
                open.push(path);
            } else if kind.is_file() {
                if accessat(CWD, &path, Access::READ_OK, AtFlags::empty()).is_err() {
                    unreadable.push(relative(&path));
                }
            } else if !kind.is_symlink() {
                special.push(relative(&path));
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

/// Returns whether `error` is an error that an agent can cause: a missing permission, or a path
/// that is too long for a system call.
fn is_inaccessible(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidFilename)
}
