//! The whole system in one value.

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

/// The whole system in one value: accepts deliveries, runs them, and reports its health.
/// Cheap to clone; every clone is the same service.
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
    /// The App, if it comes from a credential store.
    pub(crate) app: Option<Arc<StoredApp>>,
}

impl Service {
    /// Creates a service over a dispatcher and the webhook's secrets.
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

    /// Creates the service that a configuration describes. Its runs are in memory: they are lost
    /// with the process. If neither the configuration nor the store has a GitHub App, the service
    /// waits for one: deliveries are answered 503 until `POST /config`, or `ccc config set`, stores
    /// it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] names the setting that is missing or wrong; those of the
    /// adapters.
    pub async fn from_config(config: &Config) -> Result<Self> {
        Self::with_observer(config, Arc::new(NoObserver)).await
    }

    /// Creates the service with an observer of its runs.
    pub(crate) async fn with_observer(
        config: &Config,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let kind = config.agent.kind.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "set agent.kind, or CCC_AGENT__KIND: `claude`, `scripted:FILE` or `command:ARGV…`",
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

    /// Sweeps the leftovers of a killed process, and then runs what is accepted, until `shutdown`.
    /// A leftover that cannot be swept is logged: one directory must not stop the service.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let dispatcher = &self.inner.dispatcher;
        // Runs are in memory: none of an earlier process is alive.
        match dispatcher.pipeline().sweep(&[]).await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(runs = swept.len(), "swept what an earlier process left"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("not all that an earlier process left is gone: {error}");
            }
        }
        let Some(app) = &self.inner.app else { return dispatcher.serve(shutdown).await };
        match app.github().take_over().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "took over what an earlier process held"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("what an earlier process held is not known: {error}");
            }
        }
        let polling = app.poll(&*self.inner.clock, &shutdown);
        tokio::join!(dispatcher.serve(shutdown.clone()), polling);
        app.github().revoke_idle().await;
    }

    /// Reloads the App and the admin token from the store. A service that is [serving](Self::serve)
    /// does so each minute.
    pub async fn reload(&self) {
        if let Some(app) = &self.inner.app {
            app.reload_and_log().await;
        }
    }

    /// Returns whether the service waits for an App, because its store has none.
    #[must_use]
    pub fn is_waiting_for_app(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.app_id().is_none())
    }

    /// Issues the first admin token, which is for the operator alone. Returns `None` if there is
    /// one already.
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
