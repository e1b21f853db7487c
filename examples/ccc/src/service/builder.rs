//! The builder of a service.

use std::sync::Arc;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::observe::Observers;
use ccc_core::{
    Agent, Clock, ContainerRunner, CredentialStore, DeliveryLog, Observer, Result, RunLog,
    RunStore, SystemClock, VcsHost,
};
use ccc_github::{GitHub, Webhook};
use ccc_store::{MemoryRunStore, SqliteRunStore};

use crate::adapters::{Adapters, github};
use crate::app::{self, StoredApp};
use crate::config::{Config, RunStoreKind};
use crate::health_probes::Probes;
use crate::observers::LogObserver;
use crate::pipeline::{open_data_dir, pipeline};
use crate::service::inner::Inner;
use crate::service::reconciliation::Reconciliation;
use crate::service::stop_limits::StopLimits;
use crate::stored_credentials::StoredCredentials;
use crate::weakening::weakenings;
use crate::{adapters, credentials, model_credential};

/// A builder of a [`Service`](crate::Service).
///
/// The configuration describes every part of the service. Each setter replaces one part.
///
/// ```no_run
/// # #[derive(Debug)] struct MyAgent;
/// # #[ccc_core::async_trait] impl ccc_core::Agent for MyAgent {
/// #     fn name(&self) -> &str { "my-agent" }
/// #     fn needs(&self) -> ccc_core::agent::AgentNeeds { Default::default() }
/// #     async fn run(&self, _: &ccc_core::agent::Task, _: &dyn ccc_core::Container,
/// #         _: &mut dyn ccc_core::agent::AgentSink) -> ccc_core::Result<ccc_core::agent::AgentReport> {
/// #         unimplemented!()
/// #     }
/// # }
/// use ccc::{Config, Service};
///
/// # async fn example() -> ccc_core::Result<()> {
/// let mut config = Config::default();
/// config.data_dir = Some("/var/lib/my-service".into());
/// config.github.app_id = Some(123456);
/// config.github.private_key_file = Some("/etc/my-service/app.pem".into());
/// config.github.webhook_secret_file = Some("/etc/my-service/webhook-secret".into());
/// let service = Service::builder(&config).agent(MyAgent).build().await?;
/// # drop(service); Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ServiceBuilder {
    config: Config,
    agent: Option<Arc<dyn Agent>>,
    runner: Option<Arc<dyn ContainerRunner>>,
    host: Option<OwnHost>,
    credentials: Option<Arc<dyn CredentialStore>>,
    runs: Option<RunParts>,
    deliveries: Option<Arc<dyn DeliveryLog>>,
    observers: Vec<Arc<dyn Observer>>,
    log: bool,
    stored: StoredCredentials,
    stop: StopLimits,
}

/// The VCS host that the embedding program has set.
#[derive(Debug)]
enum OwnHost {
    Other { host: Arc<dyn VcsHost>, webhook: Option<Arc<Webhook>> },
    GitHub { github: Arc<GitHub>, webhook: Arc<Webhook> },
}

/// The run store, and the log of its runs.
type RunParts = (Arc<dyn RunStore>, Option<Arc<dyn RunLog>>);

impl ServiceBuilder {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            agent: None,
            runner: None,
            host: None,
            credentials: None,
            runs: None,
            deliveries: None,
            observers: Vec::new(),
            log: true,
            stored: StoredCredentials::default(),
            stop: StopLimits::default(),
        }
    }

    /// Sets the agent, which replaces the agent that `agent.kind` names. The agent's credentials
    /// come from the credential store of the service.
    pub fn agent(mut self, agent: impl Agent) -> Self {
        self.agent = Some(Arc::new(agent));
        self
    }

    /// Sets the container runner, which replaces the runner that `runner.kind` names. If the
    /// configured agent uses a model, [`build`](Self::build) fails: such an agent needs the
    /// configured runner.
    pub fn runner(mut self, runner: impl ContainerRunner) -> Self {
        self.runner = Some(Arc::new(runner));
        self
    }

    /// Sets the VCS host, which replaces the configured GitHub. The service then neither needs nor
    /// stores a GitHub App. [`Service::intake`](crate::Service::intake) accepts the events of the
    /// host.
    pub fn host(mut self, host: impl VcsHost) -> Self {
        self.host = Some(OwnHost::Other { host: Arc::new(host), webhook: None });
        self
    }

    /// Sets a GitHub client and its webhook, which replace the configured GitHub. The service takes
    /// over the access tokens that an earlier process recorded and did not revoke (see
    /// [`GitHub::take_over`]). When the service ends, it revokes the access tokens that no run
    /// uses.
    pub fn github(mut self, github: impl Into<Arc<GitHub>>, webhook: Webhook) -> Self {
        let (github, webhook) = (github.into(), Arc::new(webhook));
        self.host = Some(OwnHost::GitHub { github, webhook });
        self
    }

    /// Sets a fake VCS host and its webhook, for tests.
    #[cfg(test)]
    pub(crate) fn fake_host(mut self, host: impl VcsHost, webhook: Webhook) -> Self {
        let webhook = Some(Arc::new(webhook));
        self.host = Some(OwnHost::Other { host: Arc::new(host), webhook });
        self
    }

    /// Sets the time limits after a shutdown request, for tests.
    #[cfg(test)]
    pub(crate) fn stop_limits(mut self, limits: StopLimits) -> Self {
        self.stop = limits;
        self
    }

    /// Sets the credential store, which replaces the store that `store.kind` names.
    pub fn credentials(mut self, credentials: impl CredentialStore) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Sets the run store, which replaces the store that `runs.store` names. The runs write no log.
    pub fn runs(mut self, runs: impl RunStore) -> Self {
        self.runs = Some((Arc::new(runs), None));
        self
    }

    /// Sets the run store, which replaces the store that `runs.store` names, and the log of its runs.
    pub fn logged_runs(mut self, runs: impl RunStore, log: impl RunLog) -> Self {
        self.runs = Some((Arc::new(runs), Some(Arc::new(log))));
        self
    }

    /// Sets the log of deliveries, from which the service gets missed deliveries. It replaces the log
    /// of the configured GitHub. A host other than GitHub has no log without this setter.
    pub fn delivery_log(mut self, log: impl DeliveryLog) -> Self {
        self.deliveries = Some(Arc::new(log));
        self
    }

    /// Adds an observer. The service also logs the events of runs with `tracing`: stages and
    /// outcomes as `INFO`, failed stages and failed or refused runs as `WARN`, the output of agents
    /// as `DEBUG`.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Turns off the logging of the events of runs.
    pub fn without_log(mut self) -> Self {
        self.log = false;
        self
    }

    /// Sets the rule for a configured credential that differs from the stored credential. By
    /// default, the service uses the stored credential.
    pub fn stored_credentials(mut self, stored: StoredCredentials) -> Self {
        self.stored = stored;
        self
    }

    /// Builds the parts of the service.
    pub(super) async fn build_inner(self) -> Result<Inner> {
        let config = &self.config;
        let kind = match &self.agent {
            Some(_) => None,
            None => Some(config.agent.required_kind()?),
        };
        // Before anything is stored: if another process uses the data directory, its credentials
        // must not change.
        let git = open_data_dir(config).await?;
        git.check().await?;
        let credentials = match &self.credentials {
            Some(credentials) => Arc::clone(credentials),
            None => credentials::open(config).await?,
        };
        let mut warnings = config.warnings();
        let (host, github, webhook, app) = match self.host {
            Some(OwnHost::Other { host, webhook }) => (host, None, webhook, None),
            Some(OwnHost::GitHub { github, webhook }) => {
                (Arc::clone(&github) as Arc<dyn VcsHost>, Some(github), Some(webhook), None)
            }
            None => {
                let (github, webhook, app) = stored_app(config, &credentials, self.stored).await?;
                let host = Arc::clone(&github) as Arc<dyn VcsHost>;
                (host, Some(github), Some(webhook), Some(app))
            }
        };
        let adapters = match (self.agent, self.runner) {
            (Some(agent), Some(runner)) => Adapters { runner, agent, credentials },
            (Some(agent), None) => {
                Adapters { runner: adapters::runner(config, None)?, agent, credentials }
            }
            (None, runner) => {
                let kind = kind.unwrap_or_default();
                let (model, warning) =
                    model_credential::for_service(config, &*credentials, self.stored).await?;
                warnings.extend(warning);
                Adapters::from_config(config, kind, model, runner).await?
            }
        };
        let isolated = adapters.runner.capabilities().isolated;
        warnings.extend(weakenings(config, adapters.runner.name(), isolated));
        let mut observers = self.observers;
        if self.log {
            observers.push(Arc::new(LogObserver::default()));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        adapters.runner.check().await?;
        let (runs, log) = match self.runs {
            Some(runs) => runs,
            None => run_store(config, &clock, &mut warnings).await?,
        };
        let observer = Arc::new(Observers(observers));
        let pipeline = pipeline(config, git, host, adapters, observer, log)?;
        let mut dispatching = DispatcherConfig::default()
            .with_refuse_unless_serving(true)
            .with_drain(self.stop.drain);
        dispatching.concurrency = config.runs.concurrency.unwrap_or(dispatching.concurrency);
        let dispatcher = Arc::new(Dispatcher::new(pipeline, runs, dispatching));
        let started = clock.now();
        let log = self.deliveries;
        let reconciler = reconciliation(config, log, github.as_ref(), &dispatcher);
        Ok(Inner {
            dispatcher,
            webhook,
            clock,
            started,
            app,
            github,
            reconciler,
            warnings,
            probes: Probes::default(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            cleaned_up: tokio::sync::Mutex::default(),
            stop: self.stop,
        })
    }
}

/// Opens the configured run store. Its value is also the log of its runs. Adds a warning to `warnings` if
/// the store loses runs.
async fn run_store(
    config: &Config,
    clock: &Arc<dyn Clock>,
    warnings: &mut Vec<String>,
) -> Result<RunParts> {
    Ok(match config.runs.store {
        RunStoreKind::Sqlite => {
            let (path, bounds) = (config.run_store_path()?, config.runs.bounds());
            let store = SqliteRunStore::open(&path, Arc::clone(clock), bounds).await?;
            with_log(store)
        }
        RunStoreKind::Memory => {
            let line = "runs are stored in memory: accepted runs are lost when this process ends";
            warnings.push(line.to_owned());
            with_log(MemoryRunStore::new(Arc::clone(clock)))
        }
    })
}

fn with_log(store: impl RunStore + RunLog) -> RunParts {
    let store = Arc::new(store);
    (Arc::clone(&store) as _, Some(store))
}

/// Returns the reconciler for the deliveries of `log`, or else of the log of `github`.
fn reconciliation(
    config: &Config,
    log: Option<Arc<dyn DeliveryLog>>,
    github: Option<&Arc<GitHub>>,
    dispatcher: &Arc<Dispatcher>,
) -> Option<Reconciliation> {
    let log = log.or_else(|| github.map(|github| Arc::clone(github) as Arc<dyn DeliveryLog>))?;
    Some(Reconciliation::new(log, dispatcher, config.github.missed_deliveries.into()))
}

/// The client of the configured GitHub, the webhook, and the GitHub App that both use.
type GitHubParts = (Arc<GitHub>, Arc<Webhook>, Arc<StoredApp>);

/// Builds the client and the webhook of the configured GitHub. Stores the configured GitHub App in
/// the credential store first, because the service loads its App from this store.
async fn stored_app(
    config: &Config,
    credentials: &Arc<dyn CredentialStore>,
    stored: StoredCredentials,
) -> Result<GitHubParts> {
    let apps = app::apps(config, Arc::clone(credentials))?;
    app::store_configured_app(config, &apps, stored).await?;
    let github = Arc::new(github(config, Arc::clone(credentials))?);
    let webhook = Arc::new(Webhook::without_secrets(github.host()));
    let (host, store) = (Arc::clone(&github), Arc::clone(credentials));
    let app = StoredApp::new(config, store, host, Arc::clone(&webhook))?;
    app.reload().await?;
    Ok((github, webhook, Arc::new(app)))
}
