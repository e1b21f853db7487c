//! Conversion of GitHub's error responses to [`ApiError`]s.

use std::time::Duration;

use bytes::Bytes;
use ccc_core::Secret;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::client::api_error::ApiError;
use crate::client::headers::{MAX_REQUIRED_WAIT, exhausted, text};

/// Converts GitHub's error response to an [`ApiError`] (GitHub docs, "Rate limits for the REST
/// API", "Troubleshooting the REST API"). `call` is the method and the path of the call. `now` is
/// the current time by GitHub's clock. `sent` is the token of the call. If GitHub's message
/// contains the token, the token is redacted.
pub(super) fn from_response(
    call: String,
    response: &Response<Bytes>,
    now: Timestamp,
    sent: Option<&Secret>,
) -> ApiError {
    let headers = response.headers();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let errors: &[Value] = body["errors"].as_array().map_or(&[], Vec::as_slice);
    let mut message = body["message"].as_str().unwrap_or_default().to_owned();
    for detail in errors.iter().filter_map(detail) {
        message.push_str("; ");
        message.push_str(&detail);
    }
    // The host can repeat the token in its message, and users can read error messages.
    if let Some(sent) = sent.and_then(|sent| sent.expose_str().ok()).filter(|sent| !sent.is_empty())
    {
        message = message.replace(sent, "[REDACTED]");
    }
    let retry_after = retry_after(response.status(), headers, &message, now);
    let is_wait_specified =
        text(headers, "retry-after").is_some() || exhausted(headers, now).is_some();
    let validation_errors = errors.iter().filter_map(|error| {
        Some((error["field"].as_str()?.to_owned(), error["code"].as_str()?.to_owned()))
    });
    let request_id = text(headers, "x-github-request-id").filter(|id| {
        id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-'))
    });
    ApiError::Status {
        status: response.status(),
        call,
        message: one_line(&message),
        request_id: request_id.map_or_else(String::new, |id| format!(" (request {id})")),
        retry_after,
        is_wait_specified,
        validation_errors: validation_errors.collect(),
    }
}

/// Returns the text of one validation error of a 422 response, or `None` if `error` contains
/// neither a message nor a field with a code (GitHub docs, "Troubleshooting the REST API",
/// "Validation failed").
fn detail(error: &Value) -> Option<String> {
    if let Some(message) = error.as_str().or_else(|| error["message"].as_str()) {
        return Some(message.to_owned());
    }
    let (field, code) = (error["field"].as_str()?, error["code"].as_str()?);
    Some(match code {
        "invalid" => format!("{field} is invalid"),
        "missing" | "missing_field" => format!("{field} is missing"),
        "already_exists" => format!("{field} already exists"),
        code => format!("{field} is {}", code.replace('_', " ")),
    })
}

/// Returns the wait after which a repeated call can succeed, or `None` if the response neither
/// specifies a wait nor reports a rate limit.
fn retry_after(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: Timestamp,
) -> Option<Duration> {
    let asked = text(headers, "retry-after").and_then(|v| v.trim().parse::<u64>().ok());
    let asked = asked.map(|seconds| seconds.clamp(1, MAX_REQUIRED_WAIT));
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
    // A response that reports a secondary rate limit can lack both headers. GitHub then requires a
    // wait of one minute.
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || message.to_ascii_lowercase().contains("secondary rate limit");
    limited.then_some(Duration::from_secs(60))
}

/// Returns GitHub's message `text` as one line of at most 300 characters.
fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    if line.is_empty() { "GitHub gave no reason".to_owned() } else { line }
}

#[cfg(test)]
mod tests;
