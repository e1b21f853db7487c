//! Calls of the REST API.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use crate::caller::Caller;
use crate::failure::{Failure, insert};
use crate::rate_limit::Window;
use crate::request::ApiRequest;
use crate::routes::find;
use crate::state::Inner;

/// Maximum size of the body of a request to the REST API, in bytes.
const MAX_JSON: usize = 4 * 1024 * 1024;
const X_MEDIA_TYPE: header::HeaderName = header::HeaderName::from_static("x-github-media-type");
const X_API_VERSION: header::HeaderName =
    header::HeaderName::from_static("x-github-api-version-selected");

/// Returns the response to a call of the REST API. Counts the call in the caller's rate limit, and
/// calls the handler of the route that matches `parts`, the segments of `path`.
pub(crate) async fn answer(
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
        // A request for the rate limits does not count.
        let within = parts == ["rate_limit"] || window.count(limit, now);
        (*window, within)
    };
    let mut response = if !request.headers().contains_key(header::USER_AGENT) {
        let why = "Request forbidden by administrative rules: the request has no User-Agent header";
        Failure::forbidden(why).into()
    } else if within {
        let query =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let call = ApiRequest {
            inner: Arc::clone(inner),
            method: method.clone(),
            caller,
            query: query.into_owned().collect(),
            params: HashMap::new(),
            body: Value::Null,
            path: path.to_owned(),
            repo: 0,
        };
        run(call, parts, request.into_body()).await
    } else {
        Failure::forbidden(&format!("API rate limit exceeded for {budget}.")).into()
    };
    window.headers(response.headers_mut());
    insert(response.headers_mut(), X_MEDIA_TYPE, "github.v3; format=json");
    insert(response.headers_mut(), X_API_VERSION, "2022-11-28");
    response
}

/// Checks the credential of the call and reads `body`. Then returns the response of the route that
/// matches the call.
async fn run(mut call: ApiRequest, parts: &[&str], body: Body) -> Response {
    // An invalid credential is refused even on routes that need no credential.
    if let Caller::Refused(why) = call.caller {
        return Failure::unauthorized(why).into();
    }
    call.body = match read(body, &call.method).await {
        Ok(body) => body,
        Err(failure) => return failure.into(),
    };
    // Redirects point to `/repositories/{id}`, which is not in GitHub's documentation.
    let mut named;
    let parts = match parts {
        ["repositories", id, rest @ ..] => {
            let state = call.inner.state();
            let Some(repo) = state.repo(id.parse().unwrap_or(0)) else {
                return Failure::not_found().into();
            };
            named = vec!["repos".to_owned(), repo.owner.clone(), repo.name.clone()];
            named.extend(rest.iter().map(|part| (*part).to_owned()));
            named.iter().map(String::as_str).collect()
        }
        _ => parts.to_vec(),
    };
    let Some((route, params)) = find(&call.method, &parts) else {
        return Failure::not_found().into();
    };
    call.params = params;
    if let ["repos", owner, name, rest @ ..] = &parts[..] {
        let known = call.inner.state().repo_named(owner, name).map(|repo| {
            let former = !repo.is_named(owner, name);
            (repo.id, former)
        });
        match known {
            None => return Failure::not_found().into(),
            Some((id, true)) => {
                let rest: String = rest.iter().map(|part| format!("/{part}")).collect();
                let target = call.inner.api(&format!("/repositories/{id}{rest}"));
                return call.moved(&target).into();
            }
            Some((id, false)) => call.repo = id,
        }
    }
    (route.run)(call).await.unwrap_or_else(Response::from)
}

/// Reads the body of a call as JSON. Returns null for an empty body and for GET requests.
async fn read(body: Body, method: &Method) -> Result<Value, Failure> {
    let bytes = axum::body::to_bytes(body, MAX_JSON).await.map_err(|_| {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the request body is larger than 4 MiB")
    })?;
    if bytes.is_empty() || method == Method::GET {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))
}
