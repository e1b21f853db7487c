//! Checks that refuse requests from pages of other origins.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::state::Inner;

/// Returns whether the request was sent to an address of the emulator and does not come from a page
/// of another origin.
pub(crate) fn is_from_here(inner: &Inner, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default());
    let place = |origin: &str| origin.split("://").nth(1).unwrap_or_default().to_owned();
    is_by_our_name(inner, headers) && origin.is_none_or(|origin| is_us(inner, &place(origin)))
}

/// Returns whether the request was sent to an address of the emulator, and not to a name that
/// another party resolves to this address (DNS rebinding).
pub(crate) fn is_by_our_name(inner: &Inner, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.is_some_and(|host| is_us(inner, host))
}

fn is_us(inner: &Inner, host: &str) -> bool {
    let port = inner.host.rsplit(':').next().unwrap_or_default();
    let public = inner.base_url.split("://").nth(1).unwrap_or_default();
    host == inner.host
        || host == public
        || host == format!("localhost:{port}")
        || host == format!("127.0.0.1:{port}")
}

/// Returns the response to a request that failed one of the checks.
pub(crate) fn refused() -> Response {
    let why = "the request must be sent to the emulator's own address and come from its own pages";
    (StatusCode::FORBIDDEN, why).into_response()
}
