//! Conversions between the types of the emulator and the types of `ccc-core`.

use ccc_core::{Error, ErrorKind, Result, Secret};
use github_emulator::secrecy::{ExposeSecret as _, SecretString};

/// Converts an error of the emulator to a `ccc-core` error of the same kind.
pub(crate) fn error(error: github_emulator::Error) -> Error {
    let kind = match error.kind() {
        github_emulator::ErrorKind::NotFound => ErrorKind::NotFound,
        github_emulator::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        github_emulator::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        github_emulator::ErrorKind::Unavailable => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    Error::new(kind, error.to_string())
}

/// Converts a secret of the emulator to a `ccc-core` secret.
pub(crate) fn secret(secret: &SecretString) -> Secret {
    Secret::from(secret.expose_secret())
}

/// Converts a `ccc-core` secret to a secret of the emulator.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if `secret` is not UTF-8.
pub(crate) fn secret_string(secret: &Secret) -> Result<SecretString> {
    Ok(SecretString::from(secret.expose_str()?))
}
