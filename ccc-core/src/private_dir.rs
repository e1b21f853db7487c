//! Directories that only the current user may enter.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Creates the directory `path` and its missing parents. Each new directory has mode 0700: only its
/// owner may list, read or change its entries. The umask can remove further permission bits. The
/// mode of an existing directory is not changed.
///
/// # Errors
/// The [`io::Error`] of the operating system, for example [`AlreadyExists`](io::ErrorKind::AlreadyExists)
/// if `path` is a file.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}
