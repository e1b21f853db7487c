//! Answers: whole ones, failures as GitHub words them, pages of a list.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::routes::Ask;

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// What a route answers.
pub(super) type Answer = Result<Response, Failure>;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    error: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), error: None, headers: Vec::new() }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// A 422 about a field: `missing_field`, `invalid`, `already_exists`.
    pub(super) fn field(resource: &str, field: &str, code: &str) -> Self {
        Self {
            error: Some(json!({ "resource": resource, "field": field, "code": code })),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }

    /// A 422 in words of its own.
    pub(super) fn custom(resource: &str, message: &str) -> Self {
        let error = json!({ "resource": resource, "code": "custom", "message": message });
        Self {
            error: Some(error),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let status = failure.status;
        let mut body = json!({
            "message": failure.message,
            "documentation_url": DOCUMENTATION,
            "status": status.as_u16().to_string(),
        });
        if let Some(error) = failure.error {
            body["errors"] = json!([error]);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &failure.headers {
            insert(&mut headers, header::HeaderName::from_static(name), value);
        }
        insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
        (status, headers, body.to_string()).into_response()
    }
}

pub(super) fn reply(status: StatusCode, body: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
    if status == StatusCode::CREATED
        && let Some(url) = body["url"].as_str()
    {
        insert(&mut headers, header::LOCATION, url);
    }
    Ok((status, headers, body.to_string()).into_response())
}

pub(super) fn ok(body: &Value) -> Answer {
    reply(StatusCode::OK, body)
}

pub(super) fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How GitHub answers for a former name: 301 for what only looks, 307 for what changes something
/// (GitHub docs, "Best practices for using the REST API").
pub(super) fn moved(ask: &Ask, target: &str) -> Answer {
    let status =
        if ask.is_read() { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
    Err(Failure::new(status, "Moved Permanently").header("location", target))
}

/// One page of a list, and where the others are (GitHub docs, "Using pagination in the REST API").
pub(super) fn page(ask: &Ask, all: &[Value]) -> Answer {
    let (shown, headers) = cut(ask, all);
    let body = Value::from(shown.to_vec());
    Ok((headers, body.to_string()).into_response())
}

/// As [`page`], for a list that is in an object, under `name`.
pub(super) fn page_in(ask: &Ask, name: &str, all: &[Value]) -> Answer {
    let (shown, headers) = cut(ask, all);
    let mut body = json!({ "total_count": all.len() });
    body[name] = Value::from(shown.to_vec());
    Ok((headers, body.to_string()).into_response())
}

fn cut<'a>(ask: &Ask, all: &'a [Value]) -> (&'a [Value], HeaderMap) {
    let size = ask.number("per_page", 30).clamp(1, 100);
    let page = ask.number("page", 1).max(1);
    let last = all.len().div_ceil(size).max(1);
    let from = (page - 1).saturating_mul(size).min(all.len());
    let shown = &all[from..(from + size).min(all.len())];
    let mut links = Vec::new();
    if page > 1 {
        links.push((page - 1, "prev"));
    }
    if page < last {
        links.extend([(page + 1, "next"), (last, "last")]);
    }
    if page > 1 {
        links.push((1, "first"));
    }
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
    if !links.is_empty() {
        let links: Vec<_> = links
            .iter()
            .map(|(page, rel)| {
                let query = ask.query_with(&[("page", &page.to_string())]);
                format!("<{}?{query}>; rel=\"{rel}\"", ask.inner.api(&ask.path))
            })
            .collect();
        insert(&mut headers, header::LINK, &links.join(", "));
    }
    (shown, headers)
}

pub(super) fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
