//! Routes of the model proxy, from an agent's request to the API's response.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use ccc_core::{ErrorKind, untrusted_text::one_line};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::SemaphorePermit;

use crate::model::http_server::{ConnectionGuard, ConnectionHandle};
use crate::model::price::Tokens;
use crate::model::proxy::budget::{Call, CallFailure, Charge, ModelNotice, SPENDING_LIMIT_REACHED};
use crate::model::proxy::metering::Usage;
use crate::model::proxy::relay::{IdleLimit, RequestResources, relay};
use crate::model::proxy::response_body::read_response;
use crate::model::proxy::rules::Rule;
use crate::model::proxy::state::{Gate, MAX_BODY, Shared};
use crate::model::proxy::upstream::{betas, meaning, returned};

/// Maximum length of an error response that is forwarded, in bytes.
const MAX_ERROR: usize = 64 << 10;
/// Time limit for receiving the body of a request.
const BODY_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// The kind of a request whose body the rules check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Message,
    Count,
}

/// An error response that the proxy itself creates, in the format of the Messages API.
type Refused = Response;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(handle): Extension<ConnectionHandle>,
    request: Request,
) -> Response {
    let connection = handle.hold();
    // An agent first checks without a secret whether the server answers.
    if matches!(*request.method(), Method::HEAD | Method::GET) && request.uri().path() == "/" {
        return StatusCode::OK.into_response();
    }
    let Some(gate) = admitted(&shared, request.headers()) else {
        let line = "the model proxy does not accept this request: the run's secret is missing or \
                    wrong, or the run has ended";
        return refusal(StatusCode::UNAUTHORIZED, "authentication_error", line);
    };
    let account = Arc::clone(&gate.account);
    let through = through(&shared, &gate, request, connection);
    let response = tokio::select! {
        biased;
        () = account.closed.cancelled() => {
            Err(refusal(StatusCode::UNAUTHORIZED, "authentication_error", "the run has ended"))
        }
        response = through => response,
    };
    response.unwrap_or_else(|refused| refused)
}

/// Returns the gate of the run whose secret is in `headers`. Returns `None` if the secret is
/// missing or unknown, or if `headers` contain two different secrets.
fn admitted(shared: &Shared, headers: &HeaderMap) -> Option<Arc<Gate>> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let value = value.as_bytes();
        value.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "))
    });
    let bearer = bearer.map(|split| split.map_or(&b""[..], |(_, secret)| secret));
    let mut shown = headers.get_all("x-api-key").iter().map(|value| value.as_bytes()).chain(bearer);
    let secret = shown.next()?;
    if shown.any(|other| other != secret) {
        return None;
    }
    shared.gate(secret)
}

async fn through(
    shared: &Shared,
    gate: &Arc<Gate>,
    request: Request,
    connection: ConnectionGuard,
) -> Result<Response, Refused> {
    let Ok(place) = Arc::clone(&gate.places).try_acquire_owned() else {
        let line = "too many model requests of this run are in progress: retry in 1 s";
        let mut refused = refusal(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", line);
        refused.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        return Err(refused);
    };
    let (parts, body) = request.into_parts();
    let path_and_query = parts.uri.path_and_query().map_or("/", |all| all.as_str());
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let asks = match (&parts.method, path) {
        (&Method::POST, "/v1/messages") => Some(RequestKind::Message),
        (&Method::POST, "/v1/messages/count_tokens") => Some(RequestKind::Count),
        _ => None,
    };
    let expected = asks.is_some() && matches!(query, None | Some("beta=true"));
    if !expected && (shared.rules.hold(Rule::Paths) || !path.starts_with('/')) {
        let line = format!(
            "agents must not send the request {} {}: the model proxy forwards only Messages API requests",
            parts.method,
            one_line(path, 100)
        );
        return Err(refuse(gate, StatusCode::NOT_FOUND, "not_found_error", line));
    }
    if gate.account.exhausted.is_cancelled() {
        return Err(spending_limit_refusal(gate, true));
    }
    let (body, _room) = read_body(shared, gate, &parts.headers, body).await?;
    let (mut charge, mut model) = (None, String::new());
    if let Some(asks) = asks {
        let asked = shared.rules.read(&body, &betas(&parts.headers)).map_err(|refusal| {
            refuse(gate, StatusCode::BAD_REQUEST, "invalid_request_error", refusal.to_string())
        })?;
        model.clone_from(&asked.model);
        if asks == RequestKind::Message {
            let call = Call {
                price: shared.prices.price(&asked.model),
                model: asked.model,
                body_bytes: body.len() as u64,
                max_tokens: asked.max_tokens,
                streams: asked.streams,
            };
            let admitted = gate.account.admit(&call);
            charge = Some(admitted.ok_or_else(|| spending_limit_refusal(gate, call.streams))?);
        }
    }
    let sent =
        shared.upstream.send(parts.method, path_and_query, &parts.headers, body, &gate.credential);
    let response = tokio::select! {
        biased;
        response = sent => response.map_err(|error| {
            if let Some(charge) = charge.take() {
                charge.waive();
            }
            record_failure(gate, &model, StatusCode::BAD_GATEWAY, error.kind(), error.to_string())
        })?,
        () = shared.clock.sleep(shared.silence) => {
            let line = format!("the model's API did not answer in {} s", shared.silence.as_secs());
            return Err(record_failure(
                gate,
                &model,
                StatusCode::GATEWAY_TIMEOUT,
                ErrorKind::TimedOut,
                line,
            ));
        }
    };
    if !response.status().is_success() {
        if let Some(charge) = charge.take() {
            charge.waive();
        }
        return Ok(forward_error(shared, gate, &model, response).await);
    }
    refuse_compression(gate, &model, &response).map_or(Ok(()), Err)?;
    if asks == Some(RequestKind::Message) {
        gate.account.clear_last_failure(&model);
    }
    let resources = RequestResources { _place: place, _connection: connection };
    return_response(shared, gate, &model, response, charge, resources).await
}

/// Refuses a compressed response, because the proxy cannot count the tokens in it. Returns `None` if
/// the response is not compressed.
fn refuse_compression(gate: &Gate, model: &str, response: &reqwest::Response) -> Option<Refused> {
    response.headers().get(header::CONTENT_ENCODING)?;
    let line = "the model's API compressed its answer, although the request accepts no compression";
    let (status, kind) = (StatusCode::BAD_GATEWAY, ErrorKind::Unexpected);
    Some(record_failure(gate, model, status, kind, line.to_owned()))
}

/// Reserves as many bytes of memory as the header `content-length` states, and then reads the whole
/// body of a request. The memory is released when the returned permits are dropped.
async fn read_body<'a>(
    shared: &'a Shared,
    gate: &'a Gate,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, [SemaphorePermit<'a>; 2]), Refused> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let line = "a model request must have the header content-length instead of \
                    transfer-encoding"
            .to_owned();
        return Err(refuse(gate, StatusCode::LENGTH_REQUIRED, "invalid_request_error", line));
    }
    // RFC 9112, 6.3: without `transfer-encoding` and `content-length`, a request has no body. hyper
    // rejects a length that is not a number.
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > MAX_BODY {
        let line = format!("the body of a model request must not exceed {} MiB", MAX_BODY >> 20);
        return Err(refuse(gate, StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", line));
    }
    // The semaphores are never closed. The length fits, because it is at most `MAX_BODY`.
    let bytes = u32::try_from(length).unwrap_or(u32::MAX);
    let cut_off = || {
        let line = "the body of the model request was incomplete, or took too long to arrive";
        refusal(StatusCode::BAD_REQUEST, "invalid_request_error", line)
    };
    let own = gate.room.acquire_many(bytes).await.map_err(|_| cut_off())?;
    let room = shared.room.acquire_many(bytes).await.map_err(|_| cut_off())?;
    let read = tokio::select! {
        biased;
        read = to_bytes(body, MAX_BODY) => read,
        () = shared.clock.sleep(BODY_WITHIN) => return Err(cut_off()),
    };
    Ok((read.map_err(|_| cut_off())?, [own, room]))
}

async fn return_response(
    shared: &Shared,
    gate: &Arc<Gate>,
    model: &str,
    response: reqwest::Response,
    charge: Option<Charge>,
    resources: RequestResources,
) -> Result<Response, Refused> {
    let (status, headers) = (response.status(), returned(response.headers(), &gate.credential));
    let streams = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let body = match charge {
        Some(charge) if streams => {
            let idle = IdleLimit { clock: Arc::clone(&shared.clock), limit: shared.silence };
            relay(response, charge, gate, idle, resources)
        }
        charge => {
            let body = read_response(shared, response, MAX_BODY).await.map_err(|line| {
                record_failure(
                    gate,
                    model,
                    StatusCode::BAD_GATEWAY,
                    ErrorKind::Unavailable,
                    line.to_owned(),
                )
            })?;
            if let Some(mut charge) = charge
                && let Ok(Message { usage }) = serde_json::from_slice(&body)
            {
                // The API has counted all tokens, so the estimate of cache reads no longer applies.
                charge.counted(usage.over(Tokens { cache_read: 0, ..charge.tokens() }));
                charge.may_continue();
            }
            if gate.credential.is_in(&body) {
                let line =
                    "the answer of the model's API contains the credential, and was therefore not \
                     forwarded"
                        .to_owned();
                return Err(record_failure(
                    gate,
                    model,
                    StatusCode::BAD_GATEWAY,
                    ErrorKind::Unexpected,
                    line,
                ));
            }
            Body::from(body)
        }
    };
    Ok((status, headers, body).into_response())
}

/// A response that is not streamed.
#[derive(Deserialize)]
struct Message {
    usage: Usage,
}

/// Records an error response of the API as a failure, and returns the response for the agent. The
/// API's text is forwarded unless it contains the credential. A redirect is returned as an error,
/// without the target.
async fn forward_error(
    shared: &Shared,
    gate: &Gate,
    model: &str,
    response: reqwest::Response,
) -> Response {
    let status = response.status();
    let (kind, line) = meaning(status);
    if status.is_redirection() {
        return record_failure(gate, model, StatusCode::BAD_GATEWAY, kind, line);
    }
    let headers = returned(response.headers(), &gate.credential);
    gate.account.set_last_failure(model, CallFailure { kind, text: line.clone() });
    let words = read_response(shared, response, MAX_ERROR).await.unwrap_or_default();
    if words.is_empty() || gate.credential.is_in(&words) {
        return refusal(status, "api_error", &line);
    }
    (status, headers, words).into_response()
}

fn spending_limit_refusal(gate: &Gate, streams: bool) -> Refused {
    let line = if gate.account.exhausted.is_cancelled() || streams {
        SPENDING_LIMIT_REACHED
    } else {
        "this request can cost more than the run may still spend: request a streamed response, or \
         lower max_tokens"
    };
    refuse(gate, StatusCode::FORBIDDEN, "billing_error", line.to_owned())
}

/// Returns the response that refuses a request, and sends the agent's adapter a notice with the
/// reason `line`.
fn refuse(gate: &Gate, status: StatusCode, kind: &str, line: String) -> Refused {
    gate.account.notice(ModelNotice::Refused(line.clone()));
    refusal(status, kind, &line)
}

/// Records the failure `text` of a call to `model`, and returns the error response for the agent.
fn record_failure(
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

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, axum::Json(body)).into_response()
}
