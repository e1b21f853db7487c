//! The model's API, as it is called with the credential that stays here.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};

use crate::model::proxy::credential::ModelCredential;

/// Anthropic's own API.
pub(crate) const ANTHROPIC: &str = "https://api.anthropic.com";
/// What a request with an OAuth token has to name among its betas.
const OAUTH_BETA: &str = "oauth-2025-04-20";
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Returns whether a header of a request is forwarded to the API. Both headers for a secret, and
/// cookies, are not.
fn is_forwarded(name: &HeaderName) -> bool {
    const NAMES: &[&str] = &[
        "accept",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "user-agent",
        "x-app",
        "x-claude-code-session-id",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-")
}

/// Returns whether a header of an answer is forwarded to the agent.
fn is_returned(name: &HeaderName) -> bool {
    const NAMES: &[&str] =
        &["content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry"];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("anthropic-ratelimit-")
}

/// The headers of an answer that goes back.
pub(crate) fn returned(headers: &HeaderMap, credential: &ModelCredential) -> HeaderMap {
    let back = headers
        .iter()
        .filter(|(name, value)| is_returned(name) && !credential.is_in(value.as_bytes()));
    back.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// Without a slash at its end.
    base: String,
    client: reqwest::Client,
}

impl Upstream {
    /// `ca_pem`: the authorities that are trusted; without them, the system's.
    pub(crate) fn new(base: &str, ca_pem: Option<&[u8]>) -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster: then theirs is the default.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let ends_with_its_path =
            |url: &reqwest::Url| url.query().is_none() && url.fragment().is_none();
        let address = reqwest::Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && ends_with_its_path(url));
        let Some(address) = address else {
            return Err(invalid("the model's API is no http or https address without a query"));
        };
        if !address.username().is_empty() || address.password().is_some() {
            return Err(invalid(
                "the address of the model's API holds a user: a credential is set apart",
            ));
        }
        let mut client = reqwest::Client::builder()
            // To follow one would take the credential to wherever it leads.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN);
        if address.scheme() == "http" {
            // A host on this machine or beside it, which a proxy of the environment cannot reach.
            client = client.no_proxy();
        }
        if let Some(pem) = ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|all| !all.is_empty())
                .ok_or_else(|| invalid("the authority's certificates are no PEM"))?;
            client = client.tls_certs_only(authorities);
        }
        let client = client.build().map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot set up HTTPS").with_source(e.without_url())
        })?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), client })
    }

    /// Sends a request on; answers when the head of the answer is there.
    pub(crate) async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &HeaderMap,
        body: Bytes,
        credential: &ModelCredential,
    ) -> Result<reqwest::Response> {
        let onward = headers.iter().filter(|(name, _)| is_forwarded(name));
        let mut sent: HeaderMap =
            onward.map(|(name, value)| (name.clone(), value.clone())).collect();
        sent.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (name, value) = credential.header()?;
        sent.insert(name, value);
        if matches!(credential, ModelCredential::OAuthToken(_))
            && !betas(&sent).contains(OAUTH_BETA)
        {
            sent.append("anthropic-beta", HeaderValue::from_static(OAUTH_BETA));
        }
        let url = format!("{}{path_and_query}", self.base);
        let request = self.client.request(method, url).headers(sent).body(body);
        request.send().await.map_err(|error| {
            let error = error.without_url();
            let line = if error.is_timeout() || error.is_connect() {
                "cannot reach the model's API; is its address right, and is the way to it open?"
            } else {
                "the model's API broke the connection before it answered"
            };
            Error::new(ErrorKind::Unavailable, line).with_source(error)
        })
    }
}

/// Every beta that the headers name, in lower case. Bytes that are no ASCII are not left out: the
/// API may read what is beside them.
pub(crate) fn betas(headers: &HeaderMap) -> String {
    let all = headers.get_all("anthropic-beta").iter();
    let all = all.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    all.collect::<Vec<_>>().join(",")
}

/// What an answer that is no success means to whoever runs the agent, and in one line.
pub(crate) fn meaning(status: StatusCode) -> (ErrorKind, String) {
    let (kind, words) = match status.as_u16() {
        401 => (ErrorKind::Unauthenticated, "the model's API refused our credential"),
        403 => (ErrorKind::PermissionDenied, "the model's API does not allow that to our account"),
        402 => (ErrorKind::LimitExceeded, "the account at the model's API has no money left"),
        404 => (ErrorKind::NotFound, "the model's API does not know that model or path"),
        413 => (ErrorKind::LimitExceeded, "the request is too large for the model's API"),
        429 => (ErrorKind::RateLimited, "the model's API asks us to wait"),
        529 => (ErrorKind::Unavailable, "the model's API is overloaded"),
        300..=399 => {
            (ErrorKind::Unexpected, "the model's API sends us elsewhere, and we do not go")
        }
        500..=599 => (ErrorKind::Unavailable, "the model's API has a fault"),
        _ => (ErrorKind::Unexpected, "the model's API refused the request"),
    };
    (kind, format!("{words} ({})", status.as_u16()))
}

fn invalid(line: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}
