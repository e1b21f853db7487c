//! One REST call: paced, sent, sent on, and sent again where that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ccc_core::{Clock, Error, ErrorKind, Secret};
use http::{HeaderValue, Method, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::fault::{self, Fault};
use crate::http::Http;
use crate::pace::{Lanes, Pacing, Who};

mod redirect;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use redirect::page;

/// The version of the REST API that we speak (GitHub docs, "API Versions").
const API_VERSION: &str = "2022-11-28";
/// How often a call is sent on to another path of the same host.
const MAX_REDIRECTS: usize = 3;
/// How often a call is made that had no answer in time: each attempt takes half a minute.
const LATE_TRIES: u32 = 2;
/// The longest wait before a repeated call, unless GitHub names another.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Clocks that are this close, in seconds, are taken for equal.
const SKEW_NOISE: i64 = 5;

/// Speaks HTTP with GitHub's API.
#[derive(Debug)]
pub(crate) struct Client {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    lanes: Lanes,
    /// GitHub's clock minus ours, in seconds, as its last answer showed (spec: G3).
    skew: AtomicI64,
}

/// In whose name a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) who: Who,
    pub(crate) token: Option<&'a Secret>,
    /// The only repository that the token is for: it is not shown to another (spec: G8c).
    pub(crate) repo: Option<u64>,
}

impl Identity<'_> {
    pub(crate) const NOBODY: Self = Self { who: Who::Nobody, token: None, repo: None };
}

/// What goes out.
pub(crate) struct Call {
    method: Method,
    url: Url,
    body: Bytes,
    repeatable: bool,
    paced: bool,
    prompt: bool,
}

impl Call {
    /// A call that may be repeated if its method says so (RFC 9110, section 9.2.2); `PATCH` as we use
    /// it sets a value, and so may be repeated too.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let repeatable = method != Method::POST;
        let paced = !method.is_safe();
        Self { method, url, body: Bytes::new(), repeatable, paced, prompt: false }
    }

    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn json(method: Method, url: Url, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "cannot write JSON").with_source(error)
        })?;
        Ok(Self { body: body.into(), ..Self::new(method, url) })
    }

    /// That carrying it out twice is as good as once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// That it makes nothing that anybody sees, so that GitHub's limits for new content are not about
    /// it. A run waits for its tokens.
    pub(crate) fn unpaced(mut self) -> Self {
        self.paced = false;
        self
    }

    /// That it is not worth a wait for GitHub's limits.
    pub(crate) fn prompt(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// Method and path, as errors name it. Not the query, which may hold text of other people.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

impl Client {
    pub(crate) fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>, pacing: Pacing) -> Self {
        let lanes = Lanes::new(Arc::clone(&clock), pacing);
        Self { http, clock, lanes, skew: AtomicI64::new(0) }
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

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Makes the call, again where it failed in passing and that is safe, and gives back any answer
    /// below 300. A limit is waited for: the call was not carried out then, whatever it is.
    pub(crate) async fn send(
        &self,
        call: &Call,
        identity: Identity<'_>,
    ) -> Result<Response<Bytes>, Fault> {
        let who = identity.who;
        // For all waits for limits together, so that they stay within a stage.
        let mut patience =
            if call.prompt { Duration::ZERO } else { self.lanes.pacing().longest_wait };
        let (mut attempt, mut assumed) = (1, 0_u32);
        loop {
            let turn = self.lanes.enter(who, call.paced, &mut patience).await?;
            let answer = self.once(call, identity).await;
            drop(turn);
            let fault = match answer {
                Ok(response) => {
                    self.heed_budget(who, &response);
                    return Ok(response);
                }
                Err(fault) => fault,
            };
            // Without a header GitHub wants a minute, and more each time (GitHub docs, "Rate limits for
            // the REST API": exceeding the rate limit).
            let limited = fault.limited();
            if let Some(wait) = limited {
                self.lanes.block(who, wait.saturating_mul(1 << assumed));
                assumed = (assumed + u32::from(fault.is_assumed())).min(6);
            }
            if attempt >= self.tries(&fault) {
                return Err(fault);
            }
            if limited.is_none() {
                let again = call.repeatable && fault.is_passing();
                match self.backoff(&fault, attempt).filter(|_| again) {
                    Some(wait) => self.sleep(wait).await,
                    None => return Err(fault),
                }
            }
            attempt += 1;
        }
    }

    /// How often a call that failed so is made in all (spec: G6b).
    pub(crate) fn tries(&self, fault: &Fault) -> u32 {
        let tries = self.lanes.pacing().tries;
        if fault.is_late() { tries.min(LATE_TRIES) } else { tries }
    }

    /// How long to wait before the next attempt; `None` when GitHub asks for longer than we wait.
    pub(crate) fn backoff(&self, fault: &Fault, attempt: u32) -> Option<Duration> {
        let most = Duration::from_secs(1 << attempt.min(6)).min(MAX_BACKOFF);
        let asked = fault.asked_wait().unwrap_or_default();
        let wait = asked.max(most.mul_f64(chance()));
        (wait <= self.lanes.pacing().longest_wait).then_some(wait)
    }

    /// Asks for nothing more when the answer says that nothing more is left.
    fn heed_budget(&self, who: Who, response: &Response<Bytes>) {
        if let Some(wait) = fault::exhausted(response.headers(), self.now()) {
            self.lanes.block(who, wait);
        }
    }

    /// As [`send`](Self::send), once, and without a turn: for a call that has another way to go.
    pub(crate) async fn once(
        &self,
        call: &Call,
        identity: Identity<'_>,
    ) -> Result<Response<Bytes>, Fault> {
        let mut url = call.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.http.send(request(call, &url, identity.token)?).await?;
            self.learn_skew(&response);
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            match redirect::target(&call.method, &url, &response, identity.repo) {
                Some(target) => url = target,
                None => {
                    let (now, sent) = (self.now(), identity.token);
                    return Err(fault::from_response(call.name(), &response, now, sent));
                }
            }
        }
        let line = format!("GitHub redirects {} without end", call.name());
        Err(Error::new(ErrorKind::Unexpected, line).into())
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

/// A number from 0 to 1: without chance, all who failed together would come back together.
fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
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
