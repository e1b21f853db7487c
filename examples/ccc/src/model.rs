//! The credential of the model: from the store, which the configuration fills.

use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_runner::CredentialKind;
use ccc_store::MemoryCredentialStore;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Config, store};

/// The kinds, as they are written, and the names that agents find them under.
const KINDS: [(CredentialKind, &str); 3] = [
    (CredentialKind::ApiKey, "api-key"),
    (CredentialKind::OAuthToken, "oauth-token"),
    (CredentialKind::BearerToken, "bearer-token"),
];

/// A credential, and where an agent finds it.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) kind: CredentialKind,
    pub(crate) name: CredentialKey,
    pub(crate) store: Arc<dyn CredentialStore>,
}

/// As it is kept: with its kind, so that one write changes both.
#[derive(Serialize, Deserialize)]
struct Record {
    kind: String,
    secret: Zeroizing<String>,
}

impl Record {
    fn of(kind: CredentialKind, secret: &Secret) -> Result<Self> {
        // Said now, and not in the first run.
        kind.check(secret)?;
        let kind = KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name);
        let secret = secret.expose_str()?.to_owned().into();
        Ok(Self { kind: kind.to_owned(), secret })
    }

    fn read(stored: &Secret) -> Result<Self> {
        serde_json::from_slice(stored.expose()).map_err(|_| {
            let line = "what is kept of the model's credential does not read: `ccc config clear --model`, and set it anew";
            Error::new(ErrorKind::Corrupt, line)
        })
    }

    fn write(&self) -> Result<Secret> {
        serde_json::to_vec(self).map(Secret::new).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "a credential that is no JSON").with_source(e)
        })
    }

    /// For the agents of this process: what is changed of the record changes nothing for them.
    async fn handed_over(&self) -> Result<Credential> {
        let kind = KINDS.iter().find(|(_, name)| *name == self.kind).map(|(kind, _)| *kind);
        let kind = kind.ok_or_else(|| {
            let line = format!(
                "the model's credential is a {}, which this version does not know",
                self.kind
            );
            Error::new(ErrorKind::Corrupt, line)
        })?;
        let name = CredentialKey::new(format!("model/{}", self.kind))?;
        let store = MemoryCredentialStore::default();
        let secret = Secret::from(self.secret.as_str());
        store.put(&name, &secret, Precondition::None).await?;
        Ok(Credential { kind, name, store: Arc::new(store) })
    }
}

fn name() -> Result<CredentialKey> {
    CredentialKey::new("model/credential")
}

/// What is configured, kept by nobody.
pub(crate) async fn given(config: &Config) -> Result<Option<Credential>> {
    let Some((kind, secret)) = config.model.credential()? else { return Ok(None) };
    Record::of(kind, &secret)?.handed_over().await.map(Some)
}

/// What is configured for this one run, or else what is kept.
pub(crate) async fn for_one_run(config: &Config) -> Result<Option<Credential>> {
    if let Some(given) = given(config).await? {
        return Ok(Some(given));
    }
    let Some(store) = store::open_existing(config).await? else { return Ok(None) };
    match kept(&*store).await? {
        Some(record) => record.handed_over().await.map(Some),
        None => Ok(None),
    }
}

/// What is kept; what is configured is kept when nothing is.
pub(crate) async fn for_service(
    config: &Config,
    store: &dyn CredentialStore,
) -> Result<Option<Credential>> {
    let given = config.model.credential();
    if let Some(kept) = kept(store).await? {
        // A file that is gone is not needed any more.
        if let Ok(Some((_, secret))) = given
            && secret.expose() != kept.secret.as_bytes()
        {
            tracing::warn!(
                "the model's credential that is configured is not the one that is kept, and is not used: change it \
                 with `ccc config set`, or make it known anew after `ccc config clear --model`"
            );
        }
        return kept.handed_over().await.map(Some);
    }
    let Some((kind, secret)) = given? else { return Ok(None) };
    let record = Record::of(kind, &secret)?;
    match store.put(&name()?, &record.write()?, Precondition::Absent).await {
        // Somebody else was quicker.
        Err(error) if error.kind() == ErrorKind::Conflict => match kept(store).await? {
            Some(theirs) => theirs.handed_over().await.map(Some),
            None => Err(error),
        },
        Err(error) => Err(error),
        Ok(_) => {
            tracing::info!("the model's credential is kept: it need no longer be configured");
            record.handed_over().await.map(Some)
        }
    }
}

async fn kept(store: &dyn CredentialStore) -> Result<Option<Record>> {
    let kept = store.get(&name()?).await.map_err(|error| match error.kind() {
        ErrorKind::Corrupt => {
            let line = format!("{}: `ccc config clear --model` clears it", error.message());
            Error::new(ErrorKind::Corrupt, line)
        }
        _ => error,
    })?;
    kept.map(|kept| Record::read(&kept.secret)).transpose()
}

/// Which kind is kept, in words.
pub(crate) async fn kept_kind(store: &dyn CredentialStore) -> Result<Option<String>> {
    Ok(kept(store).await?.map(|record| record.kind))
}

/// Keeps it, in place of what was kept.
pub(crate) async fn keep(
    store: &dyn CredentialStore,
    kind: CredentialKind,
    secret: &Secret,
) -> Result<()> {
    let record = Record::of(kind, secret)?.write()?;
    store.put(&name()?, &record, Precondition::None).await.map(drop)
}

/// Forgets it; whether there was one.
pub(crate) async fn clear(store: &dyn CredentialStore) -> Result<bool> {
    let name = name()?;
    // One that cannot be read can be removed: somebody says so.
    let there = !matches!(store.get(&name).await, Ok(None));
    store.delete(&name).await.map(|()| there)
}
