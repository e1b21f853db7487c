//! A call of the REST API, and the authorization that it is made with.

use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Secret};
use http::{HeaderValue, Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::api_error::ApiError;
use crate::client::retry::is_repeatable;

/// The version of the REST API (GitHub docs, "API Versions").
const API_VERSION: &str = "2022-11-28";

/// The caller whose limits a call counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// An App with its JWT.
    App(u64),
    /// A caller without authorization.
    Anonymous,
    /// An installation with one of its tokens.
    Installation(u64),
}

/// The authorization of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorization<'a> {
    pub(crate) caller: Caller,
    pub(crate) token: Option<&'a Secret>,
    /// The number of the only repository that the token is for. It is sent to no other (spec: G8c).
    pub(crate) repo: Option<u64>,
}

impl Authorization<'_> {
    /// No authorization.
    pub(crate) const ANONYMOUS: Self = Self { caller: Caller::Anonymous, token: None, repo: None };
}

/// A call of the REST API.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    body: Bytes,
    /// Whether it may be repeated.
    pub(super) idempotent: bool,
    /// Whether the limits of writes count for it.
    pub(super) paced: bool,
    /// Whether it fails rather than wait for GitHub's limits.
    pub(super) prompt: bool,
}

impl Call {
    /// Creates a call without a body. Its method decides whether it is repeated; see
    /// [`retry`](crate::client::retry).
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let idempotent = is_repeatable(&method);
        let paced = !method.is_safe();
        Self { method, url, body: Bytes::new(), idempotent, paced, prompt: false }
    }

    /// Creates a GET call.
    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Creates a call with a JSON body.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`] for a body that is not JSON.
    pub(crate) fn json(method: Method, url: Url, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "cannot write JSON").with_source(error)
        })?;
        Ok(Self { body: body.into(), ..Self::new(method, url) })
    }

    /// Marks the call as idempotent.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Exempts the call from the content-creation limits. For token calls.
    pub(crate) fn unpaced(mut self) -> Self {
        self.paced = false;
        self
    }

    /// Makes the call fail instead of waiting for GitHub's limits.
    pub(crate) fn prompt(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// Returns method and path, for errors. The query is left out because it may hold text of
    /// people.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

/// Parses the JSON of an answer's body.
pub(crate) fn parse<T: DeserializeOwned>(
    call: &Call,
    response: &Response<Bytes>,
) -> Result<T, ApiError> {
    serde_json::from_slice(response.body()).map_err(|error| ApiError::Body {
        call: call.name(),
        line: error.line(),
        column: error.column(),
    })
}

/// Creates the HTTP request of a call.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for an address that is not a URI.
pub(super) fn request(
    call: &Call,
    url: &Url,
    token: Option<&Secret>,
) -> Result<Request<Bytes>, Error> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(url.as_str())
        .header(header::ACCEPT, "application/vnd.github+json")
        .header("x-github-api-version", API_VERSION)
        .header(header::USER_AGENT, concat!("ccc-github/", env!("CARGO_PKG_VERSION")));
    if let Some(token) = token {
        let bearer = Secret::new([b"Bearer ", token.expose()].concat());
        let mut bearer = HeaderValue::from_bytes(bearer.expose())
            .map_err(|_| Error::new(ErrorKind::Unexpected, "a token that is no header value"))?;
        bearer.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, bearer);
    }
    if !call.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(call.body.clone()).map_err(|error| {
        let line = format!("cannot make a request of {}", call.name());
        Error::new(ErrorKind::InvalidInput, line).with_source(error)
    })
}
