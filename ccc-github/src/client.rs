//! One REST call: headers, redirects, statuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use ccc_core::{Clock, Error, ErrorKind, Secret};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::fault::{self, Fault};
use crate::http::Http;

#[cfg(test)]
mod tests;

/// The version of the REST API that we speak (GitHub docs, "API Versions").
const API_VERSION: &str = "2022-11-28";
/// How often a GET is sent on to another path of the same host.
const MAX_REDIRECTS: usize = 3;
/// Clocks that are this close, in seconds, are taken for equal.
const SKEW_NOISE: i64 = 5;

/// Speaks HTTP with GitHub's API.
#[derive(Debug)]
pub(crate) struct Client {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    /// GitHub's clock minus ours, in seconds, as its last answer showed (spec: G3).
    skew: AtomicI64,
}

/// What goes out.
pub(crate) struct Call {
    method: Method,
    url: Url,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let body = Bytes::new();
        Self { method, url, body }
    }

    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn json(method: Method, url: Url, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "cannot write JSON").with_source(error)
        })?;
        let body = body.into();
        Ok(Self { method, url, body })
    }

    /// Method and path, as errors name it. Not the query, which may hold text of other people.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

impl Client {
    pub(crate) fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, skew: AtomicI64::new(0) }
    }

    /// What time GitHub has.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.skew()).unwrap_or(now)
    }

    /// GitHub's time in ours.
    pub(crate) fn to_local(&self, time: Timestamp) -> Timestamp {
        time.checked_sub(self.skew()).unwrap_or(time)
    }

    pub(crate) fn skew(&self) -> SignedDuration {
        SignedDuration::from_secs(self.skew.load(Ordering::Relaxed))
    }

    /// Sends the call, and gives back any answer below 300.
    pub(crate) async fn send(&self, call: &Call, token: &Secret) -> Result<Response<Bytes>, Fault> {
        self.send_with(call, Some(token)).await
    }

    /// As [`send`](Self::send), as nobody in particular where there is no token.
    pub(crate) async fn send_with(
        &self,
        call: &Call,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, Fault> {
        let mut url = call.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.http.send(request(call, &url, token)?).await?;
            self.learn_skew(&response);
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            match redirect(call, &url, &response) {
                Some(target) => url = target,
                None => return Err(fault::from_response(call.name(), &response, self.now())),
            }
        }
        Err(Error::new(
            ErrorKind::Unexpected,
            format!("GitHub redirects {} without end", call.name()),
        )
        .into())
    }

    fn learn_skew(&self, response: &Response<Bytes>) {
        let Some(date) = fault::text(response.headers(), "date") else {
            return;
        };
        if let Ok(date) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date) {
            let skew = date.as_second() - self.clock.now().as_second();
            let skew = if skew.abs() <= SKEW_NOISE { 0 } else { skew };
            self.skew.store(skew, Ordering::Relaxed);
        }
    }
}

/// Reads an answer's body.
pub(crate) fn parse<T: DeserializeOwned>(
    call: &Call,
    response: &Response<Bytes>,
) -> Result<T, Fault> {
    serde_json::from_slice(response.body()).map_err(|error| Fault::Body {
        call: call.name(),
        line: error.line(),
        column: error.column(),
    })
}

fn request(call: &Call, url: &Url, token: Option<&Secret>) -> Result<Request<Bytes>, Error> {
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

/// Where to ask instead: for a GET, and on the same host alone, because the token goes with it
/// (spec: G8b). A renamed repository answers so (GitHub docs, "Best practices for using the REST API").
fn redirect(call: &Call, from: &Url, response: &Response<Bytes>) -> Option<Url> {
    let moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !moved || call.method != Method::GET {
        return None;
    }
    let target = from.join(fault::text(response.headers(), "location")?).ok()?;
    same_place(from, &target).then_some(target)
}

fn same_place(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && b.username().is_empty() && b.password().is_none()
}

/// The next page's address out of `Link`, if it is on the same host (GitHub docs, "Using pagination
/// in the REST API").
pub(crate) fn next_page(of: &Url, response: &Response<Bytes>) -> Option<Url> {
    let links = fault::text(response.headers(), "link")?;
    let next = links
        .split(',')
        .find(|link| link.split(';').skip(1).any(|rel| rel.trim() == "rel=\"next\""))?;
    let target = next.split(';').next()?.trim();
    let target = target.strip_prefix('<')?.strip_suffix('>')?;
    let target = of.join(target).ok()?;
    same_place(of, &target).then_some(target)
}
