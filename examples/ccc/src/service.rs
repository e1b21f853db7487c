//! The self-hosted service.

use std::sync::Arc;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::observe::NoObserver;
use ccc_core::{CancellationToken, Clock, Error, ErrorKind, Observer, Result, Secret};
use ccc_github::Webhook;
use ccc_store::MemoryRunStore;
use jiff::Timestamp;

use crate::adapters::{Adapters, github};
use crate::app::{self, StoredApp};
use crate::config::Config;
use crate::pipeline::pipeline;
use crate::remedy::describe;
use crate::{credentials, model_credential};

/// The self-hosted service: it accepts deliveries, executes runs, and reports its health. Clones are
/// cheap and refer to the same service.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    /// The App, if the service loads it from a credential store.
    pub(crate) app: Option<Arc<StoredApp>>,
}

impl Service {
    /// Creates a service from a dispatcher and a webhook. It has no route `/config`.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, webhook: Arc<Webhook>) -> Self {
        Self::with_app(dispatcher, webhook, None)
    }

    fn with_app(
        dispatcher: Arc<Dispatcher>,
        webhook: Arc<Webhook>,
        app: Option<Arc<StoredApp>>,
    ) -> Self {
        let clock = Arc::clone(dispatcher.pipeline().clock());
        let started = clock.now();
        Self { inner: Arc::new(Inner { dispatcher, webhook, clock, started, app }) }
    }

    /// Creates the service that a configuration describes. Its runs are stored in memory and are
    /// lost with the process. If neither the configuration nor the store has a GitHub App, the
    /// service waits for one: deliveries are answered with 503 until `POST /config` or
    /// `ccc config set` stores an App.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a missing or invalid setting, and the errors of the adapters.
    pub async fn from_config(config: &Config) -> Result<Self> {
        Self::with_observer(config, Arc::new(NoObserver)).await
    }

    /// Creates the service that a configuration describes, with an observer of its runs.
    pub(crate) async fn with_observer(
        config: &Config,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let kind = config.agent.kind.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "no agent is configured: set agent.kind or CCC_AGENT__KIND to `claude`, `scripted:FILE` or \
                 `command:ARGV…`",
            )
        })?;
        let credentials = credentials::open(config).await?;
        let apps = app::apps(config, Arc::clone(&credentials))?;
        app::seed(config, &apps).await?;
        let github = Arc::new(github(config, Arc::clone(&credentials))?);
        let webhook = Arc::new(Webhook::waiting(github.host()));
        let model = model_credential::for_service(config, &*credentials).await?;
        let app = StoredApp::new(config, credentials, Arc::clone(&github), Arc::clone(&webhook))?;
        app.reload().await?;
        let adapters = Adapters::from_config(config, kind, model).await?;
        // The pipeline locks the data directory.
        let pipeline = pipeline(config, github, adapters, observer)?;
        pipeline.git().check().await?;
        pipeline.runner().check().await?;
        let clock = Arc::clone(pipeline.clock());
        let store = Arc::new(MemoryRunStore::new(clock));
        let mut dispatching = DispatcherConfig::default();
        dispatching.concurrency = config.runs.concurrency.unwrap_or(dispatching.concurrency);
        let dispatcher = Dispatcher::new(pipeline, store, dispatching);
        Ok(Self::with_app(Arc::new(dispatcher), webhook, Some(Arc::new(app))))
    }

    /// Cleans up the leftovers of a killed process, and then executes accepted runs until
    /// `shutdown`. A leftover that cannot be cleaned up is logged, and does not stop the service.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let dispatcher = &self.inner.dispatcher;
        // Runs are stored in memory, so no run of an earlier process is alive.
        match dispatcher.pipeline().sweep(&[]).await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(runs = swept.len(), "cleaned up after an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("cannot clean up everything that an earlier process left: {error}");
            }
        }
        let Some(app) = &self.inner.app else { return dispatcher.serve(shutdown).await };
        match app.github().take_over().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "took over the tokens of an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("cannot take over the tokens of an earlier process: {error}");
            }
        }
        let polling = app.poll(&*self.inner.clock, &shutdown);
        tokio::join!(dispatcher.serve(shutdown.clone()), polling);
        app.github().revoke_idle().await;
    }

    /// Reloads the App and the admin token from the store. While [`serve`](Self::serve) runs, the
    /// service also does this every minute.
    pub async fn reload(&self) {
        if let Some(app) = &self.inner.app {
            app.reload_and_log().await;
        }
    }

    /// Returns whether the service waits for an App, because its store has no App that it can use.
    #[must_use]
    pub fn is_waiting_for_app(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.app_id().is_none())
    }

    /// Issues the first admin token, which only the operator may see. Returns `None` if a token
    /// already exists, or the service has no credential store.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn issue_first_admin_token(&self) -> Result<Option<Secret>> {
        match &self.inner.app {
            Some(app) => app.issue_first_admin_token().await,
            None => Ok(None),
        }
    }

    /// Returns whether there is an admin token for `/config`.
    #[must_use]
    pub fn has_admin_token(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.admin_token().is_some())
    }

    /// Returns the dispatcher of the service.
    #[must_use]
    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.inner.dispatcher
    }
}
