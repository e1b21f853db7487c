//! Short constructors of [`Error`] for the kinds that many modules return.

use ccc_core::{Error, ErrorKind};

/// Returns an error of kind [`ErrorKind::InvalidInput`].
pub(crate) fn invalid_input(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}

/// Returns an error of kind [`ErrorKind::NotFound`].
pub(crate) fn not_found(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotFound, line)
}

/// Returns an error of kind [`ErrorKind::PermissionDenied`].
pub(crate) fn permission_denied(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::PermissionDenied, line)
}
