//! Headers of GitHub's responses.

use std::time::Duration;

use ccc_core::vcs::RequestQuota;
use http::HeaderMap;
use jiff::Timestamp;

/// The longest wait, in seconds, that the client accepts from a response. If a response requires a
/// longer wait, this value is used in its place. A legitimate wait is much shorter, because GitHub
/// resets its rate limits every hour.
pub(super) const MAX_REQUIRED_WAIT: u64 = 24 * 60 * 60;

/// Returns the value of the header `name`, or `None` if the header is missing or not text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the hourly rate limit that `headers` report, or `None` if they report none, or the limit
/// of another resource than the REST API. The time is by GitHub's clock.
pub(super) fn quota(headers: &HeaderMap) -> Option<RequestQuota> {
    if text(headers, "x-ratelimit-resource").is_some_and(|resource| resource != "core") {
        return None;
    }
    let number = |name| text(headers, name).and_then(|value| value.parse::<u64>().ok());
    let (limit, left) = (number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?);
    let reset = i64::try_from(number("x-ratelimit-reset")?).ok()?;
    Some(RequestQuota::new(limit, left, Timestamp::from_second(reset).ok()?))
}

/// Returns the time until GitHub resets its hourly rate limit, or `None` if `headers` do not report
/// that this limit is exhausted. `now` is the current time by GitHub's clock.
pub(super) fn exhausted(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if text(headers, "x-ratelimit-remaining") != Some("0") {
        return None;
    }
    let reset = text(headers, "x-ratelimit-reset").and_then(|v| v.parse::<i64>().ok());
    let wait = reset.map_or(60, |reset| reset.saturating_sub(now.as_second())).max(1);
    Some(Duration::from_secs(wait.unsigned_abs().min(MAX_REQUIRED_WAIT)))
}
