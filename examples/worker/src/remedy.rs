//! The remedies of errors, in terms of the Worker's secrets.

use ccc_core::{Error, Remedy};

/// Returns the message of an error and, if it has a remedy, what to do.
pub(crate) fn describe(error: &Error) -> String {
    let remedy = match error.remedy() {
        Some(Remedy::GenerateKey) => "`ccc keygen` generates a key",
        Some(Remedy::RotateKey) => {
            "put a line of `ccc keygen` before the first one of CREDENTIALS_KEY"
        }
        _ => return error.message().to_owned(),
    };
    format!("{}: {remedy}", error.message())
}
