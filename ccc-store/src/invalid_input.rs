//! The error for invalid input.

use ccc_core::{Error, ErrorKind};

/// Returns an error of kind [`ErrorKind::InvalidInput`] with the message `message`.
pub(crate) fn invalid_input(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
