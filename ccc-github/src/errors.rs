//! Functions that create errors of the most frequent kinds.

use ccc_core::{Error, ErrorKind};

/// Creates an error of the kind [`ErrorKind::InvalidInput`] with the message `line`.
pub(crate) fn invalid_input(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}

/// Creates an error of the kind [`ErrorKind::NotFound`] with the message `line`.
pub(crate) fn not_found(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotFound, line)
}

/// Creates an error of the kind [`ErrorKind::PermissionDenied`] with the message `line`.
pub(crate) fn permission_denied(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::PermissionDenied, line)
}
