//! The GitHub App of this installation: from the store, which the configuration fills.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ccc_core::credential::Version;
use ccc_core::{CancellationToken, Clock, CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::{App, AppChange, AppKey, Apps, Endpoints, GitHub, Secrets, Webhook};

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
    let (app_id, private_key) = match seed(config, apps).await? {
        Seeded::Kept(app_id) => {
            let app = apps.get(app_id).await?.ok_or_else(cleared)?;
            (app_id, app.private_key)
        }
        Seeded::KeyAlone(app_id, private_key) => (app_id, private_key),
        Seeded::Nothing => return Err(unnamed()),
    };
    Ok((app_id, AppKey::from_pem(&private_key)?))
}

/// What there is of an App once the configuration has said its part.
#[derive(Debug)]
pub(crate) enum Seeded {
    /// It is kept.
    Kept(u64),
    /// Nobody said what its webhook is signed with: it cannot be kept.
    KeyAlone(u64, Secret),
    /// None is kept, and nothing of one is configured.
    Nothing,
}

fn unnamed() -> Error {
    let line = "set github.app_id, or CCC_GITHUB__APP_ID, or keep an App with `ccc config set`";
    Error::new(ErrorKind::InvalidInput, line)
}

fn several() -> Error {
    let line = "several Apps are kept: set github.app_id, or CCC_GITHUB__APP_ID, to one of `ccc config show`";
    Error::new(ErrorKind::InvalidInput, line)
}

fn cleared() -> Error {
    Error::new(ErrorKind::Conflict, "the App was made and cleared at once: start again")
}

/// Keeps what the configuration says of the App that is configured, or of the only one that is kept: only what the
/// store does not have yet, and only when it is all there.
pub(crate) async fn seed(config: &Config, apps: &Apps) -> Result<Seeded> {
    let settings = &config.github;
    let (has_key, has_secret) = settings.given();
    let app_id = match settings.app_id {
        Some(app_id) => app_id,
        None => match apps.list().await?[..] {
            [only] => only,
            [] if has_key || has_secret => return Err(unnamed()),
            [] => return Ok(Seeded::Nothing),
            _ => return Err(several()),
        },
    };
    if apps.get(app_id).await?.is_none() {
        let private_key = settings.private_key()?;
        if !has_secret {
            return Ok(Seeded::KeyAlone(app_id, private_key));
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
    warn_of_others(config, &apps.get(app_id).await?.ok_or_else(cleared)?);
    Ok(Seeded::Kept(app_id))
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

/// The App that a service is, as its store has it now, and who may change that over HTTP.
#[derive(Debug)]
pub(crate) struct KeptApp {
    pub(crate) apps: Apps,
    store: Arc<dyn CredentialStore>,
    /// The one that is configured.
    chosen: Option<u64>,
    github: Arc<GitHub>,
    webhook: Arc<Webhook>,
    /// What is used.
    used: tokio::sync::Mutex<Option<(u64, Version)>>,
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
            used: tokio::sync::Mutex::default(),
            admin: RwLock::default(),
        })
    }

    /// Who may change it; nobody, as long as no token was made.
    pub(crate) fn admin(&self) -> Option<AdminToken> {
        *self.admin.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the first token: none, when there is one.
    pub(crate) async fn first_token(&self) -> Result<Option<Secret>> {
        let made = admin::make(&*self.store, true).await?;
        self.take().await.map(|_| made)
    }

    /// Looks each minute, until `shutdown`.
    pub(crate) async fn follow(&self, clock: &dyn Clock, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(clock.sleep(LOOKS_EVERY)).await.is_some() {
            self.look().await;
        }
    }

    /// As [`take`](Self::take), and says what came of it.
    pub(crate) async fn look(&self) {
        match (self.take().await, self.app_id().await) {
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
    /// any more.
    ///
    /// # Errors
    /// Those of the store, and [`ErrorKind::InvalidInput`] when it cannot know which of several is meant; it stays what
    /// it was then.
    pub(crate) async fn take(&self) -> Result<bool> {
        let mut used = self.used.lock().await;
        let admin = match admin::kept(&*self.store).await {
            // It lets nobody in, and keeps nobody's App from being used.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::error!("{error}: `ccc config admin-token` makes another");
                None
            }
            kept => kept?,
        };
        *self.admin.write().unwrap_or_else(PoisonError::into_inner) = admin;
        let app_id = match self.chosen {
            Some(chosen) => Some(chosen),
            None => match (&self.apps.list().await?[..], *used) {
                ([], _) => None,
                ([only], _) => Some(*only),
                (all, Some((ours, _))) if all.contains(&ours) => Some(ours),
                _ => return Err(several()),
            },
        };
        let found = match app_id {
            Some(app_id) => self.apps.get_versioned(app_id).await?,
            None => None,
        };
        let now = found.as_ref().map(|(app, version)| (app.app_id, *version));
        if *used == now {
            return Ok(false);
        }
        let (app, secrets) = match found {
            Some((app, _)) => {
                let key = AppKey::from_pem(&app.private_key)?;
                (Some((app.app_id, key)), Some(Secrets::new(app.webhook_secrets)?))
            }
            None => (None, None),
        };
        self.github.use_app(app);
        self.webhook.use_secrets(secrets);
        *used = now;
        Ok(true)
    }

    /// The App that is used.
    pub(crate) async fn app_id(&self) -> Option<u64> {
        self.used.lock().await.map(|(app_id, _)| app_id)
    }

    /// The host, as this App.
    pub(crate) fn github(&self) -> &GitHub {
        &self.github
    }
}
