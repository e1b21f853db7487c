//! The GitHub App of this installation: from the store, which the configuration fills.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use ccc_core::credential::Version;
use ccc_core::{CancellationToken, Clock, CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{Admitted, App, AppChange, AppKey, Apps, Endpoints, GitHub, Secrets, Webhook};

mod route;
#[cfg(test)]
mod tests;

pub(crate) use route::config;

use crate::Config;
use crate::admin::{self, AdminToken};

/// How often a service looks whether somebody else has changed its App.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

/// The Apps of the configured host.
pub(crate) fn apps(config: &Config, store: Arc<dyn CredentialStore>) -> Result<Apps> {
    let url = config.github.api_url.as_deref().unwrap_or("https://api.github.com");
    Ok(Apps::new(store, Endpoints::from_api_url(url)?.host()))
}

/// What a run is called with that nobody's webhook began.
pub(crate) async fn for_one_run(config: &Config, apps: &Apps) -> Result<(u64, AppKey)> {
    let settings = &config.github;
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        (None, _) => return Err(several()),
    };
    // Without a webhook secret it cannot be kept, and none is needed for one run.
    if settings.given().1 {
        seed(config, apps).await?;
    }
    let private_key = match apps.get(app_id).await? {
        Some(app) => app.private_key,
        None => settings.private_key()?,
    };
    Ok((app_id, AppKey::from_pem(&private_key)?))
}

fn unnamed() -> Error {
    let line = "set github.app_id, or CCC_GITHUB__APP_ID, or keep an App with `ccc config set`";
    Error::new(ErrorKind::InvalidInput, line)
}

fn several() -> Error {
    let line = "several Apps are kept: set github.app_id, or CCC_GITHUB__APP_ID, to one of `ccc config show`";
    Error::new(ErrorKind::InvalidInput, line)
}

/// Keeps what the configuration says of the App that is configured, or of the only one that is kept: only what the
/// store does not have yet.
///
/// # Errors
/// Those of the store; [`ErrorKind::InvalidInput`] when only a part of an App is configured, and none is kept.
pub(crate) async fn seed(config: &Config, apps: &Apps) -> Result<()> {
    let settings = &config.github;
    if settings.given() == (false, false) {
        return Ok(());
    }
    let app_id = match (settings.app_id, &apps.list().await?[..]) {
        (Some(app_id), _) => app_id,
        (None, [only]) => *only,
        (None, []) => return Err(unnamed()),
        // Which one is meant nobody knows: that is said to who asks for one.
        (None, _) => return Ok(()),
    };
    if apps.get(app_id).await?.is_none() {
        let mut change = AppChange::new(app_id).with_private_key(&settings.private_key()?)?;
        let secrets = settings.webhook_secrets()?;
        Secrets::new(secrets.iter().cloned())?;
        // The oldest first: the one that is told last is the newest.
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
        warn_of_others(config, &app);
    }
    Ok(())
}

/// Says where the configuration and the store have different things of an App.
fn warn_of_others(config: &Config, app: &App) {
    let settings = &config.github;
    let (has_key, has_secret) = settings.given();
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
                "the {what} that is configured is not the one that is kept of the App {}, and is not used: change it \
                 with `ccc config set`, or make it known anew after `ccc config clear`",
                app.app_id
            );
        }
    }
}

/// The same but for how its lines are written.
fn same(one: &Secret, other: &Secret) -> bool {
    let plain = |secret: &Secret| {
        let text = String::from_utf8_lossy(secret.expose()).replace("\\n", "\n");
        Secret::from(text.trim())
    };
    plain(one).expose() == plain(other).expose()
}

/// What a service was given of an App.
#[derive(Debug)]
struct Used {
    app_id: u64,
    version: Version,
    private_key: Secret,
}

/// The App that a service is, as its store has it now, and who may change that over HTTP.
#[derive(Debug)]
pub(crate) struct KeptApp {
    pub(crate) apps: Apps,
    store: Arc<dyn CredentialStore>,
    /// The one that is configured.
    chosen: Option<u64>,
    github: Arc<GitHub>,
    webhook: Arc<Webhook>,
    /// Held while somebody looks: one after the other.
    looking: tokio::sync::Mutex<()>,
    /// What is used.
    used: RwLock<Option<Used>>,
    admin: RwLock<Option<AdminToken>>,
}

impl KeptApp {
    pub(crate) fn new(
        config: &Config,
        store: Arc<dyn CredentialStore>,
        github: Arc<GitHub>,
        webhook: Arc<Webhook>,
    ) -> Result<Self> {
        Ok(Self {
            apps: apps(config, Arc::clone(&store))?,
            store,
            chosen: config.github.app_id,
            github,
            webhook,
            looking: tokio::sync::Mutex::default(),
            used: RwLock::default(),
            admin: RwLock::default(),
        })
    }

    /// Who may change it; nobody, as long as no token was made.
    pub(crate) fn admin(&self) -> Option<AdminToken> {
        *self.admin.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the operator in. A token that is none any more lets nobody in, whoever made the new one: the store is
    /// asked, for each request with a token that counted a moment ago.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Option<Admitted>> {
        if self.admin().and_then(|admin| admin.admits(headers)).is_none() {
            return Ok(None);
        }
        self.learn_admin().await?;
        Ok(self.admin().and_then(|admin| admin.admits(headers)))
    }

    async fn learn_admin(&self) -> Result<()> {
        let admin = match admin::kept(&*self.store).await {
            // It lets nobody in, and keeps nobody's App from being used.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::error!("{error}: `ccc config admin-token` makes another");
                None
            }
            kept => kept?,
        };
        *self.admin.write().unwrap_or_else(PoisonError::into_inner) = admin;
        Ok(())
    }

    /// Makes the first token: none, when there is one.
    pub(crate) async fn first_token(&self) -> Result<Option<Secret>> {
        let made = admin::make(&*self.store, true).await?;
        // What went wrong since with the App must not keep the token from being shown: there is no second time.
        self.look().await;
        Ok(made)
    }

    /// Looks each minute, until `shutdown`.
    pub(crate) async fn follow(&self, clock: &dyn Clock, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(clock.sleep(LOOKS_EVERY)).await.is_some() {
            self.look().await;
        }
    }

    /// As [`take`](Self::take), and says what came of it.
    pub(crate) async fn look(&self) {
        match (self.take().await, self.app_id()) {
            (Ok(false), _) => {}
            (Ok(true), Some(app_id)) => {
                tracing::info!("what is kept of the App {app_id} is used from now on");
            }
            (Ok(true), None) => {
                tracing::warn!(
                    "there is no App any more: deliveries are put off until there is one"
                );
            }
            (Err(error), _) => tracing::error!("cannot use what is kept of the App: {error}"),
        }
    }

    /// Takes what the store has, and says whether that is something else: another App, another version of it, or none
    /// any more. Of several it stays the one that it is, or else is none until somebody says which.
    ///
    /// # Errors
    /// Those of the store, and of an App that is none: it stays what it was then.
    pub(crate) async fn take(&self) -> Result<bool> {
        let _one_by_one = self.looking.lock().await;
        let ours = self.app_id();
        self.learn_admin().await?;
        let app_id = match self.chosen {
            Some(chosen) => Some(chosen),
            None => match (&self.apps.list().await?[..], ours) {
                ([], _) => None,
                ([only], _) => Some(*only),
                (all, Some(ours)) if all.contains(&ours) => Some(ours),
                _ => {
                    tracing::error!("{}", several().message());
                    None
                }
            },
        };
        let found = match app_id {
            Some(app_id) => self.apps.get_versioned(app_id).await?,
            None => None,
        };
        let (same, same_key) = {
            let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
            match (&*used, &found) {
                (None, None) => (true, true),
                (Some(used), Some((app, version))) => {
                    let same = used.app_id == app.app_id;
                    let key = used.private_key.expose() == app.private_key.expose();
                    (same && used.version == *version, same && key)
                }
                _ => (false, false),
            }
        };
        if same {
            return Ok(false);
        }
        let (mut key, mut secrets, mut now) = (None, None, None);
        if let Some((app, version)) = found {
            key = Some((app.app_id, AppKey::from_pem(&app.private_key)?));
            secrets = Some(Secrets::new(app.webhook_secrets)?);
            now = Some(Used { app_id: app.app_id, version, private_key: app.private_key });
        }
        // What is known of an App, its name at the host among it, stays while its key does.
        if !same_key {
            self.github.use_app(key);
        }
        self.webhook.use_secrets(secrets);
        *self.used.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(true)
    }

    /// The App that is used.
    pub(crate) fn app_id(&self) -> Option<u64> {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        used.as_ref().map(|used| used.app_id)
    }

    /// The host, as this App.
    pub(crate) fn github(&self) -> &GitHub {
        &self.github
    }
}
