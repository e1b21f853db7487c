//! The listener: every request is written down, answered by the table of routes, and dated.
//!
//! On hyper and not on axum's own loop, because a fault may end a connection without an answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::TcpListener;

use super::answer::{Failure, insert, moved};
use super::auth::{Caller, identify};
use super::faults::{Fault, What, due};
use super::limits::Window;
use super::records::Call;
use super::routes::{Ask, find};
use super::{Inner, control, pages, smart_http};

/// The largest request body of the REST API, in bytes.
const MAX_JSON: usize = 4 * 1024 * 1024;
/// The largest answer that a fault holds back, in bytes.
const MAX_DRAINED: usize = 256 * 1024 * 1024;
/// The first parts of paths that are the API's and no account's.
const API: [&str; 12] = [
    "app",
    "app-manifests",
    "apps",
    "installation",
    "meta",
    "orgs",
    "rate_limit",
    "repos",
    "repositories",
    "search",
    "user",
    "users",
];

/// The end of a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut, as a fault asked")]
struct Cut;

pub(super) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let accepted = tokio::select! {
            () = inner.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            inner.clock.sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        // Small answers must not wait for the other side's acknowledgements.
        let _ = stream.set_nodelay(true);
        let (here, stop) = (Arc::clone(&inner), inner.stop.clone());
        inner.tasks.spawn(async move {
            let service = service_fn(move |request| entry(Arc::clone(&here), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

async fn entry(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response, Cut> {
    let request = request.map(Body::new);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    if let Some(path) = uri.path().strip_prefix("/_emulator/") {
        return Ok(control::answer(&inner, path, request).await);
    }
    let caller = identify(&inner, request.headers());
    let (number, fault) = {
        let mut state = inner.state();
        let caller = caller.describe(&state);
        let number = state.note(Call {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: None,
            caller,
            at: inner.clock.now(),
        });
        let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path());
        let fault = due(&mut state.faults, method.as_str(), path);
        (number, fault)
    };
    let answered = answer(&inner, &method, &uri, caller, request);
    let mut response = match fault {
        None => answered.await,
        Some(fault) => failed(&inner, fault, answered).await?,
    };
    let headers = response.headers_mut();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new();
    let has_date = headers.contains_key(header::DATE);
    if let Ok(date) = date.timestamp_to_rfc9110_string(&inner.clock.now())
        && !has_date
    {
        insert(headers, header::DATE, &date);
    }
    headers.insert("x-github-request-id", HeaderValue::from(number));
    inner.state().answered(number, response.status().as_u16());
    Ok(response)
}

async fn failed(
    inner: &Inner,
    fault: Fault,
    answered: impl Future<Output = Response>,
) -> Result<Response, Cut> {
    let answered = match (&fault.what, fault.after) {
        (What::Delay(by), _) => {
            inner.clock.sleep(*by).await;
            return Ok(answered.await);
        }
        (_, true) => Some(whole(answered.await).await),
        (_, false) => None,
    };
    match fault.what {
        What::Status { status, headers } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = Response::from(Failure::new(status, "injected failure"));
            for (name, value) in headers {
                if let Ok(name) = name.parse::<header::HeaderName>() {
                    insert(response.headers_mut(), name, &value);
                }
            }
            Ok(response)
        }
        What::Body { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut headers = HeaderMap::new();
            insert(&mut headers, header::CONTENT_TYPE, &content_type);
            Ok((status, headers, body).into_response())
        }
        What::CutInTheMiddle => match answered {
            Some(answered) => Ok(half(answered).await),
            None => Err(Cut),
        },
        What::Cut | What::Delay(_) => Err(Cut),
    }
}

/// The answer once all of it is there, and with it the effect: git answers while it works.
async fn whole(answered: Response) -> Response {
    let (head, body) = answered.into_parts();
    let body = axum::body::to_bytes(body, MAX_DRAINED).await.unwrap_or_default();
    Response::from_parts(head, Body::from(body))
}

/// The answer's head, which promises all of its body, and half of that.
async fn half(answered: Response) -> Response {
    let (mut head, body) = answered.into_parts();
    let whole = axum::body::to_bytes(body, MAX_JSON).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    let chunks: [Result<Bytes, Cut>; 2] = [Ok(whole.slice(..whole.len() / 2)), Err(Cut)];
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    Response::from_parts(head, body)
}

async fn answer(
    inner: &Arc<Inner>,
    method: &Method,
    uri: &Uri,
    caller: Caller,
    request: Request,
) -> Response {
    let stripped = uri.path().strip_prefix("/api/v3");
    let path = stripped.unwrap_or(uri.path());
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let [owner, name, rest @ ..] = &parts[..]
        && let Some(name) = name.strip_suffix(".git")
    {
        let rest = rest.join("/");
        return smart_http::answer(inner, &caller, owner, name, &rest, request).await;
    }
    let for_people = pages::wants_html(request.headers()) && stripped.is_none();
    let is_app_page = parts.first() == Some(&"apps") && (parts.len() > 2 || for_people);
    if stripped.is_none() && (parts.first().is_none_or(|first| !API.contains(first)) || is_app_page)
    {
        return pages::answer(inner, &parts, request).await;
    }
    rest(inner, method, path, &parts, caller, request).await
}

/// One call of the REST API: counted, found, answered.
async fn rest(
    inner: &Arc<Inner>,
    method: &Method,
    path: &str,
    parts: &[&str],
    caller: Caller,
    request: Request,
) -> Response {
    let now = inner.clock.now();
    let (budget, limit) = caller.budget(&inner.state(), inner.rate_limit);
    let (window, within) = {
        let mut state = inner.state();
        let window = state.windows.entry(budget.clone()).or_insert_with(|| Window::new(limit, now));
        // Looking at the limits costs nothing.
        let within = parts == ["rate_limit"] || window.count(limit, now);
        (*window, within)
    };
    let mut response = if !request.headers().contains_key(header::USER_AGENT) {
        let why = "Request forbidden by administrative rules: it has no User-Agent header";
        Failure::forbidden(why).into()
    } else if within {
        let query =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let ask = Ask {
            inner: Arc::clone(inner),
            method: method.clone(),
            caller,
            query: query.into_owned().collect(),
            params: std::collections::HashMap::new(),
            body: Value::Null,
            path: path.to_owned(),
            repo: 0,
        };
        found(ask, parts, request.into_body()).await
    } else {
        Failure::forbidden(&format!("API rate limit exceeded for {budget}.")).into()
    };
    window.headers(response.headers_mut());
    insert(response.headers_mut(), X_MEDIA_TYPE, "github.v3; format=json");
    insert(response.headers_mut(), X_API_VERSION, "2022-11-28");
    response
}

const X_MEDIA_TYPE: header::HeaderName = header::HeaderName::from_static("x-github-media-type");
const X_API_VERSION: header::HeaderName =
    header::HeaderName::from_static("x-github-api-version-selected");

async fn found(mut ask: Ask, parts: &[&str], body: Body) -> Response {
    // A credential that is not taken is refused everywhere, also where none is needed.
    if let Caller::Refused(why) = ask.caller {
        return Failure::unauthorized(why).into();
    }
    ask.body = match read(body, &ask.method).await {
        Ok(body) => body,
        Err(failure) => return failure.into(),
    };
    // `/repositories/{id}` is what redirects lead to; it is not in GitHub's documentation.
    let mut named;
    let parts = match parts {
        ["repositories", id, rest @ ..] => {
            let state = ask.inner.state();
            let Some(repo) = state.repo(id.parse().unwrap_or(0)) else {
                return Failure::not_found().into();
            };
            named = vec!["repos".to_owned(), repo.owner.clone(), repo.name.clone()];
            named.extend(rest.iter().map(|part| (*part).to_owned()));
            named.iter().map(String::as_str).collect()
        }
        _ => parts.to_vec(),
    };
    let Some((route, params)) = find(&ask.method, &parts) else {
        return Failure::not_found().into();
    };
    ask.params = params;
    if let ["repos", owner, name, rest @ ..] = &parts[..] {
        let known = ask.inner.state().repo_named(owner, name).map(|repo| {
            let former = !repo.is_named(owner, name);
            (repo.id, former)
        });
        match known {
            None => return Failure::not_found().into(),
            Some((id, true)) => {
                let rest: String = rest.iter().map(|part| format!("/{part}")).collect();
                let target = ask.inner.api(&format!("/repositories/{id}{rest}"));
                return moved(&ask, &target).unwrap_or_else(Response::from);
            }
            Some((id, false)) => ask.repo = id,
        }
    }
    (route.run)(ask).await.unwrap_or_else(Response::from)
}

async fn read(body: Body, method: &Method) -> Result<Value, Failure> {
    let bytes = axum::body::to_bytes(body, MAX_JSON)
        .await
        .map_err(|_| Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too large"))?;
    if bytes.is_empty() || method == Method::GET {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))
}
