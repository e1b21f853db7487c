use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use ccc_core::dispatcher::{Dispatcher, Pace};
use ccc_core::git::Transport;
use ccc_core::observe::NoObserver;
use ccc_core::pipeline::{Limits, Pipeline, RepositorySettings};
use ccc_core::{
    CancellationToken, Clock, Error, ErrorKind, Intake, Observer, Result, SystemClock, VcsHost,
};
use ccc_github::http::{HttpOptions, ReqwestHttp};
use ccc_github::{AppKey, GitHub, Pacing, Secrets, Webhook};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;
use serde_json::json;

use crate::app::{self, AppCredentials};
use crate::parts::Parts;
use crate::{Config, health, store};

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
}

impl Service {
    /// A service over a dispatcher and the webhook's secrets.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, webhook: Arc<Webhook>) -> Self {
        let clock = Arc::clone(dispatcher.pipeline().clock());
        let started = clock.now();
        Self { inner: Arc::new(Inner { dispatcher, webhook, clock, started }) }
    }

    /// The service that a configuration describes. Its runs are kept in memory: they end with the
    /// process.
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
        let app = app::credentials(config, store::open(config).await?).await?;
        let github = github(config, &app)?;
        let mut secrets = app.webhook_secrets;
        if secrets.is_empty() {
            // Says which setting is missing.
            secrets = config.github.webhook_secrets()?;
        }
        let webhook = Webhook::new(Secrets::new(secrets)?, github.host());
        let parts = Parts::new(config, kind).await?;
        let pipeline = pipeline(config, Arc::new(github), parts, observer)?;
        pipeline.git().check().await?;
        pipeline.runner().check().await?;
        let clock = Arc::clone(pipeline.clock());
        let store = Arc::new(MemoryRunStore::new(clock));
        let mut pace = Pace::default();
        pace.concurrency = config.runs.concurrency.unwrap_or(pace.concurrency);
        let dispatcher = Dispatcher::new(pipeline, store, pace);
        Ok(Self::new(Arc::new(dispatcher), Arc::new(webhook)))
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
        dispatcher.serve(shutdown).await;
    }

    /// The dispatcher behind it.
    #[must_use]
    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.inner.dispatcher
    }
}

/// The GitHub that a configuration names, through that App.
pub(crate) fn github(config: &Config, app: &AppCredentials) -> Result<GitHub> {
    let key = AppKey::from_pem(&app.private_key)?;
    let mut builder = GitHub::builder(app.app_id, key, Arc::new(SystemClock));
    let github = &config.github;
    if let Some(url) = &github.api_url {
        builder = builder.api_url(url.clone());
    }
    if let Some(ms) = github.write_spacing_ms {
        let pacing = match ms {
            0 => Pacing::unlimited(),
            ms => Pacing::default().with_write_spacing(Duration::from_millis(ms)),
        };
        builder = builder.pacing(pacing);
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
    Router::new()
        .route("/", get(information))
        .route("/health", get(health))
        .with_state(service)
        .merge(webhook)
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({ "error": "there is nothing at this path" })))
        })
}

async fn information(State(service): State<Service>) -> impl IntoResponse {
    let pipeline = service.inner.dispatcher.pipeline();
    Json(json!({
        "name": "ccc",
        "version": env!("CARGO_PKG_VERSION"),
        "host": pipeline.host().name(),
        "runner": pipeline.runner().name(),
        "isolated": pipeline.runner().capabilities().isolated,
        "routes": ["GET /", "GET /health", "POST /webhook/github"],
    }))
}

async fn health(State(service): State<Service>) -> impl IntoResponse {
    let (healthy, body) = health::look(&service.inner).await;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body))
}
