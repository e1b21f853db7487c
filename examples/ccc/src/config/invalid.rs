//! The error for a missing or invalid setting.

use ccc_core::{Error, ErrorKind};

/// Returns an error of kind [`ErrorKind::InvalidInput`] with the message `message`.
pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
