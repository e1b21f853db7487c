//! Directories that only the current user may enter.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Creates a directory and its missing parents, each with mode 0700 minus the umask. Does not
/// change the mode of an existing directory.
///
/// # Errors
/// The error of the operating system, for example
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when a file has this path.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}
