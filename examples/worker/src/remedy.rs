//! The texts of remedies, which name the secrets of the Worker.

use ccc_core::{Error, Remedy};

/// Returns the message of `error`, followed by the text of the remedy if the error has a remedy.
pub(crate) fn describe(error: &Error) -> String {
    let remedy = match error.remedy() {
        Some(Remedy::GenerateKey) => "`ccc keygen` prints a new random key",
        Some(Remedy::RotateKey) => {
            "put a new key from `ccc keygen` in a line before the first key of CREDENTIALS_KEY"
        }
        _ => return error.message().to_owned(),
    };
    format!("{}: {remedy}", error.message())
}
