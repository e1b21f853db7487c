//! Search for programs on the host machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};

/// Returns the path of the tool `program` on the host machine. Most tools that the runner needs are
/// in the package util-linux. The others are in the packages grep and coreutils.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the tool is not in `PATH`.
pub(crate) fn host_tool(program: &str) -> Result<PathBuf> {
    find_program(program, None, |_| true).ok_or_else(|| {
        let line =
            format!("the tool `{program}` is not in PATH: install util-linux, grep and coreutils");
        Error::new(ErrorKind::Unavailable, line)
    })
}

/// Searches the directories of `path` for a file with the name `program`, and returns the first
/// file that `accept` accepts. If `program` is an absolute path, returns this path if `accept`
/// accepts it. If `program` is a relative path with a `/`, returns `None`.
pub(crate) fn find_program(
    program: &str,
    path: Option<&str>,
    mut accept: impl FnMut(&Path) -> bool,
) -> Option<PathBuf> {
    let is_one = |file: &PathBuf| file.is_file() && accept(file);
    if program.starts_with('/') {
        return Some(PathBuf::from(program)).filter(is_one);
    }
    if program.is_empty() || program.contains('/') {
        return None;
    }
    let path = search_path(path);
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(is_one)
}

/// Returns the directories in which programs are searched: the directories of `path`. If `path` is
/// `None`, these are the directories of the environment variable `PATH` of this process. Relative
/// directories are omitted, because they would be in the workspace, and the repository could then
/// choose the programs.
pub(crate) fn search_path(path: Option<&str>) -> OsString {
    let path = path.map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), OsString::from);
    let absolute = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    // This cannot fail, because the parts were split from a path list.
    std::env::join_paths(absolute).unwrap_or_default()
}
