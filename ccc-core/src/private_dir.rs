//! Directories that only the current user may enter.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Creates the directory `path` and its missing parents. Each new directory has mode 0700, whatever
/// the umask: only its owner may list, read or change its entries. The mode of an existing directory
/// is not changed.
///
/// # Errors
/// The [`io::Error`] of the operating system, for example [`AlreadyExists`](io::ErrorKind::AlreadyExists)
/// if `path` is a file.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for directory in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match fs::symlink_metadata(directory) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(directory),
            _ => break,
        }
    }
    for directory in missing.into_iter().rev() {
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            // The umask can have removed permissions of the owner.
            Ok(()) if fs::symlink_metadata(directory)?.permissions().mode() & 0o777 != 0o700 => {
                fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
            }
            Ok(()) => {}
            // Another thread created the directory first.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    // Reports the error if `path` exists but is not a directory.
    fs::DirBuilder::new().recursive(true).create(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn new_directories_are_private_and_existing_ones_keep_their_mode() {
        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let old = root.path().join("old");
        fs::create_dir(&old).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
        create_private_dir(&old.join("a/b")).unwrap();
        create_private_dir(&old.join("a/b")).unwrap();
        assert_eq!(
            [mode(&old), mode(&old.join("a")), mode(&old.join("a/b"))],
            [0o755, 0o700, 0o700]
        );
        fs::write(old.join("file"), "").unwrap();
        let error = create_private_dir(&old.join("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(create_private_dir(&old.join("file/x")).is_err());
    }
}
