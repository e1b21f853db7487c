//! The emulator's types as those of the core.

use ccc_core::{Error, ErrorKind, Result, Secret};
use github_emulator::secrecy::{ExposeSecret as _, SecretString};

/// Returns the error as one of the core, of the same kind.
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

/// Returns the secret as one of the core.
pub(crate) fn secret(secret: &SecretString) -> Secret {
    Secret::from(secret.expose_secret())
}

/// Returns the secret as one of the emulator.
///
/// # Errors
/// [`ErrorKind::Corrupt`] when it is not UTF-8.
pub(crate) fn secret_string(secret: &Secret) -> Result<SecretString> {
    Ok(SecretString::from(secret.expose_str()?))
}
