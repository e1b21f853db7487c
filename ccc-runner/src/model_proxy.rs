//! The way from an agent to its model, with the credential on our side of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::agent::ModelUsage;
use ccc_core::{CancellationToken, Clock, Error, ErrorKind, Result, Secret, SystemClock};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, mpsc, watch};

mod account;
mod price;
mod relay;
mod routes;
mod rules;
mod stream;
mod upstream;
mod wish;

use account::Account;
pub use account::ModelNotice;
pub(crate) use account::Trouble;
pub use price::{ModelPattern, Price, PriceTable};
pub use rules::{Rule, Rules};
pub use upstream::ModelCredential;
use upstream::Upstream;

/// How long the API may take to begin an answer, and how long it may pause in the middle of one.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// The largest body of a request, bytes: what the Messages API takes at most.
const MAX_BODY: usize = 32 << 20;
/// The bodies of all requests that are under way, bytes.
const MAX_BODIES: usize = 256 << 20;
/// Those of one run, bytes: it alone cannot keep the others out by promising bodies that do not come.
const MAX_BODIES_OF_ONE: usize = 64 << 20;
/// Requests of one run at once.
const MAX_AT_ONCE: usize = 32;

/// A server on loopback that agents take for their model's API. One serves all runs.
///
/// Each run gets a random secret of its own, and nothing else: the credential is put in here, when a
/// request leaves for the API. What a request asks for is read before it goes on (see [`Rule`]), what
/// the answer costs is counted as it comes back, and a run whose money is used up hears no more.
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
    server: Arc<crate::serve::Server>,
}

/// What the routes work with.
#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    rules: Rules,
    prices: PriceTable,
    clock: Arc<dyn Clock>,
    silence: Duration,
    /// By digest, so that a comparison shows nothing of a secret by the time it takes.
    gates: Mutex<HashMap<[u8; 32], Arc<Gate>>>,
    /// One permit for each byte of a body that is being held.
    room: Arc<Semaphore>,
}

/// One run's way through.
#[derive(Debug)]
struct Gate {
    credential: ModelCredential,
    account: Arc<Account>,
    places: Arc<Semaphore>,
    /// One permit for each byte of a body of this run that is being held.
    room: Semaphore,
}

impl Shared {
    fn gates(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Gate>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self, secret: &[u8]) -> Option<Arc<Gate>> {
        self.gates().get(&digest(secret)).cloned()
    }
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
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

    /// How long the API may be silent, before and within an answer; 10 minutes unless said otherwise.
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
        let server = crate::serve::on_loopback(routes::router(Arc::clone(&shared))).await?;
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
        self.shared.gates().insert(digest(secret.expose()), Arc::new(gate));
        Ok(ModelAccess { shared: Arc::clone(&self.shared), secret, account, notices })
    }
}

/// One run's access. When it is dropped, the secret is worth nothing, and answers that are under way
/// end.
#[derive(Debug)]
pub struct ModelAccess {
    shared: Arc<Shared>,
    secret: Secret,
    account: Arc<Account>,
    notices: mpsc::Receiver<ModelNotice>,
}

impl ModelAccess {
    /// What the run's programs show to the proxy, as `x-api-key` or `Authorization: Bearer`.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What was spent until now, in millionths of a US dollar, and on which models.
    #[must_use]
    pub fn spent(&self) -> (u64, Vec<ModelUsage>) {
        self.account.spent()
    }

    /// Whether the money is used up.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.account.exhausted.is_cancelled()
    }

    /// Ends when the money is used up.
    pub(crate) fn exhausted(&self) -> CancellationToken {
        self.account.exhausted.clone()
    }

    /// Ends when the API does not know our credential.
    pub(crate) fn refused(&self) -> CancellationToken {
        self.account.refused.clone()
    }

    /// Told of every piece of an answer that goes by.
    pub(crate) fn alive(&self) -> watch::Receiver<()> {
        self.account.alive.subscribe()
    }

    /// What stood in the way of the last call.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.account.trouble()
    }

    /// The next thing that a person who watches should know.
    pub async fn notice(&mut self) -> ModelNotice {
        match self.notices.recv().await {
            Some(notice) => notice,
            // We hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}

impl Drop for ModelAccess {
    fn drop(&mut self) {
        self.shared.gates().remove(&digest(self.secret.expose()));
        self.account.closed.cancel();
    }
}
