//! The error for a setting that is missing or wrong.

use ccc_core::{Error, ErrorKind};

/// Returns an error of kind [`ErrorKind::InvalidInput`].
pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
