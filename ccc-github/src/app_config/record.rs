//! A stored GitHub App: its record in the credential store and its public view.

use ccc_core::{Result, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::app_key::fingerprint;
use crate::secret_record::{self, SecretText};

/// A stored GitHub App with its secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct App {
    /// The App ID of the GitHub App.
    pub app_id: u64,
    /// The private key of the GitHub App, as a valid PEM text.
    pub private_key: Secret,
    /// The one to three webhook secrets of the GitHub App, with the newest first.
    pub webhook_secrets: Vec<Secret>,
    /// The installation ids that the operator has configured for the GitHub App.
    pub installation_ids: Vec<u64>,
}

/// The public view of a stored GitHub App, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AppView {
    /// The GitHub host on which the App is registered, such as `github.com`.
    pub host: String,
    /// The App ID of the GitHub App.
    pub app_id: u64,
    /// The fingerprint `SHA256:…` that identifies the App's private key, as GitHub shows it on the
    /// App's settings page. The fingerprint is a digest of the matching public key.
    pub private_key: String,
    /// Four hex digits of a SHA-256 digest of each webhook secret, with the newest secret first.
    /// The digits distinguish the secrets and do not reveal them.
    pub webhook_secrets: Vec<String>,
    /// The installation ids that the operator has configured for the GitHub App.
    pub installation_ids: Vec<u64>,
}

impl App {
    /// Returns the public view of this App. The view contains no secrets. `host` is the GitHub host
    /// of the App.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if the private key does not parse.
    pub(super) fn view(&self, host: &str) -> Result<AppView> {
        Ok(AppView {
            host: host.to_owned(),
            app_id: self.app_id,
            private_key: fingerprint(&self.private_key)?,
            webhook_secrets: self.webhook_secrets.iter().map(short_fingerprint).collect(),
            installation_ids: self.installation_ids.clone(),
        })
    }

    /// Serializes the App as a record for the credential store.
    pub(super) fn to_record(&self) -> Result<Secret> {
        let secrets = self.webhook_secrets.iter().map(SecretText::from_secret);
        let record = Record {
            private_key: SecretText::from_secret(&self.private_key)?,
            webhook_secrets: secrets.collect::<Result<_>>()?,
            installation_ids: self.installation_ids.clone(),
        };
        secret_record::write("an App record", &record)
    }

    /// Parses the App `app_id` from a record of the credential store, or returns `None` if the
    /// record is not a valid App record.
    pub(super) fn from_record(app_id: u64, record: &Secret) -> Option<Self> {
        let record: Record = secret_record::read(record)?;
        Some(Self {
            app_id,
            private_key: record.private_key.to_secret(),
            webhook_secrets: record.webhook_secrets.iter().map(SecretText::to_secret).collect(),
            installation_ids: record.installation_ids,
        })
    }
}

/// The JSON format of a stored App's record in the credential store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    private_key: SecretText,
    webhook_secrets: Vec<SecretText>,
    installation_ids: Vec<u64>,
}

/// Returns four hex digits of a digest of `secret`. Four digits are enough to distinguish a few
/// secrets, and too few to confirm a guessed secret.
pub(super) fn short_fingerprint(secret: &Secret) -> String {
    let mut digest = Sha256::new();
    digest.update(b"ccc/v1/fingerprint");
    digest.update(secret.expose());
    hex::encode(&digest.finalize()[..2])
}
