//! Records of a credential store: their names, and JSON with secrets in it.

use ccc_core::{Error, ErrorKind, Result, Secret};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret as a field of a record. It is wiped when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Copies a secret.
    ///
    /// # Errors
    /// That of [`Secret::expose_str`] for a secret that is not UTF-8.
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self> {
        Ok(Self(secret.expose_str()?.to_owned().into()))
    }

    /// Copies the text into a secret.
    pub(crate) fn to_secret(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

/// Writes a record as JSON. `name` is used in the error.
///
/// # Errors
/// [`ErrorKind::Unexpected`] for a type that is not JSON.
pub(crate) fn write(name: &str, record: &impl Serialize) -> Result<Secret> {
    serde_json::to_vec(record).map(Secret::new).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("cannot write {name} as JSON")).with_source(error)
    })
}

/// Reads a record from JSON, or returns `None` for anything else. The reason is left out because it
/// could quote a secret.
pub(crate) fn read<T: DeserializeOwned>(record: &Secret) -> Option<T> {
    serde_json::from_slice(record.expose()).ok()
}

/// Returns the prefix of the names of all records of a host.
pub(crate) fn prefix(host: &str) -> String {
    // A record's name has no colon and no bracket, and a host's name has no underscore.
    format!("github/{}/", host.replace([':', '[', ']'], "_"))
}
