//! Routes of the model proxy, from an agent's request to the API's response.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use ccc_core::{ErrorKind, untrusted_text::one_line};
use serde::Deserialize;

use crate::model::http_server::{ConnectionGuard, ConnectionHandle};
use crate::model::proxy::admission::{Denial, Waiting, reserve};
use crate::model::proxy::betas;
use crate::model::proxy::budget::CallFailure;
use crate::model::proxy::charge::{Call, Charge};
use crate::model::proxy::metering::StreamError;
use crate::model::proxy::refusal::{Refused, deny, record_failure, refusal, refuse, too_many};
use crate::model::proxy::relay::{IdleLimit, RequestResources, relay};
use crate::model::proxy::request_body::read_body;
use crate::model::proxy::response_body::read_response;
use crate::model::proxy::rule::Rule;
use crate::model::proxy::rules::PermittedRequest;
use crate::model::proxy::state::{Gate, MAX_BODY, Shared};
use crate::model::proxy::token_count::count_tokens;
use crate::model::proxy::upstream::{BETA_HEADER, meaning, named_betas, returned};
use crate::model::proxy::usage::Usage;

/// Maximum length of an error response that is forwarded, in bytes.
const MAX_ERROR: usize = 64 << 10;
/// Maximum length of a body, in bytes, that is checked on the thread that answers requests. A longer
/// body is checked on a thread for blocking work.
const MAX_CHECKED_AT_ONCE: usize = 64 << 10;

/// The kind of a request whose body the rules check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Message,
    Count,
}

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
    shared: &Arc<Shared>,
    gate: &Arc<Gate>,
    request: Request,
    connection: ConnectionGuard,
) -> Result<Response, Refused> {
    let Ok(place) = Arc::clone(&gate.places).try_acquire_owned() else {
        let line = "too many model requests of this run are in progress: retry in 1 s";
        return Err(too_many(line));
    };
    let (mut parts, body) = request.into_parts();
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
        return Err(deny(gate, Denial::UsedUp));
    }
    let (body, _room) = read_body(shared, gate, &parts.headers, body).await?;
    let (mut charge, mut model) = (None, String::new());
    if let Some(asks) = asks {
        let asked = check_body(shared, gate, &body, &mut parts.headers).await?;
        model.clone_from(&asked.model);
        if asks == RequestKind::Message {
            let call = Call {
                price: shared.prices.price(&asked.model),
                model: asked.model,
                body_bytes: body.len() as u64,
                bound: asked.bound,
            };
            let room = &gate.waiting_room;
            let waiting = Waiting { clock: &*shared.clock, limit: shared.silence, room };
            let count = count_tokens(shared, gate, &parts.headers, query, body.clone());
            let reserved = reserve(&gate.account, call, &waiting, count).await;
            charge = Some(reserved.map_err(|denial| deny(gate, denial))?);
        }
    }
    let sent =
        shared.upstream.send(parts.method, path_and_query, &parts.headers, body, &gate.credential);
    let response = tokio::select! {
        biased;
        response = sent => response.map_err(|failure| {
            match charge.take() {
                Some(charge) if failure.can_have_arrived => charge.set_unanswered(),
                charge => charge.into_iter().for_each(Charge::waive),
            }
            let (kind, line) = (failure.error.kind(), failure.error.to_string());
            record_failure(gate, &model, StatusCode::BAD_GATEWAY, kind, line)
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

/// Replaces the beta features `named` in `headers` by those that are forwarded to the API.
fn forward_betas(shared: &Shared, named: &str, headers: &mut HeaderMap) {
    if !shared.rules.hold(Rule::UnknownFields) {
        return;
    }
    headers.remove(BETA_HEADER);
    let forwarded = betas::forwarded(named).and_then(|names| HeaderValue::try_from(names).ok());
    if let Some(value) = forwarded {
        headers.insert(BETA_HEADER, value);
    }
}

/// Checks the body and the beta features of a request. Returns the properties of a permitted
/// request, and removes the features that are not forwarded from `headers`.
async fn check_body(
    shared: &Arc<Shared>,
    gate: &Gate,
    body: &Bytes,
    headers: &mut HeaderMap,
) -> Result<PermittedRequest, Refused> {
    let betas = named_betas(headers);
    forward_betas(shared, &betas, headers);
    let checked = if body.len() <= MAX_CHECKED_AT_ONCE {
        Ok(shared.rules.read(body, &betas))
    } else {
        let (shared, body) = (Arc::clone(shared), body.clone());
        tokio::task::spawn_blocking(move || shared.rules.read(&body, &betas)).await
    };
    let checked = checked.map_err(|_| {
        let line = "the task that checks the request failed";
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "api_error", line)
    })?;
    checked.map_err(|refusal| {
        refuse(gate, StatusCode::BAD_REQUEST, "invalid_request_error", refusal.to_string())
    })
}

/// Refuses a compressed response, because the proxy cannot count the tokens in it. Returns `None` if
/// the response is not compressed.
fn refuse_compression(gate: &Gate, model: &str, response: &reqwest::Response) -> Option<Refused> {
    response.headers().get(header::CONTENT_ENCODING)?;
    let line = "the model's API compressed its answer, although the request accepts no compression";
    let (status, kind) = (StatusCode::BAD_GATEWAY, ErrorKind::Unexpected);
    Some(record_failure(gate, model, status, kind, line.to_owned()))
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
            if let Some(mut charge) = charge {
                match serde_json::from_slice(&body) {
                    Ok(Message::Usage { usage }) => {
                        charge.whole(usage);
                        charge.may_continue();
                    }
                    // spec: X3d
                    Ok(Message::Error { error, .. }) => {
                        charge.waive();
                        gate.account.set_last_failure(model, error.failure());
                    }
                    Err(_) => {}
                }
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
#[serde(untagged)]
enum Message {
    Usage {
        usage: Usage,
    },
    /// An error, although the status is that of a success.
    Error {
        #[serde(rename = "type")]
        _kind: ErrorName,
        error: StreamError,
    },
}

/// The type of a response that reports an error.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ErrorName {
    Error,
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
