//! The client of GitHub's REST API. It sends calls and follows redirects. It repeats a failed call
//! if the repetition is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ccc_core::vcs::RequestQuota;
use ccc_core::{Clock, Error, ErrorKind};
use http::Response;
use jiff::{SignedDuration, Timestamp};

use crate::client::api_error::ApiError;
use crate::client::call::{Authorization, Call, Caller, request};
use crate::client::error_response;
use crate::client::headers;
use crate::client::rate_limiter::RateLimiter;
use crate::client::rate_limits::RateLimits;
use crate::client::redirect;
use crate::client::retry::Retry;
use crate::http::Http;

/// The maximum number of redirects that are followed for one call.
pub(super) const MAX_REDIRECTS: usize = 3;
/// If GitHub's clock and the local clock differ by at most this number of seconds, the difference
/// is ignored. Such a difference can be an error of measurement, because the header `Date` has a
/// resolution of one second and the response takes time to arrive.
const SKEW_NOISE: i64 = 5;

/// A client of GitHub's REST API.
#[derive(Debug)]
pub(crate) struct Client {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    limiter: RateLimiter,
    retry: Retry,
    /// GitHub's clock minus the local clock, in seconds. Each response updates this value (spec:
    /// G3).
    skew: AtomicI64,
}

impl Client {
    pub(crate) fn new(
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
        limits: RateLimits,
        retry: Retry,
    ) -> Self {
        let limiter = RateLimiter::new(Arc::clone(&clock), limits);
        Self { http, clock, limiter, retry, skew: AtomicI64::new(0) }
    }

    /// Returns the current time by GitHub's clock.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.skew()).unwrap_or(now)
    }

    /// Converts a time by GitHub's clock to the local clock.
    pub(crate) fn to_local(&self, time: Timestamp) -> Timestamp {
        time.checked_sub(self.skew()).unwrap_or(time)
    }

    /// Returns the difference between GitHub's clock and the local clock. The difference is
    /// positive if GitHub's clock is ahead.
    pub(crate) fn skew(&self) -> SignedDuration {
        SignedDuration::from_secs(self.skew.load(Ordering::Relaxed))
    }

    /// Waits for `duration` by the local clock.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Sends `call` and returns its response, which has a 2xx status.
    ///
    /// Repeats the call after a temporary failure if the repetition is safe. GitHub does not
    /// execute a call that exceeds a rate limit. Therefore, such a call is repeated after the
    /// required wait, even if its method is POST. [`Retry`] limits the attempts, and
    /// [`RateLimits::longest_wait`] limits the waits.
    pub(crate) async fn send(
        &self,
        call: &Call,
        authorization: Authorization<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let caller = authorization.caller;
        // All waits for rate limits together are bounded, so that a call cannot use up the time of
        // its stage.
        let mut budget =
            if call.fail_if_delayed { Duration::ZERO } else { self.limiter.limits().longest_wait };
        let (mut attempt, mut assumed) = (1, 0_u32);
        loop {
            let permit = self.limiter.acquire(caller, call.class, &mut budget).await?;
            let answer = self.once(call, authorization).await;
            drop(permit);
            let error = match answer {
                Ok(response) => {
                    self.block_if_exhausted(caller, &response);
                    return Ok(response);
                }
                Err(error) => error,
            };
            // If no header specifies a wait, GitHub requires one minute, and a longer wait after
            // each further failure (GitHub docs, "Rate limits for the REST API": exceeding the rate
            // limit).
            let limited = error.rate_limit_wait();
            if let Some(wait) = limited {
                self.limiter.block(caller, wait.saturating_mul(1 << assumed));
                assumed = (assumed + u32::from(error.is_wait_assumed())).min(6);
            }
            if attempt >= self.tries(&error) {
                return Err(error);
            }
            if limited.is_none() {
                let again = call.idempotent && error.is_transient();
                match self.backoff(&error, attempt).filter(|_| again) {
                    Some(wait) => self.sleep(wait).await,
                    None => return Err(error),
                }
            }
            attempt += 1;
        }
    }

    /// Returns the maximum number of attempts of a call that failed with `error` (spec: G6b).
    pub(crate) fn tries(&self, error: &ApiError) -> u32 {
        self.retry.tries_after(error)
    }

    /// Returns the wait after attempt number `attempt`, which failed with `error`, or `None` if
    /// GitHub requires a longer wait than [`RateLimits::longest_wait`].
    pub(crate) fn backoff(&self, error: &ApiError, attempt: u32) -> Option<Duration> {
        let wait = self.retry.backoff(error, attempt);
        (wait <= self.limiter.limits().longest_wait).then_some(wait)
    }

    /// Blocks further calls of `caller` until GitHub resets the hourly rate limit, if `response`
    /// reports that this limit is exhausted.
    fn block_if_exhausted(&self, caller: Caller, response: &Response<Bytes>) {
        if let Some(wait) = headers::exhausted(response.headers(), self.now()) {
            self.limiter.block(caller, wait);
        }
    }

    /// Sends `call` once, without the rate limiter and without retries. Follows redirects.
    pub(crate) async fn once(
        &self,
        call: &Call,
        authorization: Authorization<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let mut url = call.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.http.send(request(call, &url, authorization.token)?).await?;
            self.learn_skew(&response);
            self.learn_quota(authorization.caller, &response);
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            match redirect::target(&call.method, &url, &response, authorization.repo) {
                Some(target) => url = target,
                None => {
                    let (now, sent) = (self.now(), authorization.token);
                    return Err(error_response::from_response(call.name(), &response, now, sent));
                }
            }
        }
        let line = format!(
            "GitHub redirected the call {} more than {MAX_REDIRECTS} times: check the API URL",
            call.name()
        );
        Err(Error::new(ErrorKind::Unexpected, line).into())
    }

    /// Stores the hourly rate limit of `caller` that `response` reports.
    fn learn_quota(&self, caller: Caller, response: &Response<Bytes>) {
        if let Some(mut quota) = headers::quota(response.headers()) {
            quota.resets_at = self.to_local(quota.resets_at);
            self.limiter.learn_quota(caller, quota);
        }
    }

    /// Returns the newest hourly rate limit that GitHub reported for `caller`, by the local clock.
    pub(crate) fn quota(&self, caller: Caller) -> Option<RequestQuota> {
        self.limiter.quota(caller)
    }

    /// Stores the difference between GitHub's clock and the local clock. GitHub's time is the
    /// header `Date` of `response`.
    fn learn_skew(&self, response: &Response<Bytes>) {
        let Some(date) = headers::text(response.headers(), "date") else {
            return;
        };
        if let Ok(date) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date) {
            let skew = date.as_second() - self.clock.now().as_second();
            let skew = if skew.abs() <= SKEW_NOISE { 0 } else { skew };
            self.skew.store(skew, Ordering::Relaxed);
        }
    }
}
