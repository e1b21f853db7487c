//! The HTTP route of the webhook, as an axum router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use ccc_core::intake::Admission;
use ccc_core::{Clock, ErrorKind, Intake};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::webhook::delivery::{MAX_BODY, RawDelivery, Received};
use crate::webhook::receive::Webhook;
use crate::webhook::rejection::Rejection;

#[cfg(test)]
mod tests;

/// The time limit within which the whole body must arrive (spec: W1b). This is lower than GitHub's
/// own limit for a response, which is ten seconds.
const BODY_DEADLINE: Duration = Duration::from_secs(8);
/// The value of the header `Retry-After` in a 503 response, unless the error of the [`Intake`]
/// specifies another wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The maximum total size, in bytes, of all bodies that the route holds in memory. A body counts
/// until its delivery is answered. A signature can only be verified after the whole body is read.
/// Without this limit, a client that knows no webhook secret could therefore use up the memory.
const MAX_BODIES_IN_MEMORY: usize = 256 << 20;
/// The size of one permit of the semaphore that enforces [`MAX_BODIES_IN_MEMORY`], in bytes.
const MEMORY_UNIT: usize = 256 << 10;

/// Creates an axum router with the route `POST /webhook/github`.
///
/// The route verifies each delivery with `webhook`, and passes the delivery's event to `intake`. If
/// an event can start a run, the response is 2xx only after the intake has accepted or ignored the
/// event (spec: W1a–W5c). Error responses have the body `{"error": "…"}`. `clock` measures the time
/// limit for the body.
pub fn router(webhook: Arc<Webhook>, intake: Arc<dyn Intake>, clock: Arc<dyn Clock>) -> Router {
    let memory = Arc::new(Semaphore::new(MAX_BODIES_IN_MEMORY / MEMORY_UNIT));
    let parts = Parts { webhook, intake, clock, memory };
    Router::new().route("/webhook/github", post(receive).fallback(wrong_method)).with_state(parts)
}

#[derive(Clone, Debug)]
struct Parts {
    webhook: Arc<Webhook>,
    intake: Arc<dyn Intake>,
    clock: Arc<dyn Clock>,
    /// The free memory for bodies, in units of [`MEMORY_UNIT`].
    memory: Arc<Semaphore>,
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
    let (body, _memory) = match read(body, &parts).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let raw = RawDelivery::new(&head.headers, &body);
    let (delivery, event) = match parts.webhook.receive(&raw, parts.clock.now()) {
        Ok(Received::Ping) => return answer(StatusCode::OK, &json!({ "pong": true })),
        Ok(Received::Ignored { reason, .. }) => return ignored(reason),
        Ok(Received::Event { delivery, event }) => (delivery, event),
        Err(Rejection::NotConfigured) => {
            return busy(&Rejection::NotConfigured.to_string(), RETRY_AFTER);
        }
        Err(rejection) => return refuse(rejection.status(), &rejection.to_string()),
    };
    match parts.intake.admit(&delivery, &event).await {
        Ok(Admission::Accepted(accepted)) => answer(
            StatusCode::ACCEPTED,
            &json!({ "run_id": accepted.run.to_string(), "duplicate": accepted.duplicate }),
        ),
        Ok(Admission::Ignored(reason)) => ignored(reason.as_str()),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::error!(
                delivery = %delivery.id,
                %error,
                "a delivery is refused, because it has the id of an earlier delivery but a \
                 different body"
            );
            refuse(
                StatusCode::CONFLICT,
                "the delivery has the id of an earlier delivery, but a different body",
            )
        }
        // The event is not stored. The error status marks the delivery as failed in GitHub's log,
        // so that the delivery can be sent again.
        Err(error) => {
            tracing::error!(
                delivery = %delivery.id,
                %error,
                "cannot store a delivery: it is processed only if GitHub sends it again"
            );
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

fn too_large_by_head(headers: &HeaderMap) -> Option<Response> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    announced.is_some_and(|length| length > MAX_BODY as u64).then(too_large)
}

/// Reads the whole body. Returns an error response if the body is larger than [`MAX_BODY`] or does
/// not arrive within [`BODY_DEADLINE`]. Also returns an error response if all bodies in memory
/// together would exceed [`MAX_BODIES_IN_MEMORY`]. The body counts toward this limit until the returned
/// permits are dropped.
async fn read(body: Body, parts: &Parts) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Response> {
    let whole = std::pin::pin!(async {
        let mut chunks = body.into_data_stream();
        let (mut whole, mut memory) = (BytesMut::new(), Vec::new());
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
            whole.extend_from_slice(&chunk);
            while memory.len() * MEMORY_UNIT < whole.len() {
                let unit = Arc::clone(&parts.memory).try_acquire_owned();
                memory.push(unit.map_err(|_| {
                    busy(
                        "too many deliveries arrive at the same time: send this one again later",
                        RETRY_AFTER,
                    )
                })?);
            }
        }
        Ok((whole.freeze(), memory))
    });
    // `select` polls its first argument first, so a body that has already arrived never times out.
    match select(whole, parts.clock.sleep(BODY_DEADLINE)).await {
        Either::Left((whole, _)) => whole,
        Either::Right(_) => {
            let line = format!(
                "the body of the delivery did not arrive within {} seconds",
                BODY_DEADLINE.as_secs()
            );
            Err(refuse(StatusCode::REQUEST_TIMEOUT, &line))
        }
    }
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
