//! Directories that only the present user may enter.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Creates a directory and its missing parents, each with mode 0700 less the umask. Leaves the mode of
/// a directory that exists as it is.
///
/// # Errors
/// The error of the system, [`AlreadyExists`](io::ErrorKind::AlreadyExists) when a file is in the way.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}
