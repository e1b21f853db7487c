//! The service's GitHub App, which is loaded from the credential store.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use ccc_core::credential::Version;
use ccc_core::{CancellationToken, Clock, CredentialStore, ErrorKind, Result, Secret};
use ccc_github::{Admitted, App, AppKey, Apps, GitHub, Secrets, Webhook};

use crate::admin_token::{self, AdminToken};
use crate::app::configured::{apps, readable_differences, several};
use crate::blocking::spawn_blocking;
use crate::config::{Config, GitHubConfig};
use crate::remedy::describe;
use crate::stored_credentials;

/// The time between two reloads of the GitHub App.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The warning that is shown while the service uses no GitHub App.
pub(crate) const WAITING_FOR_APP: &str = "no GitHub App is in use: deliveries are answered with 503 \
                                          until `POST /config` or `ccc config set` stores an App";

/// The GitHub App that the service uses now.
#[derive(Debug)]
struct AppInUse {
    app_id: u64,
    version: Version,
    private_key: Secret,
}

/// The GitHub App of the service and the admin token for `/config`. Both are reloaded from the
/// credential store.
#[derive(Debug)]
pub(crate) struct StoredApp {
    pub(crate) apps: Apps,
    store: Arc<dyn CredentialStore>,
    /// The configured settings of the GitHub App.
    configured: GitHubConfig,
    /// The names of the secrets whose configured value differs from the stored value.
    differences: RwLock<Vec<String>>,
    github: Arc<GitHub>,
    webhook: Arc<Webhook>,
    /// A lock that allows one reload at a time.
    reloading: tokio::sync::Mutex<()>,
    in_use: RwLock<Option<AppInUse>>,
    admin_token: RwLock<Option<AdminToken>>,
}

impl StoredApp {
    /// Creates a `StoredApp` that reads from the credential store `store`. The first
    /// [`reload`](Self::reload) loads the App.
    pub(crate) fn new(
        config: &Config,
        store: Arc<dyn CredentialStore>,
        github: Arc<GitHub>,
        webhook: Arc<Webhook>,
    ) -> Result<Self> {
        Ok(Self {
            apps: apps(config, Arc::clone(&store))?,
            store,
            configured: config.github.clone(),
            differences: RwLock::default(),
            github,
            webhook,
            reloading: tokio::sync::Mutex::default(),
            in_use: RwLock::default(),
            admin_token: RwLock::default(),
        })
    }

    /// Returns the warnings about the App, one line for each warning. There is a warning if no App
    /// is in use, and a warning for each configured secret that differs from the stored secret.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let differences = self.differences.read().unwrap_or_else(PoisonError::into_inner);
        let differ = differences.iter().map(|name| stored_credentials::warning(name));
        let waiting = self.app_id().is_none().then(|| WAITING_FOR_APP.to_owned());
        differ.chain(waiting).collect()
    }

    /// Returns the cached admin token, or `None` if the store contained no valid admin token at the
    /// last reload.
    pub(crate) fn admin_token(&self) -> Option<AdminToken> {
        *self.admin_token.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request if its `headers` contain the admin token, and returns `None` otherwise. A
    /// token that matches the cached token is also checked against the store, because another
    /// process can have revoked the cached token.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Option<Admitted>> {
        if self.admin_token().and_then(|token| token.admits(headers)).is_none() {
            return Ok(None);
        }
        self.reload_admin_token().await?;
        Ok(self.admin_token().and_then(|token| token.admits(headers)))
    }

    async fn reload_admin_token(&self) -> Result<()> {
        let token = match admin_token::load(&*self.store).await {
            // A damaged token admits no request, but does not prevent the use of the App.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::error!(
                    "{}: issue a new admin token with `ccc config admin-token`",
                    describe(&error)
                );
                None
            }
            token => token?,
        };
        *self.admin_token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// Issues the first admin token. Returns `None` if a token already exists.
    pub(crate) async fn issue_first_admin_token(&self) -> Result<Option<Secret>> {
        let issued = admin_token::issue_first(&*self.store).await?;
        // A failure of the reload is only logged. The token must be returned, because it cannot be
        // shown later.
        self.reload_and_log().await;
        Ok(issued)
    }

    /// Reloads the App every minute until `shutdown` is cancelled.
    pub(crate) async fn poll(&self, clock: &dyn Clock, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(clock.sleep(POLL_INTERVAL)).await.is_some() {
            self.reload_and_log().await;
        }
    }

    /// Reloads the App with [`reload`](Self::reload), and logs a change or an error.
    pub(crate) async fn reload_and_log(&self) {
        match (self.reload().await, self.app_id()) {
            (Ok(false), _) => {}
            (Ok(true), Some(app_id)) => {
                tracing::info!(
                    "loaded the App {app_id} from the credential store: the service uses this App from now on"
                );
            }
            (Ok(true), None) => {
                tracing::warn!(
                    "the credential store no longer contains a usable GitHub App: deliveries are answered with 503 \
                     until an App is stored"
                );
            }
            (Err(error), _) => {
                tracing::error!(
                    "cannot reload the App from the credential store: {}",
                    describe(&error)
                );
            }
        }
    }

    /// Loads the App from the store, and uses this App from now on. Returns whether the App in use
    /// changed: to a different App, to a different version of the same App, or to no App.
    ///
    /// If no App ID is configured and the store contains several Apps, the present App stays in
    /// use, provided that the store still contains it. If the store contains several Apps but not
    /// the present App, no App is used until an App ID is configured or only one App is stored.
    ///
    /// # Errors
    /// The errors of the store, and an error if the App in the store is invalid. After an error,
    /// the previous App stays in use.
    pub(crate) async fn reload(&self) -> Result<bool> {
        let _reloading = self.reloading.lock().await;
        let present = self.app_id();
        self.reload_admin_token().await?;
        let app_id = match self.configured.app_id {
            Some(configured) => Some(configured),
            None => match (&self.apps.list().await?[..], present) {
                ([], _) => None,
                ([only], _) => Some(*only),
                (all, Some(present)) if all.contains(&present) => Some(present),
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
            let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
            match (&*in_use, &found) {
                (None, None) => (true, true),
                (Some(present), Some((app, version))) => {
                    let same = present.app_id == app.app_id;
                    let key = present.private_key.expose() == app.private_key.expose();
                    (same && present.version == *version, same && key)
                }
                _ => (false, false),
            }
        };
        if same {
            return Ok(false);
        }
        let differences = match &found {
            Some((app, _)) => self.differences(app).await,
            None => Vec::new(),
        };
        *self.differences.write().unwrap_or_else(PoisonError::into_inner) = differences;
        let (mut key, mut secrets, mut now) = (None, None, None);
        if let Some((app, version)) = found {
            key = Some((app.app_id, AppKey::from_pem(&app.private_key)?));
            secrets = Some(Secrets::new(app.webhook_secrets)?);
            now = Some(AppInUse { app_id: app.app_id, version, private_key: app.private_key });
        }
        // As long as the private key is the same, cached data about the App, such as its name,
        // stays valid.
        if !same_key {
            self.github.use_app(key);
        }
        self.webhook.use_secrets(secrets);
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(true)
    }

    /// Returns the names of the secrets of `app` whose configured value differs. The configured files
    /// are read on a thread where file calls may take long.
    async fn differences(&self, app: &App) -> Vec<String> {
        let (configured, app) = (self.configured.clone(), app.clone());
        let read = move || Ok(readable_differences(&configured, &app));
        spawn_blocking(read).await.unwrap_or_default()
    }

    /// Returns the ID of the App in use, or `None` if no App is in use.
    pub(crate) fn app_id(&self) -> Option<u64> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        in_use.as_ref().map(|app| app.app_id)
    }
}

#[cfg(test)]
mod tests;
