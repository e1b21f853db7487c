//! The credential for the model's API. When a service starts and the credential store contains no
//! credential of the model, the service stores the configured credential there.

use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_runner::CredentialKind;
use ccc_store::MemoryCredentialStore;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::credentials;
use crate::stored_credentials::{StoredCredentials, difference};

/// The kinds of credentials and their names. Stored records and credential keys contain these
/// names.
const KINDS: [(CredentialKind, &str); 3] = [
    (CredentialKind::ApiKey, "api-key"),
    (CredentialKind::OAuthToken, "oauth-token"),
    (CredentialKind::BearerToken, "bearer-token"),
];

/// The credential for the model's API: its kind, and the store and the key under which the secret
/// is available.
#[derive(Debug)]
pub(crate) struct ModelCredential {
    pub(crate) kind: CredentialKind,
    pub(crate) name: CredentialKey,
    pub(crate) store: Arc<dyn CredentialStore>,
}

/// The stored form of the credential for the model's API. The kind is in the same record as the
/// secret, so that one write changes both.
#[derive(Serialize, Deserialize)]
struct Record {
    kind: String,
    secret: Zeroizing<String>,
}

impl Record {
    fn new(kind: CredentialKind, secret: &Secret) -> Result<Self> {
        // The credential is checked here, so that an invalid credential is reported before the
        // first run.
        kind.check(secret)?;
        let kind = KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name);
        let secret = secret.expose_str()?.to_owned().into();
        Ok(Self { kind: kind.to_owned(), secret })
    }

    /// Returns whether this record contains the secret `secret` with the kind `kind`.
    fn matches(&self, kind: CredentialKind, secret: &Secret) -> bool {
        let same_kind = KINDS.iter().any(|(known, name)| *known == kind && *name == self.kind);
        same_kind && self.secret.as_bytes() == secret.expose()
    }

    fn read(stored: &Secret) -> Result<Self> {
        serde_json::from_slice(stored.expose()).map_err(|_| {
            let line = "the stored credential of the model is damaged: delete the credential with \
                        `ccc config clear --model`, and store it again with `ccc config set`";
            Error::new(ErrorKind::Corrupt, line)
        })
    }

    fn write(&self) -> Result<Secret> {
        serde_json::to_vec(self).map(Secret::new).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot serialize the model's credential")
                .with_source(e)
        })
    }

    /// Copies the credential into a store in memory, so that a later change of the stored record
    /// does not affect the copy.
    async fn into_memory(self) -> Result<ModelCredential> {
        let kind = KINDS.iter().find(|(_, name)| *name == self.kind).map(|(kind, _)| *kind);
        let kind = kind.ok_or_else(|| {
            let line = format!(
                "the stored credential of the model has the kind `{}`, which this version does not support: replace the \
                 credential with `ccc config set`",
                self.kind
            );
            Error::new(ErrorKind::Corrupt, line)
        })?;
        let name = CredentialKey::new(format!("model/{}", self.kind))?;
        let store = MemoryCredentialStore::default();
        let secret = Secret::from(self.secret.as_str());
        store.put(&name, &secret, Precondition::None).await?;
        Ok(ModelCredential { kind, name, store: Arc::new(store) })
    }
}

fn name() -> Result<CredentialKey> {
    CredentialKey::new("model/credential")
}

/// Returns the configured credential for the model's API, without storing it.
pub(crate) async fn configured(config: &Config) -> Result<Option<ModelCredential>> {
    let Some((kind, secret)) = config.model.credential()? else { return Ok(None) };
    Record::new(kind, &secret)?.into_memory().await.map(Some)
}

/// Returns the credential for the model's API for a single run: the configured credential, or the
/// stored credential if no credential is configured.
pub(crate) async fn for_run(config: &Config) -> Result<Option<ModelCredential>> {
    if let Some(configured) = configured(config).await? {
        return Ok(Some(configured));
    }
    let Some(store) = credentials::open_existing(config).await? else { return Ok(None) };
    match stored(&*store).await? {
        Some(record) => record.into_memory().await.map(Some),
        None => Ok(None),
    }
}

/// Returns the stored credential for the model's API, and a warning if the configured credential
/// differs from the stored credential. If no credential is stored, or if `policy` is
/// [`StoredCredentials::Replace`], stores the configured credential first.
pub(crate) async fn for_service(
    config: &Config,
    store: &dyn CredentialStore,
    policy: StoredCredentials,
) -> Result<(Option<ModelCredential>, Option<String>)> {
    let configured = config.model.credential();
    let mut precondition = Precondition::Absent;
    if let Some(record) = stored(store).await? {
        let differs = match &configured {
            Ok(Some((kind, secret))) => !record.matches(*kind, secret),
            Ok(None) => false,
            // The configured file can be missing, if the stored credential is the one in use.
            Err(_) if policy == StoredCredentials::Prefer => false,
            Err(_) => return configured.map(|_| (None, None)),
        };
        if !differs {
            return Ok((Some(record.into_memory().await?), None));
        }
        if policy != StoredCredentials::Replace {
            let warning = difference("the model's credential", policy)?;
            return Ok((Some(record.into_memory().await?), Some(warning)));
        }
        precondition = Precondition::None;
    }
    let Some((kind, secret)) = configured? else { return Ok((None, None)) };
    let record = Record::new(kind, &secret)?;
    match store.put(&name()?, &record.write()?, precondition).await {
        // Another process has stored a credential first.
        Err(error) if error.kind() == ErrorKind::Conflict => match stored(store).await? {
            Some(stored_first) => Ok((Some(stored_first.into_memory().await?), None)),
            None => Err(error),
        },
        Err(error) => Err(error),
        Ok(_) => {
            tracing::info!(
                "stored the model's credential in the credential store: you can now remove the credential from the \
                 configuration"
            );
            Ok((Some(record.into_memory().await?), None))
        }
    }
}

/// Reads the stored credential for the model's API from `store`.
async fn stored(store: &dyn CredentialStore) -> Result<Option<Record>> {
    let stored = store.get(&name()?).await.map_err(|error| match error.kind() {
        ErrorKind::Corrupt => {
            let line =
                format!("{}: `ccc config clear --model` deletes this credential", error.message());
            Error::new(ErrorKind::Corrupt, line)
        }
        _ => error,
    })?;
    stored.map(|stored| Record::read(&stored.secret)).transpose()
}

/// Returns the kind of the stored credential for the model's API, or `None` if no credential is
/// stored.
pub(crate) async fn stored_kind(store: &dyn CredentialStore) -> Result<Option<String>> {
    Ok(stored(store).await?.map(|record| record.kind))
}

/// Stores `secret` as the credential for the model's API. If a credential is already stored,
/// replaces this credential.
pub(crate) async fn store(
    store: &dyn CredentialStore,
    kind: CredentialKind,
    secret: &Secret,
) -> Result<()> {
    let record = Record::new(kind, secret)?.write()?;
    store.put(&name()?, &record, Precondition::None).await.map(drop)
}

/// Deletes the stored credential for the model's API. Returns whether a credential was stored.
pub(crate) async fn clear(store: &dyn CredentialStore) -> Result<bool> {
    let name = name()?;
    // `get` fails for a damaged credential, which must be deleted as well.
    let there = !matches!(store.get(&name).await, Ok(None));
    store.delete(&name).await.map(|()| there)
}
