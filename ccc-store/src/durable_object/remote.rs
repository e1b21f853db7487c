//! To an object over HTTPS.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, async_trait};
use reqwest::{StatusCode, Url};

use super::Channel;
use super::object::MAX_ASK;
use super::signature::{DATE, Gate, NONCE, Once, SIGNATURE};

/// How long a message may be on its way, and its answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The way to an object behind a Worker: signed messages over HTTPS, each of which the object takes once.
#[derive(Debug)]
pub struct Remote {
    client: reqwest::Client,
    url: Url,
    gate: Gate,
    clock: Arc<dyn Clock>,
}

impl Remote {
    /// The way to the object at that address, such as `https://ccc.example.workers.dev/credentials/main`, with the
    /// secret that the Worker has as `CREDENTIALS_SECRET`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is no such address, for one without encryption but on this machine, and
    /// for a secret of fewer than 32 characters; [`ErrorKind::Unavailable`] when TLS cannot be set up.
    pub fn new(url: &str, secret: &Secret, clock: Arc<dyn Clock>) -> Result<Self> {
        let invalid = |line: &str| Error::new(ErrorKind::InvalidInput, line);
        let url: Url = url.parse().map_err(|_| {
            invalid("the store's address is no URL: such as https://ccc.example.workers.dev/credentials/main")
        })?;
        let here = match url.host_str() {
            Some(host) => {
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                address.map_or(host == "localhost", |address| address.is_loopback())
            }
            None => return Err(invalid("the store's address names no host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(invalid("the store's address must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid(
                "the store's address has a password or a query, which belong elsewhere",
            ));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing a race here means that somebody else has installed one, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWERS_WITHIN)
            .connect_timeout(Duration::from_secs(10));
        if here {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot set up HTTPS")
                .with_source(error.without_url())
        })?;
        Ok(Self { client, url, gate: Gate::new(secret)?, clock })
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        let (host, error) = (self.host(), error.without_url());
        let (kind, line) = match error.is_timeout() {
            true => (ErrorKind::TimedOut, format!("the Worker at {host} does not answer in time")),
            false => (ErrorKind::Unavailable, format!("cannot reach the Worker at {host}")),
        };
        Error::new(kind, line).with_source(error)
    }
}

#[async_trait]
impl Channel for Remote {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        // A new one for each try: the object takes none twice.
        let once = Once::new(self.clock.now())?;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(DATE, once.date)
            .header(NONCE, &once.nonce)
            .header(SIGNATURE, self.gate.sign(self.url.path(), &once, &message))
            .body(message);
        let mut response = request.send().await.map_err(|e| self.failed(e))?;
        let (status, host) = (response.status(), self.host());
        if status != StatusCode::OK {
            let (kind, line) = match status {
                StatusCode::UNAUTHORIZED => (
                    ErrorKind::Refused,
                    format!(
                        "the Worker at {host} does not take our signature: is its secret ours, and is our clock right?"
                    ),
                ),
                StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
                    (ErrorKind::Unavailable, format!("the Worker at {host} says to come again"))
                }
                status if status.is_server_error() => {
                    (ErrorKind::Unavailable, format!("the Worker at {host} fails: {status}"))
                }
                status => (
                    ErrorKind::Unexpected,
                    format!(
                        "the Worker at {host} answers {status}: is this the address of a store?"
                    ),
                ),
            };
            return Err(Error::new(kind, line));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(e))? {
            if answer.len() + chunk.len() > MAX_ASK {
                let line = format!("the answer of {host} is larger than any of a store");
                return Err(Error::new(ErrorKind::Unexpected, line));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}
