//! Work on threads for blocking calls, and the error of a failed call for a path.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::private_dir::create_private_dir;
use crate::{Error, ErrorKind, Result};

/// Executes `work`, which waits for the disk or uses the processor, on a thread for blocking calls.
pub(super) async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        let line = "a task that reads or writes the data directory ended without a result";
        Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
    })
}

/// Creates or replaces the file `path` with the contents `text`, and creates the missing directories
/// above it. The file has mode 0600 and each new directory has mode 0700, whatever the umask.
pub(super) async fn write_private(path: &Path, content: impl Into<Vec<u8>>) -> Result<()> {
    let (path, content) = (path.to_owned(), content.into());
    spawn_blocking(move || {
        let write = || {
            path.parent().map_or(Ok(()), create_private_dir)?;
            let mut file = File::create(&path)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&content)
        };
        write().map_err(|e| unusable(&path, &e))
    })
    .await
}

/// Returns the error of a failed call of the operating system for `path`.
pub(super) fn unusable(path: &Path, error: &std::io::Error) -> Error {
    let line = format!("cannot read or write the path {}: {error}", path.display());
    Error::new(ErrorKind::from_io(error), line)
}

/// Returns the error of a file or directory that must not be used. `why` completes the sentence that
/// begins with `path`.
pub(super) fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("{} {why}", path.display()))
}
