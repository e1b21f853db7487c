//! Checks that refuse requests from web pages of other origins.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::state::Inner;

/// Returns whether the headers `Host` and (if present) `Origin` of a request name the emulator. A
/// request with other values can come from a web page of another origin.
pub(crate) fn is_same_origin(inner: &Inner, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default());
    let place = |origin: &str| origin.split("://").nth(1).unwrap_or_default().to_owned();
    host_header_names_emulator(inner, headers)
        && origin.is_none_or(|origin| is_us(inner, &place(origin)))
}

/// Returns whether the header `Host` of a request names the emulator: the listen address, the
/// public URL, `localhost` or `127.0.0.1`. A request with any other name can be an attack by DNS
/// rebinding, in which a web page's own host name resolves to the emulator's address.
pub(crate) fn host_header_names_emulator(inner: &Inner, headers: &HeaderMap) -> bool {
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

/// Returns the response with the status 403 to a request that [`is_same_origin`] or
/// [`host_header_names_emulator`] refuses.
pub(crate) fn refused() -> Response {
    let why = "request refused: the header Host (and the header Origin, if present) must name the \
               emulator, for example `127.0.0.1:PORT`";
    (StatusCode::FORBIDDEN, why).into_response()
}
