//! The GitHub App of this installation: from the store, which the configuration fills.

use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{AppChange, Apps, Endpoints};

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
    if let Some(app) = apps.get(app_id).await? {
        let other_key = has_key && !same(&settings.private_key()?, &app.private_key);
        let secrets = if has_secret { settings.webhook_secrets()? } else { Vec::new() };
        let known = |secret: &Secret| app.webhook_secrets.iter().any(|kept| same(kept, secret));
        for (differs, what) in
            [(other_key, "private key"), (!secrets.iter().all(known), "webhook secret")]
        {
            if differs {
                tracing::warn!(
                    "the {what} that is configured is not the one that is kept of the App {app_id}, and is not used: \
                     change it with `ccc config set`, or make it known anew after `ccc config clear`"
                );
            }
        }
        return Ok(AppCredentials {
            app_id,
            private_key: app.private_key,
            webhook_secrets: app.webhook_secrets,
        });
    }
    let private_key = settings.private_key()?;
    let webhook_secrets = if has_secret { settings.webhook_secrets()? } else { Vec::new() };
    if !webhook_secrets.is_empty() {
        let mut change = AppChange::new(app_id).private_key(&private_key)?;
        // The oldest first: the one that is told last is the newest.
        for secret in webhook_secrets.iter().rev() {
            change = change.webhook_secret(secret.clone())?;
            apps.change(&change).await?;
        }
        tracing::info!(
            "the App {app_id} is kept: its private key and webhook secret need no longer be configured"
        );
    }
    Ok(AppCredentials { app_id, private_key, webhook_secrets })
}

/// The same but for how its lines are written.
fn same(one: &Secret, other: &Secret) -> bool {
    let plain = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.expose()).replace("\\n", "\n");
        Secret::from(text.trim())
    };
    plain(one).expose() == plain(other).expose()
}
