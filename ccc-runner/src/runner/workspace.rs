//! Resolution of symlinks in the path of a workspace.

use std::fs;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};

/// Returns the absolute path of the directory `workspace`, without symlinks in the path.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `workspace` is not a directory.
pub(crate) fn resolve(workspace: &Path) -> Result<PathBuf> {
    let resolved = fs::canonicalize(workspace).ok().filter(|path| path.is_dir());
    resolved.ok_or_else(|| {
        let line = format!("the workspace {} is not a directory", workspace.display());
        Error::new(ErrorKind::InvalidInput, line)
    })
}
