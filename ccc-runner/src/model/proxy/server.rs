//! The model proxy, its builder, and the access of a run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use tokio::sync::Semaphore;

use crate::lock::lock;
use crate::model::http_server::{self, Server};
use crate::model::price::PriceTable;
use crate::model::proxy::access::ModelAccess;
use crate::model::proxy::budget::Account;
use crate::model::proxy::credential::ModelCredential;
use crate::model::proxy::routes;
use crate::model::proxy::rules::Rules;
use crate::model::proxy::state::{Gate, Shared, digest};
use crate::model::proxy::upstream::{self, Upstream};

/// How long the API may take to begin an answer, and how long it may pause in the middle of one.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// The most bytes of the bodies of all requests in progress.
const MAX_BODIES: usize = 256 << 20;
/// The most bytes of the bodies of one run's requests: a run cannot exclude the others by
/// announcing bodies that it does not send.
const MAX_BODIES_OF_ONE: usize = 64 << 20;
/// The most requests of one run at once.
const MAX_AT_ONCE: usize = 32;

/// A server on loopback that agents take for their model's API. One serves all runs.
///
/// Each run gets a random secret of its own, and nothing else: the credential is put in here, when
/// a request leaves for the API. What a request asks for is read before it goes on (see [`Rule`](crate::Rule)),
/// what the answer costs is counted as it comes back, and a run whose money is used up hears no
/// more.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use ccc_core::Secret;
/// use ccc_runner::{ModelCredential, ModelProxy};
///
/// let proxy = ModelProxy::builder().start().await?;
/// assert!(proxy.url().starts_with("http://127.0.0.1:"));
/// let credential = ModelCredential::ApiKey(Secret::from("sk-ant-api03-of-yours"));
/// let access = proxy.open(credential, Some(5_000_000))?; // five dollars
/// assert!(access.secret().expose_str()?.starts_with("run-"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ModelProxy {
    shared: Arc<Shared>,
    url: Arc<str>,
    /// Ends with the last handle.
    server: Arc<Server>,
}

/// Settings of a [`ModelProxy`].
#[derive(Debug)]
pub struct ModelProxyBuilder {
    upstream: String,
    ca_pem: Option<Vec<u8>>,
    rules: Rules,
    prices: PriceTable,
    clock: Arc<dyn Clock>,
    silence: Duration,
}

impl ModelProxyBuilder {
    /// The API's address, or a gateway's with its path: `https://gateway.example.org/anthropic`.
    /// Without it, Anthropic's.
    #[must_use]
    pub fn upstream(mut self, url: impl Into<String>) -> Self {
        self.upstream = url.into();
        self
    }

    /// Certificates, PEM, of the authorities that are trusted; without them, the system's.
    #[must_use]
    pub fn ca_pem(mut self, pem: Option<Vec<u8>>) -> Self {
        self.ca_pem = pem;
        self
    }

    /// What runs may ask.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// What it costs.
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// How long the API may be silent, before and within an answer; 10 minutes unless said
    /// otherwise.
    #[must_use]
    pub fn silence(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// Whose time it is.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts the server, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the upstream is no address or the certificates are none;
    /// [`ErrorKind::Unavailable`] when no port or no TLS can be had.
    pub async fn start(self) -> Result<ModelProxy> {
        let shared = Arc::new(Shared {
            upstream: Upstream::new(&self.upstream, self.ca_pem.as_deref())?,
            rules: self.rules,
            prices: self.prices,
            clock: self.clock,
            silence: self.silence,
            gates: Mutex::default(),
            room: Arc::new(Semaphore::new(MAX_BODIES)),
        });
        let server = http_server::on_loopback(routes::router(Arc::clone(&shared))).await?;
        let url = format!("http://{}", server.address).into();
        Ok(ModelProxy { shared, url, server: Arc::new(server) })
    }
}

impl ModelProxy {
    /// Anthropic's API behind every rule, with list prices.
    #[must_use]
    pub fn builder() -> ModelProxyBuilder {
        ModelProxyBuilder {
            upstream: upstream::ANTHROPIC.to_owned(),
            ca_pem: None,
            rules: Rules::default(),
            prices: PriceTable::default(),
            clock: Arc::new(SystemClock),
            silence: SILENCE,
        }
    }

    /// Where it listens, as a URL without a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens, for runners that lead to it themselves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Lets one run in, with `micro_usd` millionths of a US dollar to spend.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the credential is empty or fits no header;
    /// [`ErrorKind::Unavailable`] when the system gives no random bytes.
    pub fn open(&self, credential: ModelCredential, micro_usd: Option<u64>) -> Result<ModelAccess> {
        credential.check()?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "the system gives no random bytes").with_source(e)
        })?;
        let secret = Secret::from(format!("run-{}", hex::encode(random)));
        let (account, notices) = Account::new(micro_usd);
        let account = Arc::new(account);
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        let room = Semaphore::new(MAX_BODIES_OF_ONE);
        let gate = Gate { credential, account: Arc::clone(&account), places, room };
        lock(&self.shared.gates).insert(digest(secret.expose()), Arc::new(gate));
        Ok(ModelAccess::new(Arc::clone(&self.shared), secret, account, notices))
    }
}
