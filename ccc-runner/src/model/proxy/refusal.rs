//! Error responses that the proxy itself creates, in the format of the Messages API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ccc_core::ErrorKind;
use serde_json::json;

use crate::model::proxy::admission::Denial;
use crate::model::proxy::budget::{CallFailure, ModelNotice, SPENDING_LIMIT_REACHED};
use crate::model::proxy::state::Gate;

/// An error response that the proxy itself creates, in the format of the Messages API.
pub(crate) type Refused = Response;

/// Returns the response to a request whose cost was not reserved.
pub(crate) fn deny(gate: &Gate, denial: Denial) -> Refused {
    match denial {
        Denial::UsedUp => spending_limit_refusal(gate, SPENDING_LIMIT_REACHED.to_owned()),
        Denial::Unaffordable(shortfall) => {
            let line = format!(
                "the spending limit of the run does not cover this request: {shortfall}: lower \
                 max_tokens, or send a shorter request"
            );
            spending_limit_refusal(gate, line)
        }
        Denial::Busy => too_many(
            "other requests of this run have reserved the rest of its spending limit: retry in 1 s",
        ),
    }
}

fn spending_limit_refusal(gate: &Gate, line: String) -> Refused {
    refuse(gate, StatusCode::FORBIDDEN, "billing_error", line)
}

/// Returns the response to a request that can succeed if the agent sends it again later.
pub(crate) fn too_many(line: &str) -> Refused {
    let mut refused = refusal(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", line);
    refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    refused
}

/// Returns the response that refuses a request, and sends the agent's adapter a notice with the
/// reason `line`.
pub(crate) fn refuse(gate: &Gate, status: StatusCode, kind: &str, line: String) -> Refused {
    gate.account.notice(ModelNotice::Refused(line.clone()));
    refusal(status, kind, &line)
}

/// Records the failure `text` of a call to `model`, and returns the error response for the agent.
pub(crate) fn record_failure(
    gate: &Gate,
    model: &str,
    status: StatusCode,
    kind: ErrorKind,
    text: String,
) -> Refused {
    let refused = refusal(status, "api_error", &text);
    gate.account.set_last_failure(model, CallFailure { kind, text });
    refused
}

pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, axum::Json(body)).into_response()
}
