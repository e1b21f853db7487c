//! The App that a service acts as, from its store.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use ccc_core::credential::Version;
use ccc_core::{CancellationToken, Clock, CredentialStore, ErrorKind, Result, Secret};
use ccc_github::{Admitted, AppKey, Apps, GitHub, Secrets, Webhook};

use crate::admin_token::{self, AdminToken};
use crate::app::configured::{apps, several};
use crate::config::Config;
use crate::remedy::describe;

/// The time between two reloads of a service's App.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The App that a service uses.
#[derive(Debug)]
struct InUse {
    app_id: u64,
    version: Version,
    private_key: Secret,
}

/// The App that a service acts as, reloaded from its store, and the admin token for `/config`.
#[derive(Debug)]
pub(crate) struct StoredApp {
    pub(crate) apps: Apps,
    store: Arc<dyn CredentialStore>,
    /// The number of the App that is configured.
    configured_id: Option<u64>,
    github: Arc<GitHub>,
    webhook: Arc<Webhook>,
    /// The lock of a reload.
    reloading: tokio::sync::Mutex<()>,
    in_use: RwLock<Option<InUse>>,
    admin_token: RwLock<Option<AdminToken>>,
}

impl StoredApp {
    /// Returns the App of that store, which is not loaded yet.
    pub(crate) fn new(
        config: &Config,
        store: Arc<dyn CredentialStore>,
        github: Arc<GitHub>,
        webhook: Arc<Webhook>,
    ) -> Result<Self> {
        Ok(Self {
            apps: apps(config, Arc::clone(&store))?,
            store,
            configured_id: config.github.app_id,
            github,
            webhook,
            reloading: tokio::sync::Mutex::default(),
            in_use: RwLock::default(),
            admin_token: RwLock::default(),
        })
    }

    /// Returns the admin token, if one was issued.
    pub(crate) fn admin_token(&self) -> Option<AdminToken> {
        *self.admin_token.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request with the admin token. The store is asked for each request whose token was
    /// valid a moment ago, so that a revoked token is refused even if another process revoked it.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Option<Admitted>> {
        if self.admin_token().and_then(|token| token.admits(headers)).is_none() {
            return Ok(None);
        }
        self.reload_admin_token().await?;
        Ok(self.admin_token().and_then(|token| token.admits(headers)))
    }

    async fn reload_admin_token(&self) -> Result<()> {
        let token = match admin_token::load(&*self.store).await {
            // A damaged one admits no request, and does not prevent the use of the App.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::error!("{}: `ccc config admin-token` makes another", describe(&error));
                None
            }
            token => token?,
        };
        *self.admin_token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// Issues the first admin token. Returns `None` if there is one already.
    pub(crate) async fn issue_first_admin_token(&self) -> Result<Option<Secret>> {
        let issued = admin_token::issue(&*self.store, true).await?;
        // A failure to reload the App is logged only: the token is shown once.
        self.reload_and_log().await;
        Ok(issued)
    }

    /// Reloads each minute, until `shutdown`.
    pub(crate) async fn poll(&self, clock: &dyn Clock, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(clock.sleep(POLL_INTERVAL)).await.is_some() {
            self.reload_and_log().await;
        }
    }

    /// Reloads as [`reload`](Self::reload) does, and logs what changed.
    pub(crate) async fn reload_and_log(&self) {
        match (self.reload().await, self.app_id()) {
            (Ok(false), _) => {}
            (Ok(true), Some(app_id)) => {
                tracing::info!("what is kept of the App {app_id} is used from now on");
            }
            (Ok(true), None) => {
                tracing::warn!(
                    "there is no App any more: deliveries are put off until there is one"
                );
            }
            (Err(error), _) => {
                tracing::error!("cannot use what is kept of the App: {}", describe(&error));
            }
        }
    }

    /// Uses the App that the store has by now. Returns whether that changed: another App, another
    /// version of it, or none any more. Among several Apps the present one stays in use; if it is
    /// gone, none is used until one is configured.
    ///
    /// # Errors
    /// Those of the store, and of an App that is invalid: the present App stays in use then.
    pub(crate) async fn reload(&self) -> Result<bool> {
        let _reloading = self.reloading.lock().await;
        let present = self.app_id();
        self.reload_admin_token().await?;
        let app_id = match self.configured_id {
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
        let (mut key, mut secrets, mut now) = (None, None, None);
        if let Some((app, version)) = found {
            key = Some((app.app_id, AppKey::from_pem(&app.private_key)?));
            secrets = Some(Secrets::new(app.webhook_secrets)?);
            now = Some(InUse { app_id: app.app_id, version, private_key: app.private_key });
        }
        // What GitHub knows about the App, such as its name, stays cached while its key is the
        // same.
        if !same_key {
            self.github.use_app(key);
        }
        self.webhook.use_secrets(secrets);
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(true)
    }

    /// Returns the number of the App in use.
    pub(crate) fn app_id(&self) -> Option<u64> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        in_use.as_ref().map(|app| app.app_id)
    }

    /// Returns the host, which acts as this App.
    pub(crate) fn github(&self) -> &GitHub {
        &self.github
    }
}

#[cfg(test)]
mod tests;
