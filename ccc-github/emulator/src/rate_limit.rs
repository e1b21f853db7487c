//! The hourly rate limit and its headers (GitHub docs, "Rate limits for the REST API").

use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Maximum total number of requests per hour by all callers without credentials.
pub(crate) const UNAUTHENTICATED_LIMIT: u64 = 60;

/// The request budget of one caller for one hour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    limit: u64,
    used: u64,
    reset: Timestamp,
}

impl Window {
    pub(crate) fn new(limit: u64, now: Timestamp) -> Self {
        Self { limit, used: 0, reset: now + SignedDuration::from_hours(1) }
    }

    /// Checks whether the count of this window is below `limit`. If it is, counts one more request
    /// and returns `true`. Otherwise returns `false`. If the hour of the window has ended, a new
    /// hour with the count 0 begins before the check.
    pub(crate) fn count(&mut self, limit: u64, now: Timestamp) -> bool {
        if now >= self.reset {
            *self = Self::new(limit, now);
        }
        self.limit = limit;
        let within = self.used < limit;
        if within {
            self.used += 1;
        }
        within
    }

    /// Adds the `X-RateLimit-…` headers that describe this window to `headers`.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            ("x-ratelimit-limit", self.limit),
            ("x-ratelimit-remaining", self.limit - self.used),
            ("x-ratelimit-used", self.used),
            ("x-ratelimit-reset", self.reset.as_second().unsigned_abs()),
        ] {
            headers.insert(name, HeaderValue::from(value));
        }
        headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
    }

    /// Renders this window as JSON, in the format of `GET /rate_limit`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "limit": self.limit,
            "used": self.used,
            "remaining": self.limit - self.used,
            "reset": self.reset.as_second(),
        })
    }
}
