//! The emulator: start, setup and stop.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::{Actor, ActorKind};
use crate::app::{App, default_permissions, usual_events};
use crate::clock::whole_seconds;
use crate::config::EmulatorConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::key_pair::KeyPair;
use crate::random::random_hex;
use crate::repo_ref::RepoRef;
use crate::routes::ROUTES;
use crate::seed;
use crate::server;
use crate::state::{Inner, State};
use crate::webhook_client::WebhookClient;

/// A running emulator. It stops when it is dropped. [`stop`](Self::stop) also waits until it has
/// stopped.
#[derive(Debug)]
pub struct Emulator {
    pub(crate) inner: Arc<Inner>,
}

impl Emulator {
    /// Starts an emulator. It requires a tokio runtime, and `git` on the `PATH`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the key does not parse; [`ErrorKind::Unavailable`] if the
    /// address is already used or the data directory cannot be created.
    pub async fn start(config: EmulatorConfig) -> Result<Self> {
        let key = KeyPair::new(config.private_key.clone()).await?;
        let unavailable = |what: String| {
            move |error: std::io::Error| Error::new(ErrorKind::Unavailable, what).with_source(error)
        };
        let shown = config.data_dir.display();
        tokio::fs::create_dir_all(&config.data_dir)
            .await
            .map_err(unavailable(format!("cannot create {shown}: choose another directory")))?;
        let data_dir = std::path::absolute(&config.data_dir)
            .map_err(unavailable(format!("cannot resolve {shown}")))?;
        let listener = tokio::net::TcpListener::bind(config.listen).await.map_err(unavailable(
            format!("cannot listen on {}: choose another address", config.listen),
        ))?;
        let address =
            listener.local_addr().map_err(unavailable("the listener has no address".to_owned()))?;
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let started = whole_seconds(config.clock.now());
        let inner = Arc::new(Inner {
            app_id: config.app_id,
            base_url: base_url.trim_end_matches('/').to_owned(),
            host: address.to_string(),
            data_dir,
            rate_limit: config.rate_limit,
            webhook_client: WebhookClient::new()?,
            clock: Arc::clone(&config.clock),
            started,
            state: Mutex::new(first_state(config, key, started)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        inner.tasks.spawn(server::serve(listener, Arc::clone(&inner)));
        Ok(Self { inner })
    }

    /// Returns the base URL of the API. A browser uses the same URL.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.inner.base_url
    }

    /// Returns the address and port that the emulator listens on, as in [`RepoRef::host`].
    #[must_use]
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Returns the URL of a repository for git. Public repositories can be cloned without
    /// credentials.
    #[must_use]
    pub fn git_url(&self, repo: &RepoRef) -> String {
        format!("{}/{}/{}.git", self.inner.base_url, repo.owner, repo.name)
    }

    /// Returns the method and the path of every route of the REST API. Paths are written as in
    /// GitHub's OpenAPI description.
    #[must_use]
    pub fn routes() -> Vec<(&'static str, &'static str)> {
        ROUTES.iter().map(|route| (route.method, route.path)).collect()
    }

    /// Returns the account with this login. Adds it with this kind if it does not exist.
    pub fn add_user(&self, login: &str, kind: ActorKind) -> Actor {
        self.inner.state().add_user(login, kind)
    }

    /// Creates a public repository, and installs the first App on its owner. The repository is a
    /// clone of `seed` if that is a git repository, or else has one commit with the files of that
    /// directory.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if a repository has this name; [`ErrorKind::InvalidInput`] if
    /// the owner or the name is not valid; [`ErrorKind::Unavailable`] if git fails.
    pub async fn add_repository(&self, owner: &str, name: &str, seed: &Path) -> Result<RepoRef> {
        seed::add_repository(&self.inner, owner, name, Some(seed)).await
    }

    /// Creates a repository as [`add_repository`](Self::add_repository) does, without a commit.
    ///
    /// # Errors
    /// The same errors as [`add_repository`](Self::add_repository).
    pub async fn add_empty_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        seed::add_repository(&self.inner, owner, name, None).await
    }

    /// Stops listening and waits at most five seconds until requests and deliveries have ended.
    #[allow(clippy::disallowed_methods, reason = "the emulator never runs on wasm")]
    pub async fn stop(self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.inner.tasks.wait()).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

/// Returns the state of a new emulator: one App, its account and the account of its owner.
fn first_state(config: EmulatorConfig, key: KeyPair, now: Timestamp) -> State {
    let owner = "app-owner";
    let mut state = State::new(App {
        id: config.app_id,
        name: config.app_slug.clone(),
        slug: config.app_slug.clone(),
        owner: owner.to_owned(),
        description: None,
        external_url: None,
        client_id: format!("Iv23emulator{:08}", config.app_id),
        client_secret: random_hex().into(),
        key,
        webhook_secret: config.webhook_secret,
        webhook_url: config.webhook_url,
        permissions: default_permissions(),
        events: usual_events(),
        created_at: now,
    });
    state.add_user(owner, ActorKind::User);
    state.add_user(&format!("{}[bot]", config.app_slug), ActorKind::Bot);
    state
}
