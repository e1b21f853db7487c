//! The connection to a Durable Object over HTTPS.

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

/// Time limit for sending one message and receiving its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A [`Channel`] to a Durable Object behind a Worker. The channel sends signed messages over HTTPS.
/// The Durable Object accepts each signed message only once.
#[derive(Debug)]
pub struct HttpsChannel {
    client: reqwest::Client,
    url: Url,
    authenticator: MessageAuthenticator,
    clock: Arc<dyn Clock>,
}

impl HttpsChannel {
    /// Creates a channel to the Durable Object at `url`, such as
    /// `https://ccc.example.workers.dev/credentials/main`. `secret` is the value of the Worker's
    /// secret `CREDENTIALS_SECRET`. An `http` URL is accepted only for this machine (loopback).
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] if `url` is invalid, has a user name, a password or a query,
    ///   or is an `http` URL of another machine, or if `secret` has fewer than 32 characters.
    /// - [`ErrorKind::Unavailable`] if TLS cannot be set up.
    pub fn new(url: &str, secret: &Secret, clock: Arc<dyn Clock>) -> Result<Self> {
        let url: Url = url.parse().map_err(|_| {
            invalid_input("the address of the credential store is not a URL such as https://ccc.example.workers.dev/credentials/main")
        })?;
        let here = match url.host_str() {
            Some(host) => {
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                address.map_or(host == "localhost", |address| address.is_loopback())
            }
            None => return Err(invalid_input("the URL of the credential store has no host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(invalid_input("the URL of the credential store must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid_input(
                "the URL of the credential store must not have a user name, a password or a query",
            ));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // This error can be ignored: it means that another thread has already installed a
            // provider.
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
            Error::new(
                ErrorKind::Unavailable,
                "cannot set up HTTPS for the connection to the credential store",
            )
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
            true => (
                ErrorKind::TimedOut,
                format!(
                    "the Worker at {host} did not answer in time (10 seconds to connect, 20 seconds in total)"
                ),
            ),
            false => (ErrorKind::Unavailable, format!("cannot reach the Worker at {host}")),
        };
        Error::new(kind, line).with_source(error)
    }
}

#[async_trait]
impl Channel for HttpsChannel {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        // Each attempt needs a new id, because the Durable Object accepts an id only once.
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
                        "the Worker at {host} rejected the signature: check that the secret of this store equals the Worker's CREDENTIALS_SECRET, and that the clock of this machine is correct"
                    ),
                ),
                StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => (
                    ErrorKind::Unavailable,
                    format!("the Worker at {host} answered {status}: try again"),
                ),
                status if status.is_server_error() => {
                    (ErrorKind::Unavailable, format!("the Worker at {host} failed with {status}"))
                }
                status => (
                    ErrorKind::Unexpected,
                    format!(
                        "the Worker at {host} answered {status}: check that the URL is the URL of a credential store"
                    ),
                ),
            };
            return Err(Error::new(kind, line));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(e))? {
            if answer.len() + chunk.len() > MAX_MESSAGE_BYTES {
                let line = format!(
                    "the answer of {host} is larger than 6 MiB, so it is not the answer of a credential store: check the URL"
                );
                return Err(Error::new(ErrorKind::Unexpected, line));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}
