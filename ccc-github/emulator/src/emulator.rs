//! The emulator: start, setup and stop.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::{Actor, ActorKind};
use crate::app::{App, default_events, default_permissions};
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

/// An emulator that listens for requests. It stops when this value is dropped. Use
/// [`stop`](Self::stop) to stop it and to wait until it has stopped.
#[derive(Debug)]
pub struct Emulator {
    pub(crate) inner: Arc<Inner>,
}

impl Emulator {
    /// Starts an emulator. The caller must be inside a tokio runtime, and `git` must be on the
    /// `PATH`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the private key does not parse; [`ErrorKind::Unavailable`] if
    /// the listen address is already used or the data directory cannot be created.
    pub async fn start(config: EmulatorConfig) -> Result<Self> {
        let key = KeyPair::new(config.private_key.clone()).await?;
        let unavailable = |what: String| {
            move |error: std::io::Error| Error::new(ErrorKind::Unavailable, what).with_source(error)
        };
        let shown = config.data_dir.display();
        tokio::fs::create_dir_all(&config.data_dir).await.map_err(unavailable(format!(
            "cannot create the data directory {shown} (choose another directory)"
        )))?;
        let data_dir = std::path::absolute(&config.data_dir).map_err(unavailable(format!(
            "cannot resolve the path of the data directory {shown}"
        )))?;
        let listener = tokio::net::TcpListener::bind(config.listen).await.map_err(unavailable(
            format!("cannot listen on {} (choose another address)", config.listen),
        ))?;
        let address = listener
            .local_addr()
            .map_err(unavailable("cannot read the address of the listening socket".to_owned()))?;
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

    /// Returns the base URL of the REST API. The pages for a browser have the same base URL.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.inner.base_url
    }

    /// Returns the address and port that the emulator listens on, such as `127.0.0.1:8080`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Returns the URL from which git clones a repository. A public repository can be cloned
    /// without credentials.
    #[must_use]
    pub fn git_url(&self, repo: &RepoRef) -> String {
        format!("{}/{}/{}.git", self.inner.base_url, repo.owner, repo.name)
    }

    /// Returns the method and the path of every route of the REST API. The paths are written as in
    /// GitHub's OpenAPI description, such as `/repos/{owner}/{repo}`.
    #[must_use]
    pub fn routes() -> Vec<(&'static str, &'static str)> {
        ROUTES.iter().map(|route| (route.method, route.path)).collect()
    }

    /// Returns the account `login`. If the account does not exist, creates it with the kind `kind`.
    pub fn add_user(&self, login: &str, kind: ActorKind) -> Actor {
        self.inner.state().add_user(login, kind)
    }

    /// Creates the public repository `owner/name`, and installs the first GitHub App on the account
    /// `owner`. If `seed` is a git repository, the new repository is a clone of it. Otherwise the
    /// new repository has one commit with the files of the directory `seed`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if the repository already exists; [`ErrorKind::InvalidInput`]
    /// if `owner` or `name` is not valid; [`ErrorKind::Unavailable`] if git fails.
    pub async fn add_repository(&self, owner: &str, name: &str, seed: &Path) -> Result<RepoRef> {
        seed::add_repository(&self.inner, owner, name, Some(seed)).await
    }

    /// Creates the public repository `owner/name` without a commit, and installs the first GitHub
    /// App on the account `owner`.
    ///
    /// # Errors
    /// The same errors as [`add_repository`](Self::add_repository).
    pub async fn add_empty_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        seed::add_repository(&self.inner, owner, name, None).await
    }

    /// Stops listening, and waits at most five seconds until all open requests and webhook
    /// deliveries have ended.
    #[allow(clippy::disallowed_methods, reason = "never compiled for wasm32")]
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

/// Returns the state of a new emulator: the first GitHub App, the App's account, and the account of
/// the App's owner.
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
        events: default_events(),
        created_at: now,
    });
    state.add_user(owner, ActorKind::User);
    state.add_user(&format!("{}[bot]", config.app_slug), ActorKind::Bot);
    state
}
