//! The GitHub App that the configuration describes. The key and the webhook secrets of this App are
//! copied from the configuration to the credential store.

use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{App, AppChange, AppKey, Apps, Endpoints, Secrets};

use crate::config::{Config, GitHubConfig};
use crate::stored_credentials::{StoredCredentials, difference};

/// Returns access to the GitHub Apps in `store` that belong to the configured GitHub host.
pub(crate) fn apps(config: &Config, store: Arc<dyn CredentialStore>) -> Result<Apps> {
    let url = config.github.api_url.as_deref().unwrap_or("https://api.github.com");
    Ok(Apps::new(store, Endpoints::from_api_url(url)?.host()))
}

/// Returns the ID and the private key of the GitHub App for a run that was not started by a
/// webhook.
pub(crate) async fn for_run(config: &Config, apps: &Apps) -> Result<(u64, AppKey)> {
    let settings = &config.github;
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        (None, _) => return Err(several()),
    };
    // The configured App can be stored only with a webhook secret. Without one, this single run
    // uses the App without storing it.
    if settings.has_webhook_secret() {
        store_configured_app(config, apps, StoredCredentials::Prefer).await?;
    }
    let private_key = match apps.get(app_id).await? {
        Some(app) => app.private_key,
        None => settings.private_key()?,
    };
    Ok((app_id, AppKey::from_pem(&private_key)?))
}

/// Returns the error for the case that no App is stored and no App ID is configured.
fn unnamed() -> Error {
    let line = "no App ID is configured, and no GitHub App is stored: set github.app_id or CCC_GITHUB__APP_ID, or store \
                an App with `ccc config set`";
    Error::new(ErrorKind::InvalidInput, line)
}

/// Returns the error for the case that several Apps are stored and no App ID is configured.
pub(super) fn several() -> Error {
    let line = "several GitHub Apps are stored: set github.app_id or CCC_GITHUB__APP_ID to the ID of one of the Apps \
                that `ccc config show` lists";
    Error::new(ErrorKind::InvalidInput, line)
}

/// Stores the configured GitHub App if `apps` does not contain it yet. If a stored secret of the App
/// differs from the configured secret, `stored` selects the secret that is used, or makes this call
/// fail. If no App ID is configured, the configured secrets belong to the only App in the store.
///
/// # Errors
/// - Errors of the store.
/// - [`ErrorKind::InvalidInput`] if the App is not stored and only a part of it is configured.
/// - [`ErrorKind::Conflict`] if `stored` is [`StoredCredentials::Refuse`] and a stored secret
///   differs from the configured secret.
pub(crate) async fn store_configured_app(
    config: &Config,
    apps: &Apps,
    stored: StoredCredentials,
) -> Result<()> {
    let settings = &config.github;
    if !settings.has_private_key() && !settings.has_webhook_secret() {
        return Ok(());
    }
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        // This ambiguity is reported later, when the App is needed.
        (None, _) => return Ok(()),
    };
    if apps.get(app_id).await?.is_none() {
        let mut change = AppChange::new(app_id).with_private_key(&settings.private_key()?)?;
        let secrets = settings.webhook_secrets()?;
        Secrets::new(secrets.iter().cloned())?;
        // The oldest secret is added first, because the secret that is added last counts as the
        // newest.
        for secret in secrets.into_iter().rev() {
            change = change.with_webhook_secret(secret)?;
        }
        if apps.create(&change).await? {
            tracing::info!(
                "stored the App {app_id} in the credential store: the App's private key and webhook secret can now be \
                 removed from the configuration"
            );
        }
    }
    let Some(app) = apps.get(app_id).await? else { return Ok(()) };
    // If the stored credentials are used, an unreadable setting does no harm.
    let names = match stored {
        StoredCredentials::Prefer => readable_differences(settings, &app),
        _ => differences(settings, &app)?,
    };
    if names.is_empty() {
        return Ok(());
    }
    if stored == StoredCredentials::Replace {
        replace(settings, &app, apps).await?;
        tracing::info!(
            "replaced {} in the credential store by the configured value",
            names.join(" and ")
        );
        return Ok(());
    }
    for name in names {
        let warning = difference(&name, stored)?;
        tracing::warn!(
            "{warning}: to use the configured value, store it with `ccc config set`, or start the service with \
             `ccc serve --use-configured`"
        );
    }
    Ok(())
}

/// Replaces the stored private key by the configured key, if a key is configured. Replaces the
/// stored webhook secrets in the same way.
async fn replace(settings: &GitHubConfig, app: &App, apps: &Apps) -> Result<()> {
    let mut change = AppChange::new(app.app_id);
    if settings.has_private_key() {
        change = change.with_private_key(&settings.private_key()?)?;
    }
    if settings.has_webhook_secret() {
        let secrets = settings.webhook_secrets()?;
        Secrets::new(secrets.iter().cloned())?;
        change = change.with_only_webhook_secrets(secrets)?;
    }
    apps.change(&change).await.map(drop)
}

/// Returns the names of an App's configured secrets that differ from the stored secrets.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a configured secret cannot be read.
fn differences(settings: &GitHubConfig, app: &App) -> Result<Vec<String>> {
    let mut differing = Vec::new();
    if settings.has_private_key() && !same(&settings.private_key()?, &app.private_key) {
        differing.push(format!("the private key of the App {}", app.app_id));
    }
    if settings.has_webhook_secret() {
        let known = |secret: &Secret| app.webhook_secrets.iter().any(|stored| same(stored, secret));
        if !settings.webhook_secrets()?.iter().all(known) {
            differing.push(format!("the webhook secret of the App {}", app.app_id));
        }
    }
    Ok(differing)
}

/// Returns the same names as [`differences`], but ignores secrets that cannot be read. For example,
/// after a secret was stored, the operator can remove the file that the setting names, because the
/// service then uses the stored secret.
pub(super) fn readable_differences(settings: &GitHubConfig, app: &App) -> Vec<String> {
    let only = |key: bool| {
        let mut one = settings.clone();
        match key {
            true => one.clear_webhook_secret(),
            false => one.clear_private_key(),
        }
        differences(&one, app).unwrap_or_default()
    };
    [only(true), only(false)].concat()
}

/// Returns whether two secrets are equal. White space around the secrets is ignored. A backslash
/// that is followed by the letter `n` counts as a line break.
fn same(one: &Secret, other: &Secret) -> bool {
    let plain = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.expose()).replace("\\n", "\n");
        Secret::from(text.trim())
    };
    plain(one).expose() == plain(other).expose()
}
