//! The connection to an object over HTTPS.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, async_trait};
use reqwest::{StatusCode, Url};

use crate::durable_object::channel::Channel;
use crate::durable_object::protocol::MAX_MESSAGE_BYTES;
use crate::durable_object::signature::{
    DATE_HEADER, MessageAuthenticator, MessageId, NONCE_HEADER, SIGNATURE_HEADER,
};
use crate::invalid_input::invalid_input;

/// Time limit for a message and its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A [`Channel`] to an object behind a Worker. It sends signed messages over HTTPS, and the object
/// accepts each of them once.
#[derive(Debug)]
pub struct HttpsChannel {
    client: reqwest::Client,
    url: Url,
    authenticator: MessageAuthenticator,
    clock: Arc<dyn Clock>,
}

impl HttpsChannel {
    /// Creates a channel to the object at `url`, such as
    /// `https://ccc.example.workers.dev/credentials/main`. `secret` is the value of the Worker's
    /// `CREDENTIALS_SECRET`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for text that is not such an address, for an unencrypted address
    /// on another machine, and for a secret of fewer than 32 characters; [`ErrorKind::Unavailable`]
    /// if TLS cannot be set up.
    pub fn new(url: &str, secret: &Secret, clock: Arc<dyn Clock>) -> Result<Self> {
        let url: Url = url.parse().map_err(|_| {
            invalid_input("the store's address is not a URL such as https://ccc.example.workers.dev/credentials/main")
        })?;
        let here = match url.host_str() {
            Some(host) => {
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                address.map_or(host == "localhost", |address| address.is_loopback())
            }
            None => return Err(invalid_input("the store's address has no host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(invalid_input("the store's address must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid_input(
                "the store's address must not have a user name, a password or a query",
            ));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // The result can be ignored: it fails only if another thread has installed a provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10));
        if here {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot set up HTTPS")
                .with_source(error.without_url())
        })?;
        Ok(Self { client, url, authenticator: MessageAuthenticator::new(secret)?, clock })
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        let (host, error) = (self.host(), error.without_url());
        let (kind, line) = match error.is_timeout() {
            true => (ErrorKind::TimedOut, format!("the Worker at {host} did not answer in time")),
            false => (ErrorKind::Unavailable, format!("cannot reach the Worker at {host}")),
        };
        Error::new(kind, line).with_source(error)
    }
}

#[async_trait]
impl Channel for HttpsChannel {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        // Each attempt needs a new id, because the object accepts an id only once.
        let id = MessageId::new(self.clock.now())?;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(DATE_HEADER, id.date)
            .header(NONCE_HEADER, &id.nonce)
            .header(SIGNATURE_HEADER, self.authenticator.sign(self.url.path(), &id, &message))
            .body(message);
        let mut response = request.send().await.map_err(|e| self.failed(e))?;
        let (status, host) = (response.status(), self.host());
        if status != StatusCode::OK {
            let (kind, line) = match status {
                StatusCode::UNAUTHORIZED => (
                    ErrorKind::Refused,
                    format!(
                        "the Worker at {host} rejected the signature: check that it has the same secret, and that the clock of this machine is right"
                    ),
                ),
                StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
                    (ErrorKind::Unavailable, format!("the Worker at {host} asks to try again"))
                }
                status if status.is_server_error() => {
                    (ErrorKind::Unavailable, format!("the Worker at {host} failed: {status}"))
                }
                status => (
                    ErrorKind::Unexpected,
                    format!(
                        "the Worker at {host} answered {status}: check that the address is that of a store"
                    ),
                ),
            };
            return Err(Error::new(kind, line));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(e))? {
            if answer.len() + chunk.len() > MAX_MESSAGE_BYTES {
                let line = format!("the answer of {host} is larger than any answer of a store");
                return Err(Error::new(ErrorKind::Unexpected, line));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}
