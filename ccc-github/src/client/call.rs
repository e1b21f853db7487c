//! Calls to GitHub's REST API, and their authorization.

use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Secret};
use http::{HeaderValue, Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::api_error::ApiError;
use crate::client::retry::is_repeatable;

/// The version of the REST API that each call requests (GitHub docs, "API Versions").
const API_VERSION: &str = "2022-11-28";

/// The identity that makes a call. GitHub's rate limits apply to each caller separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A GitHub App that authenticates with its JWT. The value is the App ID.
    App(u64),
    /// A caller that sends no token.
    Anonymous,
    /// An installation of a GitHub App that authenticates with an installation token. The value is
    /// the installation id.
    Installation(u64),
}

/// The class of a call, which decides the limits that the rate limiter applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallClass {
    /// A call that creates no content.
    Read,
    /// A call that creates or changes content.
    Write,
    /// An answer to an account that may not start runs. It creates content, but has a budget of its
    /// own (spec: G5d).
    Answer,
}

/// The authorization of a call: the caller and its token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorization<'a> {
    pub(crate) caller: Caller,
    pub(crate) token: Option<&'a Secret>,
    /// The id of the only repository that the token can access, or `None` if the token is not
    /// limited to one repository. The client does not follow redirects from this repository to
    /// another one (spec: G8c).
    pub(crate) repo: Option<u64>,
}

impl Authorization<'_> {
    /// The authorization of a call without a token.
    pub(crate) const ANONYMOUS: Self = Self { caller: Caller::Anonymous, token: None, repo: None };
}

/// A call to GitHub's REST API.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    body: Bytes,
    /// Whether the call can safely be repeated.
    pub(super) idempotent: bool,
    /// The class of the call.
    pub(super) class: CallClass,
    /// Whether the call fails immediately if GitHub's rate limit or the configured hourly limit of
    /// writes would delay the call.
    pub(super) fail_if_delayed: bool,
}

impl Call {
    /// Creates a call without a body. `method` determines whether the call can be repeated; see
    /// [`retry`](crate::client::retry).
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let idempotent = is_repeatable(&method);
        let class = if method.is_safe() { CallClass::Read } else { CallClass::Write };
        Self { method, url, body: Bytes::new(), idempotent, class, fail_if_delayed: false }
    }

    /// Creates a GET call to `url`.
    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Creates a call with `body` as a JSON body.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`] if `body` cannot be serialized as JSON.
    pub(crate) fn json(method: Method, url: Url, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "cannot serialize the body of a call to GitHub as JSON",
            )
            .with_source(error)
        })?;
        Ok(Self { body: body.into(), ..Self::new(method, url) })
    }

    /// Marks the call as idempotent, so that it is repeated after a temporary failure.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Exempts the call from the limits for writes. Use this method only for a write that creates
    /// no content on GitHub, such as the revocation of a token.
    pub(crate) fn without_write_limits(mut self) -> Self {
        self.class = CallClass::Read;
        self
    }

    /// Makes the call an answer to an account that may not start runs. The call fails at once if a
    /// limit would delay it.
    pub(crate) fn answer(mut self) -> Self {
        self.class = CallClass::Answer;
        self.fail_if_delayed()
    }

    /// Makes the call fail immediately if GitHub's rate limit or the configured hourly limit of
    /// writes would delay the call.
    pub(crate) fn fail_if_delayed(mut self) -> Self {
        self.fail_if_delayed = true;
        self
    }

    /// Returns the method and the path of the call for error messages. The query is omitted,
    /// because it can contain text that users wrote.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

/// Parses the JSON body of `response`, the response to `call`.
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

/// Creates the HTTP request of `call`. `url` is the URL of the call, or the target of a redirect.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `url` is not a URI, and [`ErrorKind::Unexpected`] if `token` is
/// not a valid header value.
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
        let mut bearer = HeaderValue::from_bytes(bearer.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Unexpected,
                "the token for a call to GitHub contains bytes that an HTTP header cannot contain",
            )
        })?;
        bearer.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, bearer);
    }
    if !call.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(call.body.clone()).map_err(|error| {
        let line = format!("cannot create the HTTP request for the call {}", call.name());
        Error::new(ErrorKind::InvalidInput, line).with_source(error)
    })
}
