//! The texts of remedies, in terms of the Worker's secrets.

use ccc_core::{Error, Remedy};

/// Returns the message of an error and, if it has a remedy, the step that resolves it.
pub(crate) fn describe(error: &Error) -> String {
    let remedy = match error.remedy() {
        Some(Remedy::GenerateKey) => "`ccc keygen` generates a key",
        Some(Remedy::RotateKey) => {
            "put a new key from `ccc keygen` in a line before the first key of CREDENTIALS_KEY"
        }
        _ => return error.message().to_owned(),
    };
    format!("{}: {remedy}", error.message())
}
