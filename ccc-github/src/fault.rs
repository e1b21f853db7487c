//! What GitHub's refusals mean.

use std::time::Duration;

use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Secret};
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

/// What a host may have us wait for, in seconds: GitHub's limits are of an hour.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// An answer that is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A status of 400 or more, or a redirect that is not followed.
    #[error("GitHub answered {status} to {call}: {message}{request_id}")]
    Status {
        /// The status.
        status: StatusCode,
        /// Method and path, without the query.
        call: String,
        /// GitHub's words, one line.
        message: String,
        /// ` (request …)`, for GitHub's support; or nothing.
        request_id: String,
        /// Set when it is a matter of waiting.
        retry_after: Option<Duration>,
        /// Whether it was GitHub that named the time.
        named: bool,
        /// Field and code of what GitHub found invalid.
        problems: Vec<(String, String)>,
    },
    /// A body that does not read.
    #[error(
        "GitHub's answer to {call} is not what its documentation says (line {line}, column {column}); is the API URL that of a GitHub?"
    )]
    Body {
        /// Method and path.
        call: String,
        /// Where it stops to make sense; its content is not shown, as it may be a token.
        line: usize,
        /// As above.
        column: usize,
    },
    /// No answer; the error says why.
    #[error("{0}")]
    Http(Error),
}

impl Fault {
    /// The status, if there was an answer.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether it has this status.
    pub(crate) fn is(&self, status: StatusCode) -> bool {
        self.status() == Some(status)
    }

    /// Whether GitHub's words hold these.
    pub(crate) fn says(&self, words: &str) -> bool {
        let message = match self {
            Self::Status { message, .. } => message.to_ascii_lowercase(),
            _ => return false,
        };
        message.contains(&words.to_ascii_lowercase())
    }

    /// Whether GitHub found this field to be so.
    pub(crate) fn has_problem(&self, field: &str, code: &str) -> bool {
        match self {
            Self::Status { problems, .. } => {
                problems.iter().any(|(name, why)| name == field && why == code)
            }
            _ => false,
        }
    }

    /// Whether it is an address to ask at instead, which we did not follow.
    pub(crate) fn is_redirect(&self) -> bool {
        self.status().is_some_and(|status| status.is_redirection())
    }

    /// Whether a write may have happened all the same.
    pub(crate) fn is_unclear(&self) -> bool {
        match self {
            Self::Status { status, .. } => status.is_server_error(),
            Self::Body { .. } => true,
            Self::Http(error) => {
                // Of what we refused ourselves, or had no token for, nothing left.
                matches!(
                    error.kind(),
                    ErrorKind::TimedOut
                        | ErrorKind::Unavailable
                        | ErrorKind::LimitExceeded
                        | ErrorKind::Unexpected
                )
            }
        }
    }

    /// Whether the same call may work a moment later (spec: G6b).
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status.as_u16(), 500 | 502..=504),
            Self::Body { .. } => false,
            Self::Http(error) => {
                matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unavailable)
            }
        }
    }

    /// Whether there was no answer in time.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self, Self::Http(error) if error.kind() == ErrorKind::TimedOut)
    }

    /// How long GitHub's limits want to hear nothing, when that is what it is.
    pub(crate) fn limited(&self) -> Option<Duration> {
        match self {
            Self::Status { status, retry_after, .. } if !status.is_server_error() => *retry_after,
            _ => None,
        }
    }

    /// Whether the wait is one that we assume, because GitHub named none.
    pub(crate) fn is_assumed(&self) -> bool {
        matches!(self, Self::Status { named: false, .. })
    }

    /// Whether the call was not made, because it would have had to wait for a limit.
    pub(crate) fn is_held_back(&self) -> bool {
        matches!(self, Self::Http(error) if error.kind() == ErrorKind::RateLimited)
    }

    /// How long GitHub asks to wait, for whatever reason.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Http(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let line = fault.to_string();
        match fault {
            Fault::Http(error) => error,
            Fault::Body { .. } => Self::new(ErrorKind::Unexpected, line),
            Fault::Status { retry_after: Some(wait), status, .. } if !status.is_server_error() => {
                Self::new(ErrorKind::RateLimited, line).with_retry_after(wait)
            }
            Fault::Status { status, retry_after, .. } => {
                let error = Self::new(kind(status), line);
                match retry_after {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                }
            }
        }
    }
}

fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        400 | 422 => ErrorKind::InvalidInput,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// The fault that this answer is (GitHub docs, "Rate limits for the REST API", "Troubleshooting the
/// REST API").
pub(crate) fn from_response(
    call: String,
    response: &Response<Bytes>,
    now: Timestamp,
    sent: Option<&Secret>,
) -> Fault {
    let headers = response.headers();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let errors: &[Value] = body["errors"].as_array().map_or(&[], Vec::as_slice);
    let mut message = body["message"].as_str().unwrap_or_default().to_owned();
    for detail in errors.iter().filter_map(detail) {
        message.push_str("; ");
        message.push_str(&detail);
    }
    // A host may repeat what it was sent; errors are shown to people.
    if let Some(sent) = sent.and_then(|sent| sent.expose_str().ok()).filter(|sent| !sent.is_empty())
    {
        message = message.replace(sent, "[REDACTED]");
    }
    let retry_after = retry_after(response.status(), headers, &message, now);
    let named = text(headers, "retry-after").is_some() || exhausted(headers, now).is_some();
    let problems = errors.iter().filter_map(|error| {
        Some((error["field"].as_str()?.to_owned(), error["code"].as_str()?.to_owned()))
    });
    let request_id = text(headers, "x-github-request-id").filter(|id| {
        id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-'))
    });
    Fault::Status {
        status: response.status(),
        call,
        message: one_line(&message),
        request_id: request_id.map_or_else(String::new, |id| format!(" (request {id})")),
        retry_after,
        named,
        problems: problems.collect(),
    }
}

/// One of the reasons of a 422, in words where GitHub has a code (GitHub docs, "Troubleshooting the
/// REST API": validation failed).
fn detail(error: &Value) -> Option<String> {
    if let Some(words) = error.as_str().or_else(|| error["message"].as_str()) {
        return Some(words.to_owned());
    }
    let (field, code) = (error["field"].as_str()?, error["code"].as_str()?);
    Some(match code {
        "invalid" => format!("{field} is invalid"),
        "missing" | "missing_field" => format!("{field} is missing"),
        "already_exists" => format!("{field} already exists"),
        code => format!("{field} is {}", code.replace('_', " ")),
    })
}

fn retry_after(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: Timestamp,
) -> Option<Duration> {
    let asked = text(headers, "retry-after").and_then(|v| v.trim().parse::<u64>().ok());
    let asked = asked.map(|seconds| seconds.clamp(1, LONGEST_WAIT));
    if status.is_server_error() {
        return asked.map(Duration::from_secs);
    }
    if !matches!(status.as_u16(), 403 | 429) {
        return None;
    }
    if let Some(seconds) = asked {
        return Some(Duration::from_secs(seconds));
    }
    if let Some(wait) = exhausted(headers, now) {
        return Some(wait);
    }
    // A secondary limit may come without any header: then a minute is what GitHub asks for.
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || message.to_ascii_lowercase().contains("secondary rate limit");
    limited.then_some(Duration::from_secs(60))
}

/// How long it takes until there is something left of the hour, when nothing is.
pub(crate) fn exhausted(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if text(headers, "x-ratelimit-remaining") != Some("0") {
        return None;
    }
    let reset = text(headers, "x-ratelimit-reset").and_then(|v| v.parse::<i64>().ok());
    let wait = reset.map_or(60, |reset| reset.saturating_sub(now.as_second())).max(1);
    Some(Duration::from_secs(wait.unsigned_abs().min(LONGEST_WAIT)))
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Somebody else's words, fit for a line of ours.
fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    if line.is_empty() { "no reason given".to_owned() } else { line }
}

#[cfg(test)]
mod tests;
