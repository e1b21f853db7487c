//! Errors of SQLite as errors of the port.

use std::path::Path;

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

/// Returns the error for the damaged database in the file `path`. `found` describes the damage.
pub(super) fn damaged(path: &Path, found: String) -> Error {
    let line = format!(
        "the database {} of the run store is damaged: restore a backup, or move this file and the files whose \
         names begin with its name to another directory, to start without the stored runs",
        path.display()
    );
    Error::new(ErrorKind::Corrupt, line).with_source(found)
}

/// Returns the error of the port for `error`, which occurred when the database in the file `path` was
/// opened.
pub(super) fn at(path: &Path, error: &rusqlite::Error) -> Error {
    let converted = of(error);
    match converted.kind() {
        ErrorKind::Corrupt => damaged(path, error.to_string()),
        _ => converted,
    }
}

/// Returns whether a stored value has another type or range than its column.
fn is_unreadable_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    matches!(
        error,
        Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::QueryReturnedNoRows
    )
}

/// Returns the error of the port for `error`.
pub(super) fn of(error: &rusqlite::Error) -> Error {
    const DAMAGED: &str =
        "the database of the run store is damaged: stop the service, and restore a backup";
    let (kind, line) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (ErrorKind::Corrupt, DAMAGED),
        None if is_unreadable_value(error) => (ErrorKind::Corrupt, DAMAGED),
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
