//! Errors of SQLite as errors of the port.

use ccc_core::{Error, ErrorKind, RunId};
use rusqlite::ErrorCode;

/// Returns the error of a call for which no thread of the store is left.
pub(super) fn ended() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the run store has stopped after an internal error: restart the service",
    )
}

pub(super) fn no_such_run(run: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("the run store does not contain run {run}"))
}

/// Returns the error for a stored value of `run` that cannot be read. `what` names the value.
pub(super) fn unreadable(run: &[u8], what: &str, error: Error) -> Error {
    let run = String::from_utf8_lossy(run);
    let line = format!(
        "the {what} of run {run} cannot be read from the run store: use the version of this program that \
         wrote it, or restore a backup"
    );
    Error::new(ErrorKind::Corrupt, line).with_source(error)
}

/// Returns the error of the port for `error`.
pub(super) fn of(error: &rusqlite::Error) -> Error {
    let (kind, line) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            ErrorKind::Corrupt,
            "the database of the run store is damaged: stop the service, and restore a backup or remove \
             the file",
        ),
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Unavailable, "the disk of the run store is full: free space on it")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            ErrorKind::Unavailable,
            "the database of the run store cannot be written: check the permissions of the file, its \
             directory and its file system",
        ),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory,
        ) => (
            ErrorKind::Unavailable,
            "the database of the run store cannot be accessed: check its disk and directory",
        ),
        _ => (ErrorKind::Unexpected, "the database of the run store returned an unexpected error"),
    };
    Error::new(kind, line).with_source(error.to_string())
}
