//! A GitHub that you can run on a laptop: the REST routes that an issue-to-pull-request App uses,
//! smart-HTTP git, and signed webhooks. In memory, but for the git repositories.
//!
//! It checks what GitHub checks: the App JWT with the App's public key, and of each installation
//! token its expiry, its repository and its power for the route. Every request is recorded.
//!
//! People have no passwords here: a request that carries no credential and names a person in
//! `X-Emulator-User` is that person's.

mod app;
mod auth;
mod git;
mod hooks;
mod issues;
mod pulls;
mod render;
mod repositories;
mod server;
mod state;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::vcs::Permission;
use ccc_core::{CancellationToken, Error, ErrorKind, Result, Secret};

use crate::http::ReqwestHttp;

pub use state::{Call, Fault, HookDelivery, TokenState};

use state::{Shared, State};

/// What an [`Emulator`] starts with.
#[derive(Debug)]
pub struct EmulatorConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The App's number.
    pub app_id: u64,
    /// The App's private key, PEM; one is made when there is none.
    pub private_key: Option<Secret>,
    /// The secret that deliveries are signed with; one is made when there is none.
    pub webhook_secret: Option<Secret>,
    /// Where deliveries go; nowhere when there is none.
    pub webhook_url: Option<String>,
    /// Where the git repositories are kept.
    pub data_dir: PathBuf,
}

impl EmulatorConfig {
    /// On a free port of this machine, with a key and a secret of its own making.
    pub fn new(app_id: u64, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            app_id,
            private_key: None,
            webhook_secret: None,
            webhook_url: None,
            data_dir: data_dir.into(),
        }
    }
}

/// A running emulator. Dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    private_key: Secret,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Emulator {
    /// Listens, and answers from then on.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the address is taken or the directory cannot be written,
    /// [`ErrorKind::InvalidInput`] for a private key that is none.
    pub async fn start(config: EmulatorConfig) -> Result<Self> {
        let unavailable = |what: String, e: std::io::Error| {
            Error::new(ErrorKind::Unavailable, what).with_source(e)
        };
        std::fs::create_dir_all(&config.data_dir)
            .map_err(|e| unavailable(format!("cannot make {}", config.data_dir.display()), e))?;
        let listener = tokio::net::TcpListener::bind(config.listen)
            .await
            .map_err(|e| unavailable(format!("cannot listen on {}", config.listen), e))?;
        let address = listener
            .local_addr()
            .map_err(|e| unavailable("a listener without an address".to_owned(), e))?;
        let (private_key, public_key) = auth::key_pair(config.private_key)?;
        let secret = match config.webhook_secret {
            Some(secret) => secret,
            None => Secret::from(state::random_text()),
        };
        let shared = Arc::new(Shared {
            base: format!("http://{address}"),
            app_id: config.app_id,
            public_key,
            webhook_secret: secret,
            data_dir: config.data_dir,
            http: ReqwestHttp::direct()?,
            state: std::sync::Mutex::new(State::new(config.webhook_url)),
        });
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let app = server::router(Arc::clone(&shared));
        let serving = tokio::task::spawn(async move {
            let server = axum::serve(listener, app)
                .with_graceful_shutdown(async move { stop.cancelled().await });
            // A listener that dies is seen by whoever connects next.
            let _ = std::future::IntoFuture::into_future(server).await;
        });
        Ok(Self { shared, private_key, shutdown, serving })
    }

    /// Where its REST API is.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.shared.base
    }

    /// The App's private key, PEM.
    #[must_use]
    pub fn private_key_pem(&self) -> Secret {
        self.private_key.clone()
    }

    /// What deliveries are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> Secret {
        self.shared.webhook_secret.clone()
    }

    /// Sends deliveries there from now on.
    pub fn set_webhook_url(&self, url: String) {
        self.shared.state().webhook_url = Some(url);
    }

    /// Adds a repository that everybody may read: a copy of the git repository at `seed`, or a new
    /// one with the files at `seed` as its first commit. Its default branch is `main` then.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when `seed` is no directory; git's own words when it fails.
    pub async fn add_repository(&self, owner: &str, name: &str, seed: &Path) -> Result<u64> {
        repositories::add(&self.shared, owner, name, seed).await
    }

    /// Adds a person; one who is there already stays as they are. Returns their number.
    pub fn add_user(&self, login: &str) -> u64 {
        self.shared.state().user(login, "User")
    }

    /// What a person may do in a repository.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a repository that is not there.
    pub fn set_permission(
        &self,
        owner: &str,
        name: &str,
        login: &str,
        permission: Permission,
    ) -> Result<()> {
        let mut state = self.shared.state();
        let user = state.user(login, "User");
        state.repository(owner, name)?.permissions.insert(user, permission);
        Ok(())
    }

    /// Archives a repository.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a repository that is not there.
    pub fn archive(&self, owner: &str, name: &str) -> Result<()> {
        self.shared.state().repository(owner, name)?.archived = true;
        Ok(())
    }

    /// Opens an issue as a person, and delivers `issues.opened`. Returns its number.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a repository that is not there.
    pub async fn open_issue(
        &self,
        owner: &str,
        name: &str,
        login: &str,
        title: &str,
        body: &str,
    ) -> Result<u64> {
        issues::open(&self.shared, owner, name, login, title, body).await
    }

    /// Labels an issue as a person, and delivers `issues.labeled`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an issue that is not there.
    pub async fn label_issue(
        &self,
        owner: &str,
        name: &str,
        number: u64,
        login: &str,
        label: &str,
    ) -> Result<()> {
        issues::label(&self.shared, owner, name, number, login, label).await
    }

    /// Comments as a person, and delivers `issue_comment.created`. Returns the comment's number.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an issue that is not there.
    pub async fn comment(
        &self,
        owner: &str,
        name: &str,
        number: u64,
        login: &str,
        body: &str,
    ) -> Result<u64> {
        issues::comment(&self.shared, owner, name, number, login, body).await
    }

    /// The bodies of an issue's comments, oldest first.
    #[must_use]
    pub fn comments(&self, owner: &str, name: &str, number: u64) -> Vec<String> {
        let mut state = self.shared.state();
        let Ok(repository) = state.repository(owner, name) else { return Vec::new() };
        let of_issue = repository.comments.iter().filter(|comment| comment.issue == number);
        of_issue.map(|comment| comment.body.clone()).collect()
    }

    /// The head branches of a repository's pull requests, oldest first.
    #[must_use]
    pub fn pull_requests(&self, owner: &str, name: &str) -> Vec<String> {
        let mut state = self.shared.state();
        let Ok(repository) = state.repository(owner, name) else { return Vec::new() };
        repository.pulls.iter().map(|pull| pull.head.clone()).collect()
    }

    /// Makes the next requests with this method, and a path that begins so, go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// Every request so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// Every installation token so far.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenState> {
        self.shared.state().tokens.iter().map(TokenState::from).collect()
    }

    /// Every delivery so far, with every attempt at it.
    #[must_use]
    pub fn deliveries(&self) -> Vec<HookDelivery> {
        self.shared.state().deliveries.clone()
    }

    /// The directory of a repository, bare.
    #[must_use]
    pub fn git_dir(&self, owner: &str, name: &str) -> PathBuf {
        self.shared.git_dir(owner, name)
    }

    /// Where to clone a repository from.
    #[must_use]
    pub fn clone_url(&self, owner: &str, name: &str) -> String {
        format!("{}/{owner}/{name}.git", self.shared.base)
    }

    /// Ends it, after the requests that are being answered.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        // It ended either way.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
