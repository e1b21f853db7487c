//! The route `/config`: with the admin token, a client can read and change the GitHub Apps in the
//! Worker's own credential store.

use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result};
use ccc_github::{AdminToken, Admitted, Apps, Endpoints, MAX_CONFIG};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use serde_json::json;
use worker::{Env, Request, Response};

use crate::credentials;
use crate::remedy::describe;
use crate::secret::secret;

/// Checks the admin token, and answers `GET`, `POST` and `DELETE /config` with the response of
/// `Apps::answer`.
pub(crate) async fn config(mut request: Request, env: &Env) -> worker::Result<Response> {
    let token = secret(env, "ADMIN_TOKEN").map(|token| AdminToken::new(&token));
    let Some(Ok(token)) = token else {
        return refuse(
            503,
            "the Worker has no secret ADMIN_TOKEN of at least 32 characters: set it with `npx wrangler secret put ADMIN_TOKEN`",
        );
    };
    // The token is checked before the body is read, because the sender is not trusted.
    let Some(admitted) = admit(&request, token) else {
        let mut response = refuse(
            401,
            "send the Worker's secret ADMIN_TOKEN in the header `Authorization: Bearer …`",
        )?;
        response.headers_mut().set("www-authenticate", "Bearer")?;
        return Ok(response);
    };
    let length = request.headers().get("content-length")?.map(|length| length.parse::<usize>());
    let body = match length {
        None if request.method() != worker::Method::Post => Vec::new(),
        Some(Ok(length)) if length <= MAX_CONFIG => request.bytes().await?,
        _ => {
            return refuse(
                413,
                "the request has no Content-Length, or the body is larger than 64 KiB",
            );
        }
    };
    // The method is read from the original request, because the type of the `worker` crate replaces
    // an unknown method by GET.
    let Ok(method) = Method::from_bytes(request.inner().method().as_bytes()) else {
        return refuse(405, "use GET, POST or DELETE");
    };
    let url = request.url()?;
    match apps(env).await {
        Ok(apps) => {
            respond(apps.answer(admitted, &method, url.query(), &body).await.into_response())
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => refuse(500, &describe(&error)),
        Err(error) => refuse(503, &describe(&error)),
    }
}

fn admit(request: &Request, token: AdminToken) -> Option<Admitted> {
    let sent = request.headers().get("authorization").ok().flatten();
    let mut headers = HeaderMap::new();
    if let Some(value) = sent.and_then(|value| value.parse().ok()) {
        headers.insert(AUTHORIZATION, value);
    }
    token.admits(&headers)
}

async fn apps(env: &Env) -> Result<Apps> {
    let url = env.var("GITHUB_API_URL").map(|url| url.to_string());
    let host = Endpoints::from_api_url(url.as_deref().unwrap_or("https://api.github.com"))?;
    let store = credentials::open(env).await.map_err(|error| match error.kind() {
        ErrorKind::Corrupt => Error::new(
            ErrorKind::Corrupt,
            format!(
                "{}: check that the Worker's secret CREDENTIALS_KEY contains the key of the credential store",
                error.message()
            ),
        ),
        _ => error,
    })?;
    Ok(Apps::new(Arc::new(store), host.host()))
}

fn refuse(status: u16, why: &str) -> worker::Result<Response> {
    Ok(Response::from_json(&json!({ "error": why }))?.with_status(status))
}

/// Converts `response` to the response type of the Workers runtime.
fn respond(response: http::Response<String>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    let mut response = Response::ok(body)?.with_status(head.status.as_u16());
    for (name, value) in &head.headers {
        response.headers_mut().set(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    Ok(response)
}
