//! A GitHub you can run on a laptop: REST, smart HTTP git, signed webhooks and pages to look at, on
//! loopback.
//!
//! It holds callers to GitHub's rules: JWTs are checked with the public key, tokens have a scope, a
//! power and an end, a pull request needs a branch that was really pushed, an hour has so many
//! requests. What it answers is what GitHub's OpenAPI description says; what it leaves out answers 404
//! ([`Emulator::routes`] has what there is). Everything is in memory but the repositories, which are
//! bare git repositories below [`EmulatorConfig::data_dir`].
//!
//! A person takes part in a browser at [`Emulator::api_url`], or with `curl` and the header
//! `X-Emulator-User: LOGIN`, which stands for a signed-in user. Programs in other languages set it up
//! and look at it through JSON below `/_emulator/`. For these reasons it listens on loopback unless
//! told otherwise.
//!
//! ```no_run
//! # async fn example() -> ccc_core::Result<()> {
//! use ccc_github::emulator::{Emulator, EmulatorConfig, Fault};
//!
//! let config = EmulatorConfig::new("/tmp/github", "webhook secret".into());
//! let github = Emulator::start(config).await?;
//! let repo = github.add_repository("octo", "hello", "path/to/files".as_ref()).await?;
//! github.set_webhook_url("http://127.0.0.1:8080/webhook/github");
//! github.inject(Fault::on("POST", "/repos/octo/hello/pulls").status(502).after_the_effect());
//! github.open_issue(&repo, "octo", "It crashes", "Always.").await?;
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, RepoRef};
use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::ReqwestHttp;

mod answer;
mod api;
mod apps;
mod auth;
mod control;
mod controls;
mod diff;
mod faults;
mod git;
mod hooks;
mod limits;
mod looks;
mod pages;
mod people;
mod records;
mod render;
mod routes;
mod seeding;
mod server;
mod smart_http;
mod state;
mod work;

pub use controls::NewApp;
pub use faults::Fault;
pub use records::{Call, Comment, HookDelivery, PullRequest, TokenInfo};

use apps::{App, KeyPair};
use state::State;

/// How to set an emulator up.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How callers reach it, without a slash at the end, when something stands in front of it: links
    /// and `Location`s say so. Without it, the address that it listens on.
    pub public_url: Option<String>,
    /// The first App's number; more can be [added](Emulator::add_app).
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
    /// Requests in an hour, for each installation, App and person; 5 000 as on GitHub.
    pub rate_limit: u64,
    /// What time it is; tokens end by it.
    pub clock: Arc<dyn Clock>,
}

impl EmulatorConfig {
    /// A free port on loopback, App 1 `ccc-app` with a fresh key.
    pub fn new(data_dir: impl Into<PathBuf>, webhook_secret: Secret) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            app_id: 1,
            app_slug: "ccc-app".to_owned(),
            private_key: None,
            webhook_secret,
            webhook_url: None,
            data_dir: data_dir.into(),
            rate_limit: 5_000,
            clock: Arc::new(SystemClock),
        }
    }
}

/// What the routes share.
#[derive(Debug)]
struct Inner {
    /// The first App, which the methods of [`Emulator`] are about.
    app_id: u64,
    base_url: String,
    /// Address and port that it listens on.
    host: String,
    data_dir: PathBuf,
    rate_limit: u64,
    http: ReqwestHttp,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What no URL has, but for `?`, `#` and `%`, which have a meaning in it.
const NOT_IN_URLS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'\\');

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What things are dated with.
    fn now(&self) -> Timestamp {
        render::seconds(self.clock.now())
    }

    /// An address of the API.
    fn api(&self, path: &str) -> String {
        format!("{}{}", self.base_url, percent_encoding::utf8_percent_encode(path, NOT_IN_URLS))
    }

    /// An address for people.
    fn web(&self, path: &str) -> String {
        format!("{}{}", self.base_url, percent_encoding::utf8_percent_encode(path, NOT_IN_URLS))
    }
}

/// A running emulator. Dropping it stops it; [`stop`](Self::stop) also waits until it has.
#[derive(Debug)]
pub struct Emulator {
    inner: Arc<Inner>,
}

impl Emulator {
    /// Starts to listen. Needs a tokio runtime, and `git` on the `PATH`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a key that does not parse; [`ErrorKind::Unavailable`] when the
    /// address is taken or the directory cannot be made.
    pub async fn start(config: EmulatorConfig) -> Result<Self> {
        let key = KeyPair::new(config.private_key.clone()).await?;
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
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let started = render::seconds(config.clock.now());
        let inner = Arc::new(Inner {
            app_id: config.app_id,
            base_url: base_url.trim_end_matches('/').to_owned(),
            host: address.to_string(),
            data_dir,
            rate_limit: config.rate_limit,
            http: ReqwestHttp::direct()?,
            clock: Arc::clone(&config.clock),
            started,
            state: Mutex::new(first_state(config, key, started)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        inner.tasks.spawn(server::serve(listener, Arc::clone(&inner)));
        Ok(Self { inner })
    }

    /// Where it is: the API's address, for [`GitHubBuilder::api_url`](crate::GitHubBuilder::api_url),
    /// and the one for a browser.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.inner.base_url
    }

    /// The host as [`RepoRef::host`] has it: address and port that it listens on.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Where git finds a repository. Public ones can be cloned by anybody.
    #[must_use]
    pub fn git_url(&self, repo: &RepoRef) -> String {
        format!("{}/{}/{}.git", self.inner.base_url, repo.owner, repo.name)
    }

    /// Method and path of every route of the REST API that it offers, in the words of GitHub's
    /// OpenAPI description.
    #[must_use]
    pub fn routes() -> Vec<(&'static str, &'static str)> {
        routes::ROUTES.iter().map(|route| (route.method, route.path)).collect()
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
        seeding::add_repository(&self.inner, owner, name, Some(seed)).await
    }

    /// As [`add_repository`](Self::add_repository), without a commit.
    ///
    /// # Errors
    /// As [`add_repository`](Self::add_repository).
    pub async fn add_empty_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        seeding::add_repository(&self.inner, owner, name, None).await
    }

    /// Stops listening, ends what is running, and waits for it, five seconds at most.
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

/// One App, with its account and its owner's.
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
        client_secret: Secret::from(apps::random()),
        key,
        webhook_secret: config.webhook_secret,
        webhook_url: config.webhook_url,
        permissions: apps::usual_permissions(),
        events: apps::usual_events(),
        created_at: now,
    });
    state.add_user(owner, ActorKind::User);
    state.add_user(&format!("{}[bot]", config.app_slug), ActorKind::Bot);
    state
}
