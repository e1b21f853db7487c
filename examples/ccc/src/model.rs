//! The credential of the model: from the store, which the configuration fills.

use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, ErrorKind, Result, Secret};
use ccc_runner::CredentialKind;
use ccc_store::MemoryCredentialStore;

use crate::{Config, store};

/// The kinds, and the names that they are kept under.
const KINDS: [(CredentialKind, &str); 3] = [
    (CredentialKind::ApiKey, "model/api-key"),
    (CredentialKind::OAuthToken, "model/oauth-token"),
    (CredentialKind::BearerToken, "model/bearer-token"),
];

fn name(kind: CredentialKind) -> Result<CredentialKey> {
    CredentialKey::new(KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name))
}

/// A credential, and where an agent finds it.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) kind: CredentialKind,
    pub(crate) name: CredentialKey,
    pub(crate) secret: Secret,
    pub(crate) store: Arc<dyn CredentialStore>,
}

/// What is configured, kept by nobody.
pub(crate) async fn given(config: &Config) -> Result<Option<Credential>> {
    let Some((kind, secret)) = config.model.credential()? else { return Ok(None) };
    // Said now, and not in the first run.
    kind.check(&secret)?;
    let (store, name) = (MemoryCredentialStore::default(), name(kind)?);
    store.put(&name, &secret, Precondition::None).await?;
    Ok(Some(Credential { kind, name, secret, store: Arc::new(store) }))
}

/// What is configured for this one run, or else what is kept.
pub(crate) async fn for_one_run(config: &Config) -> Result<Option<Credential>> {
    if let Some(given) = given(config).await? {
        return Ok(Some(given));
    }
    match store::open_existing(config).await? {
        Some(store) => kept(store).await,
        None => Ok(None),
    }
}

/// What is kept; what is configured is kept when nothing is.
pub(crate) async fn for_service(
    config: &Config,
    store: Arc<dyn CredentialStore>,
) -> Result<Option<Credential>> {
    let given = config.model.credential();
    if let Some(kept) = kept(Arc::clone(&store)).await? {
        // A file that is gone is not needed any more.
        if let Ok(Some((_, secret))) = given
            && secret.expose() != kept.secret.expose()
        {
            tracing::warn!(
                "the model's credential that is configured is not the one that is kept, and is not used: change it \
                 with `ccc config set`, or make it known anew after `ccc config clear --model`"
            );
        }
        return Ok(Some(kept));
    }
    let Some((kind, secret)) = given? else { return Ok(None) };
    kind.check(&secret)?;
    match store.put(&name(kind)?, &secret, Precondition::Absent).await {
        // Somebody else was quicker, with the same configuration or with another.
        Err(error) if error.kind() == ErrorKind::Conflict => {}
        done => drop(done?),
    }
    tracing::info!("the model's credential is kept: it need no longer be configured");
    kept(store).await
}

/// What is kept.
pub(crate) async fn kept(store: Arc<dyn CredentialStore>) -> Result<Option<Credential>> {
    for (kind, _) in KINDS {
        let name = name(kind)?;
        if let Some(found) = store.get(&name).await? {
            return Ok(Some(Credential { kind, name, secret: found.secret, store }));
        }
    }
    Ok(None)
}

/// Keeps it, in place of whatever was kept.
pub(crate) async fn keep(
    store: &dyn CredentialStore,
    kind: CredentialKind,
    secret: &Secret,
) -> Result<()> {
    kind.check(secret)?;
    // First: of two kinds nobody could say which is meant.
    for (other, _) in KINDS.into_iter().filter(|(other, _)| *other != kind) {
        store.delete(&name(other)?).await?;
    }
    store.put(&name(kind)?, secret, Precondition::None).await.map(drop)
}

/// Forgets it; whether there was one.
pub(crate) async fn clear(store: &dyn CredentialStore) -> Result<bool> {
    let mut there = false;
    for (kind, _) in KINDS {
        let name = name(kind)?;
        // One that cannot be read can be removed: somebody says so.
        there |= !matches!(store.get(&name).await, Ok(None));
        store.delete(&name).await?;
    }
    Ok(there)
}
