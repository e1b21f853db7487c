//! Fixtures and helpers that the tests of this directory share.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::NewPullRequest;
use ccc_core::{BranchName, Clock, Secret, SystemClock, async_trait};
use ccc_github::{AppKey, GitHub};
use github_emulator::{ActorKind, Emulator, EmulatorConfig};
use jiff::{SignedDuration, Timestamp};

use crate::emulated::{EmulatorClock, repo_ref, secret};

/// The private key of all tests. Generating a key for each test would be slow.
pub(crate) const KEY: &str = include_str!("../../emulator/test-key.pem");

/// A clock with an adjustable difference from the system clock.
#[derive(Debug, Default)]
pub(crate) struct Skewed(Mutex<SignedDuration>);

impl Skewed {
    pub(crate) fn set(&self, by: SignedDuration) {
        *self.0.lock().unwrap() = by;
    }
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        SystemClock.now() + *self.0.lock().unwrap()
    }
    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// A clock with the time of a [`Skewed`] clock. Its sleeps end immediately, and advance both clocks.
#[derive(Debug)]
pub(crate) struct Leaping(pub(crate) Arc<Skewed>);

#[async_trait]
impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    async fn sleep(&self, duration: Duration) {
        *self.0.0.lock().unwrap() += SignedDuration::try_from(duration).unwrap();
        tokio::task::yield_now().await;
    }
}

/// An emulator with one repository.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<Skewed>,
    /// The repository, in the client's type.
    pub(crate) repo: RepoRef,
    /// The same repository, in the emulator's type.
    pub(crate) emulated: github_emulator::RepoRef,
}

pub(crate) async fn world() -> World {
    world_with(|_| ()).await
}

pub(crate) async fn world_with(set_up: impl FnOnce(&mut EmulatorConfig)) -> World {
    let dir = tempfile::tempdir().unwrap();
    let seed = dir.path().join("seed");
    std::fs::create_dir(&seed).unwrap();
    std::fs::write(seed.join("README.md"), "hello\n").unwrap();
    let clock = Arc::new(Skewed::default());
    let mut config = EmulatorConfig::new(dir.path().join("data"), "hook secret".into());
    config.app_id = 4711;
    config.private_key = Some(KEY.into());
    config.clock = Arc::new(EmulatorClock(Arc::clone(&clock)));
    set_up(&mut config);
    let emulator = Emulator::start(config).await.unwrap();
    let emulated = emulator.add_repository("octo", "hello", &seed).await.unwrap();
    emulator.add_user("alice", ActorKind::User);
    World { dir, emulator, clock, repo: repo_ref(&emulated), emulated }
}

impl World {
    pub(crate) fn github_with(&self, clock: Arc<dyn Clock>) -> GitHub {
        let key = AppKey::from_pem(&self.private_key()).unwrap();
        GitHub::builder(self.emulator.app_id(), key, clock)
            .api_url(self.emulator.api_url())
            .build()
            .unwrap()
    }

    /// Returns the private key of the App.
    pub(crate) fn private_key(&self) -> Secret {
        secret(&self.emulator.private_key_pem())
    }

    pub(crate) fn github(&self) -> GitHub {
        self.github_with(Arc::new(Leaping(Arc::clone(&self.clock))))
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Advances the clock.
    pub(crate) fn pass(&self, by: SignedDuration) {
        *self.clock.0.lock().unwrap() += by;
    }

    /// Creates a branch with a change, and returns the pull request that a run would open from it.
    pub(crate) async fn pushed(&self, branch: &str) -> NewPullRequest {
        self.emulator.write_file(&self.emulated, branch, "fix", branch.as_bytes()).await.unwrap();
        NewPullRequest {
            head: BranchName::new(branch).unwrap(),
            base: "main".to_owned(),
            title: "Fix".to_owned(),
            body: "Closes #1".to_owned(),
            draft: false,
        }
    }

    /// Returns the number of requests with this method whose path ends with `path_end`.
    pub(crate) fn count(&self, method: &str, path_end: &str) -> usize {
        let calls = self.emulator.calls();
        calls.iter().filter(|call| call.method == method && call.path.ends_with(path_end)).count()
    }
}

/// Runs `git` in a directory, with an HTTP `Authorization` header if one is given.
pub(crate) async fn git(dir: &Path, authorization: Option<&Secret>, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.com")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.com");
    if let Some(authorization) = authorization {
        let value = format!("Authorization: {}", authorization.expose_str().unwrap());
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraHeader")
            .env("GIT_CONFIG_VALUE_0", value);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
