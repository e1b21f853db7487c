//! The GitHub App of this installation: from the store, which the configuration fills.

use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{AppChange, Apps, Endpoints, Secrets};

use crate::Config;

/// What the host is called with, and what calls us.
#[derive(Debug)]
pub(crate) struct AppCredentials {
    pub(crate) app_id: u64,
    pub(crate) private_key: Secret,
    /// None where nobody said any.
    pub(crate) webhook_secrets: Vec<Secret>,
}

/// The Apps of the configured host.
pub(crate) fn apps(config: &Config, store: Arc<dyn CredentialStore>) -> Result<Apps> {
    let url = config.github.api_url.as_deref().unwrap_or("https://api.github.com");
    Ok(Apps::new(store, Endpoints::from_api_url(url)?.host()))
}

/// The App that is configured, or the only one that is kept. What the store does not have yet comes from the
/// configuration, and is kept when it is all there.
pub(crate) async fn credentials(
    config: &Config,
    store: Arc<dyn CredentialStore>,
) -> Result<AppCredentials> {
    let (settings, apps) = (&config.github, apps(config, store)?);
    let app_id = match settings.app_id {
        Some(app_id) => app_id,
        None => match apps.list().await?[..] {
            [only] => only,
            [] => {
                let line = "set github.app_id, or CCC_GITHUB__APP_ID, or keep an App with `ccc config set`";
                return Err(Error::new(ErrorKind::InvalidInput, line));
            }
            _ => {
                let line = "several Apps are kept: set github.app_id, or CCC_GITHUB__APP_ID, to one of `ccc config show`";
                return Err(Error::new(ErrorKind::InvalidInput, line));
            }
        },
    };
    let (has_key, has_secret) = settings.given();
    if apps.get(app_id).await?.is_none() {
        let private_key = settings.private_key()?;
        if !has_secret {
            return Ok(AppCredentials { app_id, private_key, webhook_secrets: Vec::new() });
        }
        let secrets = settings.webhook_secrets()?;
        Secrets::new(secrets.iter().cloned())?;
        let mut change = AppChange::new(app_id).private_key(&private_key)?;
        // The oldest first: the one that is told last is the newest.
        for secret in secrets.into_iter().rev() {
            change = change.webhook_secret(secret)?;
        }
        if apps.make(&change).await? {
            tracing::info!(
                "the App {app_id} is kept: its private key and webhook secret need no longer be configured"
            );
        }
    }
    let gone =
        || Error::new(ErrorKind::Conflict, "the App was made and cleared at once: start again");
    let app = apps.get(app_id).await?.ok_or_else(gone)?;
    // What cannot be read any more is not needed any more, either.
    let key = Some(settings).filter(|_| has_key).and_then(|given| given.private_key().ok());
    let secrets =
        Some(settings).filter(|_| has_secret).and_then(|given| given.webhook_secrets().ok());
    let known = |secret: &Secret| app.webhook_secrets.iter().any(|kept| same(kept, secret));
    for (differs, what) in [
        (key.is_some_and(|key| !same(&key, &app.private_key)), "private key"),
        (secrets.is_some_and(|all| !all.iter().all(known)), "webhook secret"),
    ] {
        if differs {
            tracing::warn!(
                "the {what} that is configured is not the one that is kept of the App {app_id}, and is not used: \
                 change it with `ccc config set`, or make it known anew after `ccc config clear`"
            );
        }
    }
    Ok(AppCredentials {
        app_id,
        private_key: app.private_key,
        webhook_secrets: app.webhook_secrets,
    })
}

/// The same but for how its lines are written.
fn same(one: &Secret, other: &Secret) -> bool {
    let plain = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.expose()).replace("\\n", "\n");
        Secret::from(text.trim())
    };
    plain(one).expose() == plain(other).expose()
}
