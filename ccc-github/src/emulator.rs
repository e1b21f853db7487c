//! A GitHub you can run on a laptop: REST, smart HTTP git and signed webhooks, on loopback.
//!
//! It holds callers to GitHub's rules: JWTs are verified, tokens have a scope, a power and an end, a
//! pull request needs a branch that was really pushed. What it leaves out answers 404. Everything is
//! in memory but the repositories, which are bare git repositories below
//! [`EmulatorConfig::data_dir`].
//!
//! A person takes part with `curl` and the header `X-Emulator-User: LOGIN`, which stands for a
//! signed-in user; `GET /` says how. For that reason it listens on loopback unless told otherwise.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, RepoRef};
use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, LineEnding};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::ReqwestHttp;

mod app;
mod auth;
mod controls;
mod git;
mod hooks;
mod json;
mod rest;
mod server;
mod state;
mod work;

pub use state::{Call, Comment, HookDelivery, PullRequest, TokenInfo};

use state::State;

/// How to set an emulator up.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The App's number.
    pub app_id: u64,
    /// The App's name in addresses; its account is `SLUG[bot]`.
    pub app_slug: String,
    /// The App's private key as PEM; without it a fresh one is made.
    pub private_key: Option<Secret>,
    /// What webhooks are signed with.
    pub webhook_secret: Secret,
    /// Where webhooks go; can be set later, see [`Emulator::set_webhook_url`].
    pub webhook_url: Option<String>,
    /// Where the git repositories are put. The emulator does not remove it.
    pub data_dir: PathBuf,
    /// What time it is; tokens end by it.
    pub clock: Arc<dyn Clock>,
}

impl EmulatorConfig {
    /// A free port on loopback, App 1 `ccc-app` with a fresh key.
    pub fn new(data_dir: impl Into<PathBuf>, webhook_secret: Secret) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            app_id: 1,
            app_slug: "ccc-app".to_owned(),
            private_key: None,
            webhook_secret,
            webhook_url: None,
            data_dir: data_dir.into(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// What the routes share.
#[derive(Debug)]
struct Inner {
    app_id: u64,
    slug: String,
    key: Decoding,
    base_url: String,
    host: String,
    data_dir: PathBuf,
    webhook_secret: Secret,
    http: ReqwestHttp,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Decoding(DecodingKey);

impl std::fmt::Debug for Decoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoding(public key)")
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A running emulator. Dropping it stops it; [`stop`](Self::stop) also waits until it has.
#[derive(Debug)]
pub struct Emulator {
    inner: Arc<Inner>,
    private_key: Secret,
}

impl Emulator {
    /// Starts to listen. Needs a tokio runtime, and `git` on the `PATH`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a key that does not parse; [`ErrorKind::Unavailable`] when the
    /// address is taken or the directory cannot be made.
    pub async fn start(config: EmulatorConfig) -> Result<Self> {
        let given = config.private_key.clone();
        let (private_key, public) =
            tokio::task::spawn_blocking(move || key_pair(given))
                .await
                .map_err(|e| Error::new(ErrorKind::Unexpected, "making a key").with_source(e))??;
        let unavailable = |what: String| {
            move |error: std::io::Error| Error::new(ErrorKind::Unavailable, what).with_source(error)
        };
        let shown = config.data_dir.display();
        tokio::fs::create_dir_all(&config.data_dir)
            .await
            .map_err(unavailable(format!("cannot make {shown}; choose another data directory")))?;
        let data_dir = std::path::absolute(&config.data_dir)
            .map_err(unavailable(format!("cannot resolve {shown}")))?;
        let listener = tokio::net::TcpListener::bind(config.listen).await.map_err(unavailable(
            format!("cannot listen on {}; is something else there?", config.listen),
        ))?;
        let address =
            listener.local_addr().map_err(unavailable("the listener has no address".to_owned()))?;
        let mut state = State::new(config.webhook_url);
        state.add_user(&format!("{}[bot]", config.app_slug), ActorKind::Bot);
        let inner = Arc::new(Inner {
            app_id: config.app_id,
            slug: config.app_slug,
            key: Decoding(public),
            base_url: format!("http://{address}"),
            host: address.to_string(),
            data_dir,
            webhook_secret: config.webhook_secret,
            http: ReqwestHttp::direct()?,
            clock: config.clock,
            state: Mutex::new(state),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let stop = inner.stop.clone().cancelled_owned();
        let served = axum::serve(listener, server::routes(&inner)).with_graceful_shutdown(stop);
        inner.tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the GitHub emulator stopped");
            }
        });
        Ok(Self { inner, private_key })
    }

    /// The API's address, for [`GitHubBuilder::api_url`](crate::GitHubBuilder::api_url).
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.inner.base_url
    }

    /// The host as [`RepoRef::host`] has it: address and port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Where git finds a repository. Public ones can be cloned by anybody.
    #[must_use]
    pub fn git_url(&self, repo: &RepoRef) -> String {
        format!("{}/{}/{}.git", self.inner.base_url, repo.owner, repo.name)
    }

    /// The App's number.
    #[must_use]
    pub fn app_id(&self) -> u64 {
        self.inner.app_id
    }

    /// The App's private key, PEM (PKCS#1, as GitHub hands it out).
    #[must_use]
    pub fn private_key_pem(&self) -> Secret {
        self.private_key.clone()
    }

    /// What webhooks are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> Secret {
        self.inner.webhook_secret.clone()
    }

    /// Sends webhooks there from now on; nothing is sent while there is no address.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        self.inner.state().webhook_url = Some(url.into());
    }

    /// An account; the one that is there when the login is taken.
    pub fn add_user(&self, login: &str, kind: ActorKind) -> Actor {
        self.inner.state().add_user(login, kind)
    }

    /// A public repository, with the App installed: a clone of `seed` when that is a git repository,
    /// else one commit with the files of the directory.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for a name that is taken; [`ErrorKind::InvalidInput`] for one that
    /// no repository has; [`ErrorKind::Unavailable`] when git fails.
    pub async fn add_repository(&self, owner: &str, name: &str, seed: &Path) -> Result<RepoRef> {
        work::add_repository(&self.inner, owner, name, seed).await
    }

    /// Stops listening, ends what is running, and waits for it, five seconds at most.
    #[allow(clippy::disallowed_methods, reason = "the emulator never runs on wasm")]
    pub async fn stop(self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.inner.tasks.wait()).await;
    }

    /// Opens an issue and delivers `issues.opened`; ends when the delivery was answered.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an account or repository that is not there. What became of the
    /// delivery is in [`deliveries`](Self::deliveries).
    pub async fn open_issue(
        &self,
        repo: &RepoRef,
        login: &str,
        title: &str,
        body: &str,
    ) -> Result<u64> {
        let (number, hook) = work::open_issue(&self.inner, repo.id, login, title, body)?;
        hooks::deliver(&self.inner, hook).await;
        Ok(number)
    }

    /// Puts a label on an issue and delivers `issues.labeled`.
    ///
    /// # Errors
    /// As [`open_issue`](Self::open_issue).
    pub async fn label_issue(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        label: &str,
    ) -> Result<()> {
        let hook = work::label_issue(&self.inner, repo.id, number, login, label)?;
        hooks::deliver(&self.inner, hook).await;
        Ok(())
    }

    /// Writes a comment and delivers `issue_comment.created`; gives its id.
    ///
    /// # Errors
    /// As [`open_issue`](Self::open_issue).
    pub async fn comment(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        body: &str,
    ) -> Result<u64> {
        let (id, hook) = work::comment(&self.inner, repo.id, number, login, body)?;
        hooks::deliver(&self.inner, hook).await;
        Ok(id)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

/// The private key as PEM, and its public half.
fn key_pair(given: Option<Secret>) -> Result<(Secret, DecodingKey)> {
    let broken = |what: &str| Error::new(ErrorKind::InvalidInput, what);
    let key = match &given {
        Some(pem) => {
            crate::AppKey::from_pem(pem)?;
            let text = pem.expose_str()?.replace("\\n", "\n");
            let text = text.trim();
            rsa::RsaPrivateKey::from_pkcs1_pem(text)
                .or_else(|_| rsa::RsaPrivateKey::from_pkcs8_pem(text))
                .map_err(|_| broken("the private key does not parse as an RSA key"))?
        }
        None => rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .map_err(|_| broken("no RSA key could be made"))?,
    };
    let pem = key
        .to_pkcs1_pem(LineEnding::LF)
        .map_err(|_| broken("the private key cannot be written as PEM"))?;
    let public = key
        .to_public_key()
        .to_pkcs1_der()
        .map_err(|_| broken("the public key cannot be written"))?;
    let public = DecodingKey::from_rsa_der(public.as_bytes());
    Ok((Secret::from(pem.as_str()), public))
}
