//! Reading of the credential store's keys from their configured source.

use ccc_core::{Error, Result, Secret};
use ccc_store::Keys;

use crate::blocking::spawn_blocking;
use crate::config::KeySource;
use crate::credentials::key_file;

/// Reads the text of the keys, or the passphrase, from `source`.
pub(super) fn read(source: &KeySource) -> Result<Secret> {
    match source {
        KeySource::Key(secret) | KeySource::Passphrase(secret) => Ok(secret.clone()),
        KeySource::File { path, .. } => key_file::read(path),
    }
}

/// Reads the text of the keys as [`read`] does, on a thread where file calls may take long.
pub(super) async fn read_again(source: &KeySource) -> Result<Secret> {
    let source = source.clone();
    spawn_blocking(move || read(&source)).await
}

/// Parses `read`, the text that was read from `source`.
pub(super) fn parse(source: &KeySource, read: &Secret) -> Result<Keys> {
    match source {
        KeySource::Passphrase(_) => Keys::passphrase(read),
        KeySource::Key(_) => Keys::parse(read),
        KeySource::File { path, .. } => Keys::parse(read).map_err(|error| {
            let line = format!("the key in the file {} is invalid", path.display());
            Error::new(error.kind(), line).with_source(error)
        }),
    }
}
