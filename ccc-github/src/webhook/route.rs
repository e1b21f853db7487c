//! The HTTP route of the webhook, as an axum router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use ccc_core::intake::Admission;
use ccc_core::{Clock, ErrorKind, Intake, MoreLines, RepeatedLine};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use serde_json::json;

use crate::webhook::body::{BodyMemory, SEGMENT, WholeBody};
use crate::webhook::delivery::{MAX_BODY, RawDelivery, Received};
use crate::webhook::receive::Webhook;
use crate::webhook::rejection::Rejection;
use crate::webhook::signature::Verifier;

#[cfg(test)]
mod tests;

/// The time limit within which the whole body must arrive (spec: W1b). This is lower than GitHub's
/// own limit for a response, which is ten seconds.
const BODY_DEADLINE: Duration = Duration::from_secs(8);
/// The value of the header `Retry-After` in a 503 response, unless the error of the [`Intake`]
/// specifies another wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Creates an axum router with the route `POST /webhook/github`.
///
/// The route verifies each delivery with `webhook`, and passes the delivery's event to `intake`. If
/// an event can start a run, the response is 2xx only after the intake has accepted or ignored the
/// event (spec: W1a–W5c). Error responses have the body `{"error": "…"}`. `clock` measures the time
/// limit for the body.
pub fn router(webhook: Arc<Webhook>, intake: Arc<dyn Intake>, clock: Arc<dyn Clock>) -> Router {
    let (memory, lines) = (BodyMemory::new(), Arc::default());
    let parts = Parts { webhook, intake, clock, memory, lines };
    Router::new().route("/webhook/github", post(receive).fallback(wrong_method)).with_state(parts)
}

#[derive(Clone, Debug)]
struct Parts {
    webhook: Arc<Webhook>,
    intake: Arc<dyn Intake>,
    clock: Arc<dyn Clock>,
    /// The memory for bodies. A body counts until its delivery is answered.
    memory: Arc<BodyMemory>,
    lines: Arc<Lines>,
}

/// The kinds of log lines that clients can cause.
#[derive(Debug, Default)]
struct Lines {
    bad_signature: RepeatedLine,
    out_of_memory: RepeatedLine,
    conflict: RepeatedLine,
    not_stored: RepeatedLine,
}

impl Parts {
    /// Counts a log line of the kind `line`. Returns a value if the line must be written (spec:
    /// W12g).
    fn occurred(&self, line: fn(&Lines) -> &RepeatedLine) -> Option<MoreLines> {
        line(&self.lines).occurred(self.clock.now())
    }
}

async fn wrong_method() -> Response {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "method not allowed: use POST");
    let allow = header::HeaderValue::from_static("POST");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

async fn receive(State(parts): State<Parts>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    // A request that can be refused because of its headers is refused before its body uses memory.
    if let Some(refusal) = too_large_by_head(&head.headers) {
        return refusal;
    }
    if let Err(rejection) = RawDelivery::new(&head.headers, &[]).check_headers() {
        return refuse(rejection.status(), &rejection.to_string());
    }
    if parts.webhook.lacks_secrets() {
        return busy(&Rejection::NotConfigured.to_string(), RETRY_AFTER);
    }
    let body = match read(&head.headers, body, &parts).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let raw = RawDelivery::new(&head.headers, &body.bytes);
    let (delivery, event) = match parts.webhook.receive(&raw, parts.clock.now()) {
        Ok(Received::Ping) => return answer(StatusCode::OK, &json!({ "pong": true })),
        Ok(Received::Ignored { reason, .. }) => return ignored(reason),
        Ok(Received::Event { delivery, event }) => (delivery, event),
        Err(Rejection::NotConfigured) => {
            return busy(&Rejection::NotConfigured.to_string(), RETRY_AFTER);
        }
        Err(Rejection::Signature) => return bad_signature(&parts),
        Err(rejection) => return refuse(rejection.status(), &rejection.to_string()),
    };
    match parts.intake.admit(&delivery, &event).await {
        Ok(Admission::Accepted(accepted)) => answer(
            StatusCode::ACCEPTED,
            &json!({ "run_id": accepted.run.to_string(), "duplicate": accepted.duplicate }),
        ),
        Ok(Admission::Ignored(reason)) => ignored(reason.as_str()),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            if let Some(more) = parts.occurred(|lines| &lines.conflict) {
                tracing::error!(
                    delivery = %delivery.id,
                    %error,
                    "a delivery is refused, because it has the id of an earlier delivery but a \
                     different body{more}"
                );
            }
            refuse(
                StatusCode::CONFLICT,
                "the delivery has the id of an earlier delivery, but a different body",
            )
        }
        // The event is not stored. The error status marks the delivery as failed in GitHub's log,
        // so that the delivery can be sent again.
        Err(error) => {
            if let Some(more) = parts.occurred(|lines| &lines.not_stored) {
                tracing::error!(
                    delivery = %delivery.id,
                    %error,
                    "cannot store a delivery: it is processed only if GitHub sends it again{more}"
                );
            }
            busy(
                "the delivery cannot be stored now: send it again later",
                error.retry_after().unwrap_or(RETRY_AFTER),
            )
        }
    }
}

fn too_large() -> Response {
    refuse(Rejection::TooLarge.status(), &Rejection::TooLarge.to_string())
}

/// Returns the length of the body as the request declares it.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large_by_head(headers: &HeaderMap) -> Option<Response> {
    declared_length(headers).is_some_and(|length| length > MAX_BODY as u64).then(too_large)
}

fn bad_signature(parts: &Parts) -> Response {
    if let Some(more) = parts.occurred(|lines| &lines.bad_signature) {
        tracing::warn!("a delivery is refused, because its signature is not valid{more}");
    }
    refuse(Rejection::Signature.status(), &Rejection::Signature.to_string())
}

/// Reads the whole body. Returns an error response if the body is larger than [`MAX_BODY`], does not
/// arrive within [`BODY_DEADLINE`], or needs more memory than is free. The signature of a body of
/// more than one segment is verified while the body arrives, so that only a genuine body gets memory
/// in one piece.
async fn read(headers: &HeaderMap, body: Body, parts: &Parts) -> Result<WholeBody, Response> {
    let declared = declared_length(headers);
    let mut verifier = match RawDelivery::new(headers, &[]).signatures[..] {
        [signature] if declared.is_none_or(|length| length > SEGMENT as u64) => {
            parts.webhook.verifier(signature)
        }
        _ => None,
    };
    let mut whole = parts.memory.body(declared);
    let ended = whole.ended();
    let whole = std::pin::pin!(async {
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| {
                refuse(
                    StatusCode::BAD_REQUEST,
                    "the body of the delivery could not be read: send it again",
                )
            })?;
            if whole.len() + chunk.len() > MAX_BODY {
                return Err(too_large());
            }
            whole.push(&chunk).await.map_err(|_| out_of_memory(parts))?;
            if let Some(verifier) = &mut verifier {
                verifier.update(&chunk);
            }
        }
        match verifier.is_none_or(Verifier::verify) {
            true => Ok(whole.into_whole()),
            false => Err(bad_signature(parts)),
        }
    });
    // `select` polls its first argument first, so a body that has already arrived never times out.
    let displaced = std::pin::pin!(ended.cancelled());
    let late = select(displaced, parts.clock.sleep(BODY_DEADLINE));
    match select(whole, late).await {
        Either::Left((whole, _)) => whole,
        Either::Right((Either::Left(_), _)) => Err(out_of_memory(parts)),
        Either::Right((Either::Right(_), _)) => {
            let line = format!(
                "the body of the delivery did not arrive within {} seconds",
                BODY_DEADLINE.as_secs()
            );
            Err(refuse(StatusCode::REQUEST_TIMEOUT, &line))
        }
    }
}

fn out_of_memory(parts: &Parts) -> Response {
    if let Some(more) = parts.occurred(|lines| &lines.out_of_memory) {
        tracing::warn!(
            "a delivery is refused, because the bodies of other deliveries use all memory for \
             bodies{more}"
        );
    }
    busy("too many deliveries arrive at the same time: send this one again later", RETRY_AFTER)
}

fn busy(why: &str, wait: Duration) -> Response {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    let seconds = wait.as_secs().max(1).into();
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

fn ignored(reason: &str) -> Response {
    answer(StatusCode::OK, &json!({ "ignored": reason }))
}

fn refuse(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, axum::Json(body)).into_response()
}
