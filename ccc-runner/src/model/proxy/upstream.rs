//! Client of the model's API. The client adds the credential to each request.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};

use crate::model::proxy::credential::ModelCredential;

/// The address of Anthropic's API.
pub(crate) const ANTHROPIC: &str = "https://api.anthropic.com";
/// The header that names the beta features of a request.
pub(crate) const BETA_HEADER: &str = "anthropic-beta";
/// The beta feature that a request with an OAuth token must name in the header `anthropic-beta`.
const OAUTH_BETA: &str = "oauth-2025-04-20";
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Returns whether the request header `name` is forwarded to the API. This function lists the
/// headers that are forwarded; no header on the list carries a secret or a cookie.
fn is_forwarded(name: &HeaderName) -> bool {
    const NAMES: &[&str] = &[
        "accept",
        BETA_HEADER,
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "user-agent",
        "x-app",
        "x-claude-code-session-id",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-")
}

/// Returns whether the response header `name` is forwarded to the agent.
fn is_returned(name: &HeaderName) -> bool {
    const NAMES: &[&str] =
        &["content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry"];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("anthropic-ratelimit-")
}

/// Returns the response headers that are forwarded to the agent. A header that contains
/// `credential` is not forwarded.
pub(crate) fn returned(headers: &HeaderMap, credential: &ModelCredential) -> HeaderMap {
    let back = headers
        .iter()
        .filter(|(name, value)| is_returned(name) && !credential.is_in(value.as_bytes()));
    back.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// The address of the API, without a slash at the end.
    base: String,
    client: reqwest::Client,
}

impl Upstream {
    /// Creates a client of the API at the address `base`. `ca_pem` contains the trusted certificate
    /// authorities; `None` selects those of the operating system.
    pub(crate) fn new(base: &str, ca_pem: Option<&[u8]>) -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have installed a provider first, which is then the default.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let ends_with_its_path =
            |url: &reqwest::Url| url.query().is_none() && url.fragment().is_none();
        let address = reqwest::Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && ends_with_its_path(url));
        let Some(address) = address else {
            return Err(invalid(
                "the address of the model's API must be an http or https URL without a query",
            ));
        };
        if !address.username().is_empty() || address.password().is_some() {
            return Err(invalid(
                "the address of the model's API contains a user name or a password: configure \
                 an address without them, because the credential is a separate setting",
            ));
        }
        let mut client = reqwest::Client::builder()
            // Do not follow redirects: a redirect would send the credential to another address.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN);
        if address.scheme() == "http" {
            // The API is on this host machine or in its local network, which a proxy of the
            // environment cannot reach.
            client = client.no_proxy();
        }
        if let Some(pem) = ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|all| !all.is_empty())
                .ok_or_else(|| {
                    invalid("the certificate authorities of the model's API are not valid PEM")
                })?;
            client = client.tls_certs_only(authorities);
        }
        let client = client.build().map_err(|e| {
            let line = "cannot set up HTTPS for the model's API";
            Error::new(ErrorKind::Unavailable, line).with_source(e.without_url())
        })?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), client })
    }

    /// Adds `credential` to a request, and sends the request to the API. Returns when the head of
    /// the response has arrived. The error also states whether the API can have received the
    /// request.
    pub(crate) async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &HeaderMap,
        body: Bytes,
        credential: &ModelCredential,
    ) -> std::result::Result<reqwest::Response, SendFailure> {
        let onward = headers.iter().filter(|(name, _)| is_forwarded(name));
        let mut sent: HeaderMap =
            onward.map(|(name, value)| (name.clone(), value.clone())).collect();
        sent.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let unsent = |error| SendFailure { error, can_have_arrived: false };
        let (name, value) = credential.header().map_err(unsent)?;
        sent.insert(name, value);
        if matches!(credential, ModelCredential::OAuthToken(_))
            && !named_betas(&sent).contains(OAUTH_BETA)
        {
            sent.append(BETA_HEADER, HeaderValue::from_static(OAUTH_BETA));
        }
        let url = format!("{}{path_and_query}", self.base);
        let request = self.client.request(method, url).headers(sent).body(body);
        request.send().await.map_err(|error| {
            let error = error.without_url();
            let can_have_arrived = !error.is_connect() && !error.is_builder();
            let line = if error.is_timeout() || error.is_connect() {
                "cannot reach the model's API: check the configured address of the API, and the network"
            } else {
                "the model's API closed the connection before it answered"
            };
            let error = Error::new(ErrorKind::Unavailable, line).with_source(error);
            SendFailure { error, can_have_arrived }
        })
    }
}

/// The failure of a request that received no response.
#[derive(Debug)]
pub(crate) struct SendFailure {
    pub(crate) error: Error,
    /// Whether the API can have received the request, and can therefore charge for it.
    pub(crate) can_have_arrived: bool,
}

/// Returns every beta feature that `headers` name, in lower case and separated by commas. A header
/// value that is not valid UTF-8 is also included, because the API could read the valid parts.
pub(crate) fn named_betas(headers: &HeaderMap) -> String {
    let all = headers.get_all(BETA_HEADER).iter();
    let all = all.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    all.collect::<Vec<_>>().join(",")
}

/// Returns the error kind and a one-line message for `status`, which is not a success.
pub(crate) fn meaning(status: StatusCode) -> (ErrorKind, String) {
    let (kind, words) = match status.as_u16() {
        401 => (ErrorKind::Unauthenticated, "the model's API rejected the credential"),
        403 => (
            ErrorKind::PermissionDenied,
            "the model's API does not permit the account to make this request",
        ),
        402 => (ErrorKind::LimitExceeded, "the account at the model's API has no money left"),
        404 => (ErrorKind::NotFound, "the model's API does not know the model or the path"),
        413 => (ErrorKind::LimitExceeded, "the request is too large for the model's API"),
        429 => (ErrorKind::RateLimited, "the request exceeds the rate limit of the model's API"),
        529 => (ErrorKind::Unavailable, "the model's API is overloaded"),
        300..=399 => (
            ErrorKind::Unexpected,
            "the model's API answered with a redirect, which is not followed",
        ),
        500..=599 => (ErrorKind::Unavailable, "the model's API reports an internal error"),
        _ => (ErrorKind::Unexpected, "the model's API refused the request"),
    };
    (kind, format!("{words} ({})", status.as_u16()))
}

fn invalid(line: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}
