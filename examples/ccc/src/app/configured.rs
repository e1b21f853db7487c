//! The App that the configuration names.

use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{App, AppChange, AppKey, Apps, Endpoints, Secrets};

use crate::config::Config;

/// Returns the Apps of the configured host.
pub(crate) fn apps(config: &Config, store: Arc<dyn CredentialStore>) -> Result<Apps> {
    let url = config.github.api_url.as_deref().unwrap_or("https://api.github.com");
    Ok(Apps::new(store, Endpoints::from_api_url(url)?.host()))
}

/// Returns the App and its key for a run that no webhook began.
pub(crate) async fn for_run(config: &Config, apps: &Apps) -> Result<(u64, AppKey)> {
    let settings = &config.github;
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        (None, _) => return Err(several()),
    };
    // An App is stored with its webhook secret only, and one run needs none.
    if settings.has_webhook_secret() {
        seed(config, apps).await?;
    }
    let private_key = match apps.get(app_id).await? {
        Some(app) => app.private_key,
        None => settings.private_key()?,
    };
    Ok((app_id, AppKey::from_pem(&private_key)?))
}

/// Returns the error for a missing App number.
fn unnamed() -> Error {
    let line = "set github.app_id, or CCC_GITHUB__APP_ID, or keep an App with `ccc config set`";
    Error::new(ErrorKind::InvalidInput, line)
}

/// Returns the error for a choice between several Apps.
pub(super) fn several() -> Error {
    let line = "several Apps are kept: set github.app_id, or CCC_GITHUB__APP_ID, to one of `ccc config show`";
    Error::new(ErrorKind::InvalidInput, line)
}

/// Stores the App of the configuration if the store has none of that number. Without a number, it
/// is the only App in the store.
///
/// # Errors
/// Those of the store; [`ErrorKind::InvalidInput`] when only a part of an App is configured, and
/// none is stored.
pub(crate) async fn seed(config: &Config, apps: &Apps) -> Result<()> {
    let settings = &config.github;
    if !settings.has_private_key() && !settings.has_webhook_secret() {
        return Ok(());
    }
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        // The choice is reported when an App is needed.
        (None, _) => return Ok(()),
    };
    if apps.get(app_id).await?.is_none() {
        let mut change = AppChange::new(app_id).with_private_key(&settings.private_key()?)?;
        let secrets = settings.webhook_secrets()?;
        Secrets::new(secrets.iter().cloned())?;
        // The oldest first: the last one counts as the newest.
        for secret in secrets.into_iter().rev() {
            change = change.with_webhook_secret(secret)?;
        }
        if apps.make(&change).await? {
            tracing::info!(
                "the App {app_id} is kept: its private key and webhook secret need no longer be configured"
            );
        }
    }
    if let Some(app) = apps.get(app_id).await? {
        warn_of_differences(config, &app);
    }
    Ok(())
}

/// Logs where the configuration of an App differs from the store.
fn warn_of_differences(config: &Config, app: &App) {
    let settings = &config.github;
    // A file that is gone is not needed any more.
    let key = settings.has_private_key().then(|| settings.private_key().ok()).flatten();
    let secrets = settings.has_webhook_secret().then(|| settings.webhook_secrets().ok()).flatten();
    let known = |secret: &Secret| app.webhook_secrets.iter().any(|stored| same(stored, secret));
    for (differs, what) in [
        (key.is_some_and(|key| !same(&key, &app.private_key)), "private key"),
        (secrets.is_some_and(|all| !all.iter().all(known)), "webhook secret"),
    ] {
        if differs {
            tracing::warn!(
                "the {what} that is configured is not the one that is kept of the App {}, and is not used: change it \
                 with `ccc config set`, or make it known anew after `ccc config clear`",
                app.app_id
            );
        }
    }
}

/// Compares two secrets, except for the spelling of line breaks.
fn same(one: &Secret, other: &Secret) -> bool {
    let plain = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.expose()).replace("\\n", "\n");
        Secret::from(text.trim())
    };
    plain(one).expose() == plain(other).expose()
}
