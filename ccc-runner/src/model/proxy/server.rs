//! The model proxy and its builder.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use tokio::sync::Semaphore;

use crate::lock::lock;
use crate::model::http_server::{self, Server};
#[cfg(feature = "claude-code")]
use crate::model::price::Price;
use crate::model::price::PriceTable;
use crate::model::proxy::access::ModelAccess;
use crate::model::proxy::budget::Account;
use crate::model::proxy::credential::ModelCredential;
use crate::model::proxy::routes;
use crate::model::proxy::rules::Rules;
use crate::model::proxy::state::{Gate, Shared, digest};
use crate::model::proxy::upstream::{self, Upstream};

/// Default time limit for the start of a response, and for each pause in the middle of a response.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// Maximum total size, in bytes, of the request bodies that the proxy holds in memory for all runs.
const MAX_BODIES: usize = 256 << 20;
/// Maximum total size, in bytes, of the request bodies that the proxy holds in memory for one run.
/// With this limit, a run cannot block other runs by announcing bodies that it does not send.
const MAX_BODIES_PER_RUN: usize = 64 << 20;
/// Maximum total size, in bytes, of the request bodies of one run whose requests wait until the run
/// can reserve their cost. The agent determines how long they wait, so they must not use the memory
/// that other runs need.
const MAX_WAITING_BODIES: usize = 8 << 20;
/// Maximum number of concurrent requests of one run.
const MAX_CONCURRENT_REQUESTS: usize = 32;

/// A server on loopback that agents use in place of the model's API. One proxy serves all runs.
///
/// Each run receives only a random secret. The proxy checks each request (see
/// [`Rule`](crate::Rule)), replaces the secret by the credential, and forwards the request to the
/// API. The proxy counts the cost of a response while the response arrives. A run that has reached
/// its spending limit receives no more responses.
///
/// # Spending limits
///
/// If a run has a spending limit, the proxy reserves the most that a request can cost before it
/// forwards the request. The costs of concurrent requests therefore do not exceed the limit
/// together.
///
/// - The input is at most one token for each byte of the body, plus fixed amounts for images,
///   documents and the API's own instructions. If the request contains `cache_control`, the whole
///   input is priced as a write to the cache with the longest lifetime that the request names.
/// - The output is at most `max_tokens`, which includes thinking. A request without `max_tokens`
///   fits within no limit. The proxy does not change `max_tokens`.
/// - If that amount does not fit, the proxy asks the API to count the input tokens, which is free,
///   and uses that count instead of the number of bytes.
/// - If the amount still does not fit, the request waits while other requests of the run are in
///   progress, in the order of arrival. If none is in progress, the request is refused. The
///   response then states the limit, the amount needed, and the amount spent.
/// - The counts in the API's response replace the reservation: the counts of the input at the start
///   of a stream, and the rest at the end. A request that the API refuses is free, also if the
///   response is a stream that begins with an error.
/// - If the API ends a response early, the counted input remains reserved, and one token for each
///   byte of the output that has arrived.
/// - If the agent ends a response early, for example by disconnecting, or if the API does not count
///   a whole response, the rest of the reservation stays reserved.
///
/// At the end of a run, a part of the limit that is smaller than the reservation of one request can
/// therefore remain unused.
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
    /// The server, which stops when the last clone of this proxy is dropped.
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
    /// Sets the address of the API or of a gateway. The address can contain a path, such as
    /// `https://gateway.example.org/anthropic`. The default is Anthropic's API.
    #[must_use]
    pub fn upstream(mut self, url: impl Into<String>) -> Self {
        self.upstream = url.into();
        self
    }

    /// Sets the certificate authorities that the proxy trusts when it connects to the API, in PEM
    /// format. `None` selects the authorities of the operating system.
    #[must_use]
    pub fn ca_pem(mut self, pem: Option<Vec<u8>>) -> Self {
        self.ca_pem = pem;
        self
    }

    /// Sets the rules that requests must satisfy. The default is [`Rules::default`].
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets the prices from which the proxy calculates the cost of responses. The default is
    /// [`PriceTable::default`].
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Sets the maximum time in which the API may send nothing, before a response and in the middle
    /// of a response. A call with a longer pause fails. The default is 10 minutes.
    #[must_use]
    pub fn silence(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// Sets the clock that measures time limits. The default is the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts the server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] if the address of the API or the certificates are not valid.
    /// - [`ErrorKind::Unavailable`] if no port is available or TLS cannot be set up.
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
    /// Returns the price of `model`.
    #[cfg(feature = "claude-code")]
    pub(crate) fn price(&self, model: &str) -> Price {
        self.shared.prices.price(model)
    }

    /// Returns a builder of a proxy to Anthropic's API, with every rule enabled and with
    /// Anthropic's list prices.
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

    /// Returns the proxy's URL, without a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the proxy's IP address and port. A container runner forwards its containers' model
    /// requests to this address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Opens access to the model for one run. The proxy adds `credential` to the requests of the
    /// run. `micro_usd` is the spending limit of the run, in millionths of a US dollar; `None` is
    /// no limit.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `credential` is empty or cannot be sent in a header;
    /// [`ErrorKind::Unavailable`] if the operating system provides no random bytes.
    pub fn open(&self, credential: ModelCredential, micro_usd: Option<u64>) -> Result<ModelAccess> {
        credential.check()?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "the operating system provides no random bytes")
                .with_source(e)
        })?;
        let secret = Secret::from(format!("run-{}", hex::encode(random)));
        let (account, notices) = Account::new(micro_usd);
        let account = Arc::new(account);
        let places = Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS));
        let room = Semaphore::new(MAX_BODIES_PER_RUN);
        let waiting_room = Semaphore::new(MAX_WAITING_BODIES);
        let gate = Gate { credential, account: Arc::clone(&account), places, room, waiting_room };
        lock(&self.shared.gates).insert(digest(secret.expose()), Arc::new(gate));
        Ok(ModelAccess::new(Arc::clone(&self.shared), secret, account, notices))
    }
}
