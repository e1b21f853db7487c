//! The configuration of an emulator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::clock::{Clock, SystemClock};

/// A private key for tests. It is published with the source code and therefore protects nothing.
const TEST_KEY: &str = include_str!("../test-key.pem");

/// The configuration of an emulator, for [`Emulator::start`](crate::Emulator::start).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> github_emulator::Result<()> {
/// use github_emulator::{Emulator, EmulatorConfig};
///
/// let directory = std::env::temp_dir().join(format!("github-{}", std::process::id()));
/// let config = EmulatorConfig::new(&directory, "webhook secret".into()).with_test_key();
/// let github = Emulator::start(config).await?;
/// assert!(github.api_url().starts_with("http://127.0.0.1:"));
/// github.stop().await;
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmulatorConfig {
    /// The address and port to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The URL that clients use, if it differs from the listen address, such as the URL of a
    /// reverse proxy. All links and `Location` headers start with this URL.
    pub public_url: Option<String>,
    /// The ID of the first GitHub App, which the emulator creates when it starts.
    /// [`Emulator::add_app`](crate::Emulator::add_app) adds more Apps.
    pub app_id: u64,
    /// The slug of the first GitHub App, which is the App's name in URLs. The login of the App's
    /// account is `SLUG[bot]`.
    pub app_slug: String,
    /// The private key of the first GitHub App, as PEM. If it is `None`, a new key is created.
    pub private_key: Option<SecretString>,
    /// The webhook secret of the first GitHub App. The emulator signs the App's webhook deliveries
    /// with this secret.
    pub webhook_secret: SecretString,
    /// The URL that the webhooks of the first GitHub App are sent to.
    /// [`Emulator::set_webhook_url`](crate::Emulator::set_webhook_url) can set it later.
    pub webhook_url: Option<String>,
    /// The directory that contains the git repositories. The emulator creates this directory, but
    /// never removes it.
    pub data_dir: PathBuf,
    /// Maximum number of REST API requests per hour for each installation, GitHub App and user. The
    /// default is 5,000, as on GitHub.
    pub rate_limit: u64,
    /// The source of time. It decides, for example, when tokens expire.
    pub clock: Arc<dyn Clock>,
}

impl EmulatorConfig {
    /// Creates the configuration of an emulator on a free loopback port. The first GitHub App has
    /// the ID 1, the slug `ccc-app` and a new key.
    pub fn new(data_dir: impl Into<PathBuf>, webhook_secret: SecretString) -> Self {
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

    /// Sets [`listen`](Self::listen), the address and port to listen on.
    #[must_use]
    pub fn with_listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// Sets [`public_url`](Self::public_url), the URL that clients use.
    #[must_use]
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets [`app_id`](Self::app_id) to `id`, and [`app_slug`](Self::app_slug) to `slug`.
    #[must_use]
    pub fn with_app(mut self, id: u64, slug: impl Into<String>) -> Self {
        self.app_id = id;
        self.app_slug = slug.into();
        self
    }

    /// Sets [`private_key`](Self::private_key), the private key of the first GitHub App.
    #[must_use]
    pub fn with_private_key(mut self, pem: SecretString) -> Self {
        self.private_key = Some(pem);
        self
    }

    /// Sets [`private_key`](Self::private_key) to a key that is part of this crate and therefore
    /// public. Tests start faster with this key, because the creation of a key takes seconds in a
    /// debug build.
    #[must_use]
    pub fn with_test_key(self) -> Self {
        self.with_private_key(TEST_KEY.into())
    }

    /// Sets [`webhook_url`](Self::webhook_url), the URL that webhooks are sent to.
    #[must_use]
    pub fn with_webhook_url(mut self, url: impl Into<String>) -> Self {
        self.webhook_url = Some(url.into());
        self
    }

    /// Sets [`rate_limit`](Self::rate_limit), the maximum number of requests per hour.
    #[must_use]
    pub fn with_rate_limit(mut self, requests: u64) -> Self {
        self.rate_limit = requests;
        self
    }

    /// Sets [`clock`](Self::clock), the source of time.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
