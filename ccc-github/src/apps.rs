//! What is configured of GitHub Apps, in a credential store.

use std::fmt;
use std::sync::Arc;

use ccc_core::credential::{Precondition, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

mod change;
mod route;
#[cfg(test)]
mod tests;

pub use change::AppChange;
pub use route::{ConfigAnswer, MAX_CONFIG};

use crate::jwt::fingerprint;

/// How often somebody else may be quicker to change the same App.
const TRIES: usize = 20;

/// What is known of one App.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct App {
    /// Its number.
    pub app_id: u64,
    /// Its private key, PEM, which parses.
    pub private_key: Secret,
    /// What its webhook may be signed with, the newest first: one to three.
    pub webhook_secrets: Vec<Secret>,
    /// Where it is installed, as far as somebody said so.
    pub installation_ids: Vec<u64>,
}

/// An App as anybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AppView {
    /// The host that it is an App of.
    pub host: String,
    /// Its number.
    pub app_id: u64,
    /// `SHA256:…` of the public key, as the App's settings page shows it.
    pub private_key: String,
    /// The first digits of a SHA-256 of each, the newest first.
    pub webhook_secrets: Vec<String>,
    /// Where it is installed.
    pub installation_ids: Vec<u64>,
}

impl App {
    fn view(&self, host: &str) -> Result<AppView> {
        Ok(AppView {
            host: host.to_owned(),
            app_id: self.app_id,
            private_key: fingerprint(&self.private_key)?,
            webhook_secrets: self.webhook_secrets.iter().map(digits).collect(),
            installation_ids: self.installation_ids.clone(),
        })
    }

    fn write(&self) -> Result<Secret> {
        let text = |secret: &Secret| Ok::<_, Error>(secret.expose_str()?.to_owned().into());
        let record = Record {
            private_key: text(&self.private_key)?,
            webhook_secrets: self.webhook_secrets.iter().map(text).collect::<Result<_>>()?,
            installation_ids: self.installation_ids.clone(),
        };
        let unexpected =
            |e| Error::new(ErrorKind::Unexpected, "an App that is no JSON").with_source(e);
        serde_json::to_vec(&record).map(Secret::new).map_err(unexpected)
    }

    fn read(app_id: u64, record: &Secret) -> Option<Self> {
        let record: Record = serde_json::from_slice(record.expose()).ok()?;
        let secret = |text: &Zeroizing<String>| Secret::from(text.as_str());
        Some(Self {
            app_id,
            private_key: secret(&record.private_key),
            webhook_secrets: record.webhook_secrets.iter().map(secret).collect(),
            installation_ids: record.installation_ids,
        })
    }
}

/// An App as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    private_key: Zeroizing<String>,
    webhook_secrets: Vec<Zeroizing<String>>,
    installation_ids: Vec<u64>,
}

/// Enough to tell a few secrets apart; too little for who guesses to know that one is right.
fn digits(secret: &Secret) -> String {
    let mut digest = Sha256::new();
    digest.update(b"ccc/v1/fingerprint");
    digest.update(secret.expose());
    hex::encode(&digest.finalize()[..2])
}

/// How the names of all that is kept of a host begin.
pub(crate) fn prefix(host: &str) -> String {
    // A name of the store's has no colon and no bracket, and a host's no underscore.
    format!("github/{}/", host.replace([':', '[', ']'], "_"))
}

/// The Apps of one host in a credential store, each a record `github/HOST/NUMBER`.
#[derive(Clone)]
pub struct Apps {
    store: Arc<dyn CredentialStore>,
    host: String,
}

impl fmt::Debug for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apps({})", self.host)
    }
}

impl Apps {
    /// Those of the host, as [`Endpoints::host`](crate::Endpoints::host) names it.
    pub fn new(store: Arc<dyn CredentialStore>, host: impl Into<String>) -> Self {
        Self { store, host: host.into() }
    }

    fn key(&self, app_id: u64) -> Result<CredentialKey> {
        CredentialKey::new(format!("{}{app_id}", prefix(&self.host)))
    }

    /// The numbers of all Apps.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> Result<Vec<u64>> {
        let prefix = prefix(&self.host);
        let number = |key: &CredentialKey| key.as_str().strip_prefix(&prefix)?.parse().ok();
        let mut all: Vec<u64> = self.store.list().await?.iter().filter_map(number).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// One App, with its secrets.
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Corrupt`] for a record that is none of an App.
    pub async fn get(&self, app_id: u64) -> Result<Option<App>> {
        Ok(self.get_versioned(app_id).await?.map(|(app, _)| app))
    }

    /// One App, and its version: of one version there is one App.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_versioned(&self, app_id: u64) -> Result<Option<(App, Version)>> {
        let key = self.key(app_id)?;
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let app = App::read(app_id, &stored.secret).ok_or_else(|| {
            let line = format!(
                "the credential `{key}` is not what is kept of an App, and is left as it is until it is cleared"
            );
            Error::new(ErrorKind::Corrupt, line)
        })?;
        Ok(Some((app, stored.version)))
    }

    /// One App as anybody may see it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn view(&self, app_id: u64) -> Result<Option<AppView>> {
        self.get(app_id).await?.map(|app| app.view(&self.host)).transpose()
    }

    /// Makes or changes an App: what the change says nothing of stays as it is. The webhook secret before stays
    /// valid, at most two of them, until [`AppChange::forget_old_secrets`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a new App without private key or webhook secret, and for an old secret
    /// too many; those of the store.
    pub async fn change(&self, change: &AppChange) -> Result<AppView> {
        let key = self.key(change.app_id)?;
        for _ in 0..TRIES {
            let (before, precondition) = match self.get_versioned(change.app_id).await? {
                Some((app, version)) => (Some(app), Precondition::Version(version)),
                None => (None, Precondition::Absent),
            };
            let app = change.apply(before)?;
            // First: what cannot be shown is not kept.
            let view = app.view(&self.host)?;
            match self.store.put(&key, &app.write()?, precondition).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| view),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others change this App all the time: try again"))
    }

    /// Makes an App, and changes none: false when there is one by now.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn make(&self, change: &AppChange) -> Result<bool> {
        let app = change.apply(None)?;
        let key = self.key(change.app_id)?;
        match self.store.put(&key, &app.write()?, Precondition::Absent).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            done => done.map(|_| true),
        }
    }

    /// Removes an App; whether there was one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn clear(&self, app_id: u64) -> Result<bool> {
        let key = self.key(app_id)?;
        let there = self.store.get(&key).await;
        // One that cannot be read can be removed: somebody says so.
        let there = !matches!(there, Ok(None));
        self.store.delete(&key).await.map(|()| there)
    }
}
