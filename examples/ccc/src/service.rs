use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::git::Transport;
use ccc_core::observe::NoObserver;
use ccc_core::pipeline::{Limits, Pipeline, RepositorySettings};
use ccc_core::{
    CancellationToken, Clock, CredentialStore, Error, ErrorKind, Intake, Observer, Result, Secret,
    SystemClock, VcsHost,
};
use ccc_github::http::{HttpOptions, ReqwestHttp};
use ccc_github::{GitHub, RateLimits, Webhook};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;
use serde_json::json;

use crate::app::{self, KeptApp};
use crate::parts::Parts;
use crate::{Config, health, model, store};

/// The whole system in one value: it takes deliveries, runs them, and answers for its health.
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
    /// The App, where a store says which.
    pub(crate) app: Option<Arc<KeptApp>>,
}

impl Service {
    /// A service over a dispatcher and the webhook's secrets.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, webhook: Arc<Webhook>) -> Self {
        Self::with_app(dispatcher, webhook, None)
    }

    fn with_app(
        dispatcher: Arc<Dispatcher>,
        webhook: Arc<Webhook>,
        app: Option<Arc<KeptApp>>,
    ) -> Self {
        let clock = Arc::clone(dispatcher.pipeline().clock());
        let started = clock.now();
        Self { inner: Arc::new(Inner { dispatcher, webhook, clock, started, app }) }
    }

    /// The service that a configuration describes. Its runs are kept in memory: they end with the
    /// process. Where neither the configuration nor the store has a GitHub App, it waits for one: deliveries are
    /// answered 503 until `POST /config`, or `ccc config set`, brings it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] names the setting that is missing or wrong; those of the parts.
    pub async fn from_config(config: &Config) -> Result<Self> {
        Self::observed(config, Arc::new(NoObserver)).await
    }

    pub(crate) async fn observed(config: &Config, observer: Arc<dyn Observer>) -> Result<Self> {
        let kind = config.agent.kind.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "set agent.kind, or CCC_AGENT__KIND: `claude`, `scripted:FILE` or `command:ARGV…`",
            )
        })?;
        let credentials = store::open(config).await?;
        let apps = app::apps(config, Arc::clone(&credentials))?;
        app::seed(config, &apps).await?;
        let github = Arc::new(github(config, Arc::clone(&credentials))?);
        let webhook = Arc::new(Webhook::waiting(github.host()));
        let model = model::for_service(config, &*credentials).await?;
        let app = KeptApp::new(config, credentials, Arc::clone(&github), Arc::clone(&webhook))?;
        app.take().await?;
        let parts = Parts::new(config, kind, model).await?;
        // From here on the data directory is ours alone.
        let pipeline = pipeline(config, github, parts, observer)?;
        pipeline.git().check().await?;
        pipeline.runner().check().await?;
        let clock = Arc::clone(pipeline.clock());
        let store = Arc::new(MemoryRunStore::new(clock));
        let mut dispatching = DispatcherConfig::default();
        dispatching.concurrency = config.runs.concurrency.unwrap_or(dispatching.concurrency);
        let dispatcher = Dispatcher::new(pipeline, store, dispatching);
        Ok(Self::with_app(Arc::new(dispatcher), webhook, Some(Arc::new(app))))
    }

    /// Sweeps what a killed process left, and then runs what is accepted, until `shutdown`. What
    /// cannot be swept is logged: one directory that does not go must not stop the service.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let dispatcher = &self.inner.dispatcher;
        // Runs are kept in memory: none of an earlier process is alive.
        match dispatcher.pipeline().sweep(&[]).await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(runs = swept.len(), "swept what an earlier process left"),
            Err(error) => tracing::error!("not all that an earlier process left is gone: {error}"),
        }
        let Some(app) = &self.inner.app else { return dispatcher.serve(shutdown).await };
        match app.github().take_over().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "took over what an earlier process held"),
            Err(error) => tracing::error!("what an earlier process held is not known: {error}"),
        }
        let follow = app.follow(&*self.inner.clock, &shutdown);
        tokio::join!(dispatcher.serve(shutdown.clone()), follow);
        app.github().revoke_idle().await;
    }

    /// Takes what the store says of the App and of the admin token by now. A service that is
    /// [serving](Self::serve) does so each minute.
    pub async fn look(&self) {
        if let Some(app) = &self.inner.app {
            app.look().await;
        }
    }

    /// Whether it waits for an App: its store has none yet, or none any more.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.app_id().is_none())
    }

    /// Makes the first admin token, to be shown to the operator and to nobody else: none when there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn first_token(&self) -> Result<Option<Secret>> {
        match &self.inner.app {
            Some(app) => app.first_token().await,
            None => Ok(None),
        }
    }

    /// Whether an admin token lets somebody use `/config`.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.inner.app.as_ref().is_some_and(|app| app.admin().is_some())
    }

    /// The dispatcher behind it.
    #[must_use]
    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.inner.dispatcher
    }
}

/// The GitHub that a configuration names, and nobody yet to ask as. Its tokens are kept in that store.
pub(crate) fn github(config: &Config, tokens: Arc<dyn CredentialStore>) -> Result<GitHub> {
    let holder = store::holder(&config.data_dir()?)?;
    let mut builder = GitHub::waiting(Arc::new(SystemClock)).token_ledger(tokens, holder);
    let github = &config.github;
    if let Some(url) = &github.api_url {
        builder = builder.api_url(url.clone());
    }
    if let Some(ms) = github.write_spacing_ms {
        let limits = match ms {
            0 => RateLimits::unlimited(),
            ms => RateLimits::default().with_write_spacing(Duration::from_millis(ms)),
        };
        builder = builder.rate_limits(limits);
    }
    if github.proxy.is_some() || github.ca_file.is_some() {
        let mut options = HttpOptions::default();
        options.proxy.clone_from(&github.proxy);
        // A proxy of the environment cannot reach this machine's own hosts.
        let url = github.api_url.as_deref().unwrap_or_default();
        options.direct = github.proxy.is_none() && url.starts_with("http://");
        options.ca_pem = github.ca_file.as_deref().map(read_ca).transpose()?;
        builder = builder.http(Arc::new(ReqwestHttp::with(&options)?));
    }
    builder.build()
}

fn read_ca(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| {
        let line = format!("cannot read {}, which github.ca_file names", file.display());
        Error::new(ErrorKind::InvalidInput, line).with_source(e)
    })
}

/// A pipeline over these parts, with the limits and the policy of the configuration.
pub(crate) fn pipeline(
    config: &Config,
    host: Arc<dyn VcsHost>,
    parts: Parts,
    observer: Arc<dyn Observer>,
) -> Result<Pipeline> {
    let mut limits = Limits::default();
    config.agent.limit(&mut limits)?;
    config.runner.limit(&mut limits)?;
    let mut transport = Transport::default();
    transport.proxy.clone_from(&config.github.proxy);
    transport.ca_file.clone_from(&config.github.ca_file);
    Pipeline::builder()
        .transport(transport)
        .host(host)
        .runner(parts.runner)
        .agent(parts.agent)
        .credentials(parts.credentials)
        .observer(observer)
        .data_dir(config.data_dir()?)
        .policy(config.policy.clone())
        .limits(limits)
        .repository_settings(".github/ccc.toml", repository_settings)
        .build()
}

/// What a repository says of its own runs.
fn repository_settings(text: &str) -> Result<RepositorySettings> {
    toml::from_str(text).map_err(|e| Error::new(ErrorKind::InvalidInput, e.message()))
}

/// Every route of the service.
pub fn router(service: Service) -> Router {
    let inner = &service.inner;
    let intake = Arc::clone(&inner.dispatcher) as Arc<dyn Intake>;
    let webhook = ccc_github::router(Arc::clone(&inner.webhook), intake, Arc::clone(&inner.clock));
    let config = inner
        .app
        .as_ref()
        .map(|app| Router::new().route("/config", any(app::config)).with_state(Arc::clone(app)));
    Router::new()
        .route("/", get(information))
        .route("/health", get(health))
        .with_state(service)
        .merge(config.unwrap_or_default())
        .merge(webhook)
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({ "error": "there is nothing at this path" })))
        })
}

async fn information(State(service): State<Service>) -> impl IntoResponse {
    let pipeline = service.inner.dispatcher.pipeline();
    let mut routes = vec!["GET /", "GET /health", "POST /webhook/github"];
    if service.inner.app.is_some() {
        routes.extend(["GET /config", "POST /config", "DELETE /config"]);
    }
    Json(json!({
        "name": "ccc",
        "version": env!("CARGO_PKG_VERSION"),
        "host": pipeline.host().name(),
        "runner": pipeline.runner().name(),
        "isolated": pipeline.runner().capabilities().isolated,
        "routes": routes,
    }))
}

async fn health(State(service): State<Service>) -> impl IntoResponse {
    let (healthy, body) = health::look(&service.inner).await;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body))
}
