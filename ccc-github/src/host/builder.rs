//! The builder of [`GitHub`].

use std::sync::Arc;

use ccc_core::{Clock, CredentialStore, Result};

use crate::app_key::AppKey;
use crate::client::{Client, RateLimits, Retry};
use crate::endpoints::Endpoints;
use crate::host::github::GitHub;
#[cfg(target_arch = "wasm32")]
use crate::http::FetchHttp;
use crate::http::Http;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::ReqwestHttp;
use crate::token::{TokenLedger, Tokens};

/// A builder of [`GitHub`]; see [`GitHub::builder`].
#[derive(Debug)]
#[must_use]
pub struct GitHubBuilder {
    app: Option<(u64, AppKey)>,
    clock: Arc<dyn Clock>,
    api_url: String,
    http: Option<Arc<dyn Http>>,
    rate_limits: RateLimits,
    retry: Retry,
    /// The arguments of [`token_ledger`](Self::token_ledger): the credential store and the holder.
    ledger: Option<(Arc<dyn CredentialStore>, String)>,
}

impl GitHubBuilder {
    /// Sets the URL of the REST API; see [`Endpoints::from_api_url`]. The default is
    /// `https://api.github.com`.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// Sets the HTTP client. The default is `ReqwestHttp`, or `FetchHttp` on wasm.
    pub fn http(mut self, http: Arc<dyn Http>) -> Self {
        self.http = Some(http);
        self
    }

    /// Sets the limits that the client applies to its calls. The default limits are lower than
    /// those of github.com.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Sets the limits for retrying calls that fail temporarily.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the credential store in which unrevoked installation tokens are recorded. If the
    /// process is killed, the next process can reuse and revoke these tokens; see
    /// [`GitHub::take_over`]. Without a credential store, the tokens of a killed process stay valid
    /// until they expire, which is one hour after their creation.
    ///
    /// `holder` is a name for the process that owns the tokens, for example the id of the service's
    /// data directory. At most one process at a time may use the same `holder`.
    pub fn token_ledger(
        mut self,
        store: Arc<dyn CredentialStore>,
        holder: impl Into<String>,
    ) -> Self {
        self.ledger = Some((store, holder.into()));
        self
    }

    /// Creates the [`GitHub`] value. This method sends no request.
    ///
    /// # Errors
    /// - The errors of [`Endpoints::from_api_url`].
    /// - [`Unavailable`](ccc_core::ErrorKind::Unavailable) if TLS cannot be set up.
    /// - [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if the `holder` of
    ///   [`token_ledger`](Self::token_ledger) cannot be part of a record name.
    pub fn build(self) -> Result<GitHub> {
        let endpoints = Endpoints::from_api_url(&self.api_url)?;
        let http = match self.http {
            Some(http) => http,
            None => default_http(&endpoints)?,
        };
        let client = Client::new(http, self.clock, self.rate_limits, self.retry);
        let host = endpoints.host();
        let ledger = self.ledger.map(|(store, holder)| TokenLedger::new(store, host, &holder));
        let ledger = ledger.transpose()?;
        let tokens = Tokens::new(client, endpoints, ledger);
        tokens.use_app(self.app);
        Ok(GitHub::new(tokens))
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn default_http(endpoints: &Endpoints) -> Result<Arc<dyn Http>> {
    let http = if endpoints.is_plain_http() { ReqwestHttp::direct() } else { ReqwestHttp::new() };
    Ok(Arc::new(http?))
}

#[cfg(target_arch = "wasm32")]
#[allow(clippy::unnecessary_wraps, reason = "on other targets, this function can fail")]
fn default_http(_endpoints: &Endpoints) -> Result<Arc<dyn Http>> {
    Ok(Arc::new(FetchHttp))
}

impl GitHub {
    /// Creates a builder for the GitHub App with the id `app_id` and the private key `key`. Both
    /// come from the App's settings page.
    pub fn builder(app_id: u64, key: AppKey, clock: Arc<dyn Clock>) -> GitHubBuilder {
        GitHubBuilder { app: Some((app_id, key)), ..Self::builder_without_app(clock) }
    }

    /// Creates a builder without a GitHub App. Calls that need an App fail until
    /// [`use_app`](Self::use_app) sets one.
    pub fn builder_without_app(clock: Arc<dyn Clock>) -> GitHubBuilder {
        GitHubBuilder {
            app: None,
            clock,
            api_url: "https://api.github.com".to_owned(),
            http: None,
            rate_limits: RateLimits::default(),
            retry: Retry::default(),
            ledger: None,
        }
    }
}
