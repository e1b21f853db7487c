//! Responses of the REST API: objects, and pages of a list.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::failure::{Failure, insert};
use crate::request::ApiRequest;

/// The response of a route's handler, or an error response.
pub(crate) type Answer = Result<Response, Failure>;

/// Returns a response with the JSON object `body`. If `status` is 201, the header `Location`
/// contains the field `url` of `body`.
pub(crate) fn reply(status: StatusCode, body: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
    if status == StatusCode::CREATED
        && let Some(url) = body["url"].as_str()
    {
        insert(&mut headers, header::LOCATION, url);
    }
    Ok((status, headers, body.to_string()).into_response())
}

/// Returns a response with the status 200 and the JSON object `body`.
pub(crate) fn ok(body: &Value) -> Answer {
    reply(StatusCode::OK, body)
}

/// Returns a response with the status 204 and without a body.
pub(crate) fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Returns the page that `request` selects from the list `all`, with links to other pages of the
/// list (GitHub docs, "Using pagination in the REST API").
pub(crate) fn page(request: &ApiRequest, all: &[Value]) -> Answer {
    let (shown, headers) = cut(request, all);
    let body = Value::from(shown.to_vec());
    Ok((headers, body.to_string()).into_response())
}

/// Returns an object with one page of the list `all` in the field `name`. `request` selects the
/// page, as for [`page`]. The field `total_count` contains the length of the complete list.
pub(crate) fn page_in(request: &ApiRequest, name: &str, all: &[Value]) -> Answer {
    let (shown, headers) = cut(request, all);
    let mut body = json!({ "total_count": all.len() });
    body[name] = Value::from(shown.to_vec());
    Ok((headers, body.to_string()).into_response())
}

fn cut<'a>(request: &ApiRequest, all: &'a [Value]) -> (&'a [Value], HeaderMap) {
    let size = request.query_number("per_page", 30).clamp(1, 100);
    let page = request.query_number("page", 1).max(1);
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
                let query = request.query_with(&[("page", &page.to_string())]);
                format!("<{}?{query}>; rel=\"{rel}\"", request.inner.api(&request.path))
            })
            .collect();
        insert(&mut headers, header::LINK, &links.join(", "));
    }
    (shown, headers)
}
