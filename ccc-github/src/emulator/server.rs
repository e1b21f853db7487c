//! The listener: every request is written down, answered by one table of routes, and dated.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::auth::{Caller, identify};
use super::state::Call;
use super::{Inner, app, git, rest};

/// The largest request body of the REST API, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// An answer that is an error, as GitHub words it.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    detail: Option<String>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, message: message.to_owned(), detail: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn invalid(detail: &str) -> Self {
        Self {
            detail: Some(detail.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let mut body = json!({ "message": failure.message, "documentation_url": "https://docs.github.com/rest" });
        if let Some(detail) = failure.detail {
            body["errors"] = json!([{ "message": detail }]);
        }
        (failure.status, axum::Json(body)).into_response()
    }
}

/// A request of the REST API, taken apart.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) caller: Caller,
    pub(super) query: HashMap<String, String>,
    pub(super) body: Value,
    /// The path without `/api/v3`, for links.
    pub(super) path: String,
}

/// What a route answers.
pub(super) type Answer = Result<Response, Failure>;

pub(super) fn reply(status: StatusCode, body: &Value) -> Answer {
    Ok((status, axum::Json(body)).into_response())
}

pub(super) fn routes(inner: &Arc<Inner>) -> Router {
    Router::new().fallback(entry).with_state(Arc::clone(inner))
}

async fn entry(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let caller = identify(&inner, request.headers());
    let (index, fault) = {
        let mut state = inner.state();
        let caller = caller.describe(&state);
        state.calls.push(Call {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: None,
            caller,
        });
        let fault = state.fault(method.as_str(), uri.path());
        (state.calls.len() - 1, fault)
    };
    let injected = |status| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Response::from(Failure::new(status, "injected failure"))
    };
    let mut response = match fault {
        Some((status, false)) => injected(status),
        Some((status, true)) => {
            answer(&inner, method, &uri, caller, request).await;
            injected(status)
        }
        None => answer(&inner, method, &uri, caller, request).await,
    };
    let date = jiff::fmt::rfc2822::DateTimePrinter::new();
    if let Ok(date) = date.timestamp_to_rfc9110_string(&inner.now())
        && let Ok(date) = HeaderValue::from_str(&date)
    {
        response.headers_mut().insert(header::DATE, date);
    }
    let id = HeaderValue::from(index);
    response.headers_mut().insert("x-github-request-id", id);
    inner.state().calls[index].status = Some(response.status().as_u16());
    response
}

async fn answer(
    inner: &Arc<Inner>,
    method: Method,
    uri: &Uri,
    caller: Caller,
    request: Request,
) -> Response {
    let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path());
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
        return git::answer(inner, &caller, owner, name, &rest, request).await;
    }
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let body = match read(request.into_body(), &method).await {
        Ok(body) => body,
        Err(failure) => return failure.into(),
    };
    let ask = Ask { caller, query, body, path: path.to_owned() };
    if parts == [""] && method == Method::GET {
        return index(inner);
    }
    let answered = match &parts[..] {
        ["repos", owner, name, rest @ ..] => {
            let found = inner.state().repo_named(owner, name).map(|repo| {
                let former = !repo.name.eq_ignore_ascii_case(name);
                (repo.id, former)
            });
            match found {
                None => Err(Failure::not_found()),
                Some((id, true)) => moved(inner, id, rest),
                Some((id, false)) => rest::answer(inner, &method, id, rest, &ask).await,
            }
        }
        ["repositories", id, rest @ ..] => match id.parse() {
            Ok(id) => rest::answer(inner, &method, id, rest, &ask).await,
            Err(_) => Err(Failure::not_found()),
        },
        _ => app::answer(inner, &method, &parts, &ask),
    };
    answered.unwrap_or_else(Response::from)
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

/// How GitHub answers for a former name.
fn moved(inner: &Inner, id: u64, rest: &[&str]) -> Answer {
    let mut target = format!("{}/repositories/{id}", inner.base_url);
    for part in rest {
        let _ = write!(target, "/{part}");
    }
    let mut headers = HeaderMap::new();
    if let Ok(target) = HeaderValue::from_str(&target) {
        headers.insert(header::LOCATION, target);
    }
    let body = axum::Json(json!({ "message": "Moved Permanently" }));
    Ok((StatusCode::MOVED_PERMANENTLY, headers, body).into_response())
}

/// What a person sees who opens the address.
fn index(inner: &Inner) -> Response {
    let state = inner.state();
    let base = &inner.base_url;
    let mut text =
        format!("A GitHub emulator. App {} ({}).\n\nRepositories:\n", inner.app_id, inner.slug);
    for repo in &state.repos {
        let (owner, name) = (&repo.owner, &repo.name);
        let _ = writeln!(text, "  git clone {base}/{owner}/{name}.git");
        for issue in repo.issues.values() {
            let _ = writeln!(text, "    issue #{}: {}", issue.number, issue.title);
        }
        for pull in repo.pulls.values() {
            let _ =
                writeln!(text, "    pull request #{}: {} ({})", pull.number, pull.title, pull.head);
        }
    }
    let users: Vec<_> = state.users.iter().map(|user| user.login.as_str()).collect();
    let _ = writeln!(text, "\nUsers: {}\n", users.join(", "));
    let _ = writeln!(
        text,
        "Open an issue:\n  curl -H 'X-Emulator-User: LOGIN' -d '{{\"title\":\"…\",\"body\":\"…\"}}' {base}/repos/OWNER/NAME/issues"
    );
    text.into_response()
}
