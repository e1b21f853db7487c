//! Dispatch of requests to git, to the pages, or to the REST API.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use crate::caller::Caller;
use crate::pages;
use crate::server::rest;
use crate::smart_http;
use crate::state::Inner;

/// First path segments of the REST API's routes. Any other first segment, such as the login of an
/// account, belongs to a page or to git.
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

/// Returns the response to a git request, to a request for a page, or to a call of the REST API.
/// The kind of the request follows from its path and its `Accept` header.
pub(crate) async fn answer(
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
    rest::answer(inner, method, path, &parts, caller, request).await
}
