//! Records in a credential store: the prefix of their names, and their JSON, which contains
//! secrets.

use ccc_core::{Error, ErrorKind, Result, Secret};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret in a field of a JSON record. The secret is erased from memory when this value is
/// dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Copies the text of `secret`.
    ///
    /// # Errors
    /// The errors of [`Secret::expose_str`], if `secret` is not UTF-8.
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self> {
        Ok(Self(secret.expose_str()?.to_owned().into()))
    }

    /// Copies the text of this value into a [`Secret`].
    pub(crate) fn to_secret(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

/// Serializes `record` as JSON. `name` describes the record in the error message.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if `record` cannot be serialized as JSON.
pub(crate) fn write(name: &str, record: &impl Serialize) -> Result<Secret> {
    serde_json::to_vec(record).map(Secret::new).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("cannot serialize {name} as JSON"))
            .with_source(error)
    })
}

/// Parses the JSON in `record`, or returns `None` if the JSON is not a valid `T`. The parser's
/// error is discarded, because the error's text could quote a secret.
pub(crate) fn read<T: DeserializeOwned>(record: &Secret) -> Option<T> {
    serde_json::from_slice(record.expose()).ok()
}

/// Returns the prefix of the names of all records that belong to the GitHub host `host`, such as
/// `github/github.com/`.
pub(crate) fn prefix(host: &str) -> String {
    // Record names cannot contain colons and brackets. Host names cannot contain underscores, so
    // different hosts have different prefixes.
    format!("github/{}/", host.replace([':', '[', ']'], "_"))
}
