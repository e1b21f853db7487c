//! The service: all parts of the system in one value.

use std::sync::Arc;

use ccc_core::dispatcher::Dispatcher;
use ccc_core::{Intake, Result, Secret};

use crate::config::Config;

mod builder;
mod inner;
mod life_cycle;
mod reconciliation;
mod stop_limits;

pub use builder::ServiceBuilder;
pub(crate) use inner::Inner;

/// The whole system in one value: it accepts deliveries, executes runs, and reports its health.
/// Clones are cheap and share one service.
///
/// # Order of calls
/// [`builder`](Self::builder) → [`router`](crate::router) → [`serve_http`](Self::serve_http). With
/// your own HTTP server, call [`serve`](Self::serve) before the server accepts connections. Cancel
/// the token that you passed to `serve` after the server has stopped.
///
/// While no call to `serve` or `serve_http` is in progress, deliveries are answered with 503, and
/// `/health` reports that the service is unhealthy.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

impl Service {
    /// Returns a builder of the service that `config` describes.
    pub fn builder(config: &Config) -> ServiceBuilder {
        ServiceBuilder::new(config)
    }

    /// Returns the [`Intake`] that accepts events of a VCS host other than GitHub. Events of GitHub
    /// arrive through the webhook of [`router`](crate::router).
    #[must_use]
    pub fn intake(&self) -> Arc<dyn Intake> {
        Arc::<Dispatcher>::clone(&self.inner.dispatcher)
    }

    /// Reloads the GitHub App and the admin token from the credential store. While a call to
    /// [`serve`](Self::serve) is in progress, the service also reloads the App and the token every
    /// minute.
    pub async fn reload(&self) {
        if let Some(app) = &self.inner.app {
            app.reload_and_log().await;
        }
    }

    /// Returns whether the service waits for a GitHub App. Such a service answers deliveries with
    /// 503 until its credential store contains an App. Returns `false` if the embedding program has
    /// set the VCS host.
    #[must_use]
    pub fn is_waiting_for_app(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.app_id().is_none())
    }

    /// Issues the first admin token for `/config`. Returns `None` if an admin token already exists,
    /// or if the service does not store its GitHub App.
    ///
    /// # Errors
    /// The errors of the credential store.
    pub async fn issue_first_admin_token(&self) -> Result<Option<Secret>> {
        match &self.inner.app {
            Some(app) => app.issue_first_admin_token().await,
            None => Ok(None),
        }
    }

    /// Returns whether an admin token for `/config` exists.
    #[must_use]
    pub fn has_admin_token(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.admin_token().is_some())
    }

    /// Returns the dispatcher, which accepts deliveries and executes runs.
    #[must_use]
    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.inner.dispatcher
    }
}

impl ServiceBuilder {
    /// Builds the service: opens the stores, locks the data directory, and checks git and the
    /// container runner. The service executes no runs before [`Service::serve`] or
    /// [`Service::serve_http`] is called.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a missing or invalid
    ///   setting.
    /// - [`ErrorKind::Conflict`](ccc_core::ErrorKind::Conflict) with the remedy
    ///   [`Remedy::ReplaceStored`](ccc_core::Remedy) if a configured credential differs from the
    ///   stored credential, and the rule for this difference is
    ///   [`StoredCredentials::Refuse`](crate::StoredCredentials::Refuse).
    /// - The errors of the adapters.
    pub async fn build(self) -> Result<Service> {
        Ok(Service { inner: Arc::new(self.build_inner().await?) })
    }
}

#[cfg(test)]
mod tests;
