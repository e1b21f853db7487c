//! Records of a credential store: names, and JSON that contains secrets.

use ccc_core::{Error, ErrorKind, Result, Secret};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret as a field of a record. Its memory is wiped when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Copies a secret.
    ///
    /// # Errors
    /// Those of [`Secret::expose_str`], if the secret is not UTF-8.
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self> {
        Ok(Self(secret.expose_str()?.to_owned().into()))
    }

    /// Copies the text into a secret.
    pub(crate) fn to_secret(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

/// Serializes a record as JSON. `name` is used in the error message.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if the type cannot be serialized as JSON.
pub(crate) fn write(name: &str, record: &impl Serialize) -> Result<Secret> {
    serde_json::to_vec(record).map(Secret::new).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("cannot write {name} as JSON")).with_source(error)
    })
}

/// Parses a record from JSON, or returns `None` if it is invalid. The parser's error is discarded,
/// because it could quote a secret.
pub(crate) fn read<T: DeserializeOwned>(record: &Secret) -> Option<T> {
    serde_json::from_slice(record.expose()).ok()
}

/// Returns the common prefix of the names of all records of a host.
pub(crate) fn prefix(host: &str) -> String {
    // Record names cannot contain colons and brackets. Host names cannot contain underscores, so
    // different hosts have different prefixes.
    format!("github/{}/", host.replace([':', '[', ']'], "_"))
}
