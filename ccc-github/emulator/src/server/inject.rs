//! Injection of faults into responses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use crate::failure::{Failure, insert};
use crate::fault::{Fault, FaultEffect};
use crate::state::Inner;

/// Maximum size, in bytes, of the body of a response that a fault replaces. The emulator reads the
/// body completely, so that the request has its full effect, and then discards the body.
const MAX_DRAINED: usize = 256 * 1024 * 1024;
/// Maximum size, in bytes, of a response body that a fault cuts in the middle.
const MAX_HALVED: usize = 4 * 1024 * 1024;

/// The error that closes a connection without a response, or in the middle of a response.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed because of an injected fault")]
pub(crate) struct Cut;

/// Applies `fault` to a request whose ordinary response is `answered`. Returns the response that
/// the client receives, or [`Cut`] if the fault closes the connection.
pub(crate) async fn inject(
    inner: &Inner,
    fault: Fault,
    answered: impl Future<Output = Response>,
) -> Result<Response, Cut> {
    let answered = match (&fault.effect, fault.after) {
        (FaultEffect::Delay(by), _) => {
            inner.clock.sleep(*by).await;
            return Ok(answered.await);
        }
        (_, true) => Some(read_body(answered.await).await),
        (_, false) => None,
    };
    match fault.effect {
        FaultEffect::Status { status, headers } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response =
                Response::from(Failure::new(status, "the emulator injected this failure"));
            for (name, value) in headers {
                if let Ok(name) = name.parse::<header::HeaderName>() {
                    insert(response.headers_mut(), name, &value);
                }
            }
            Ok(response)
        }
        FaultEffect::Body { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut headers = HeaderMap::new();
            insert(&mut headers, header::CONTENT_TYPE, &content_type);
            Ok((status, headers, body).into_response())
        }
        FaultEffect::CutInTheMiddle => match answered {
            Some(answered) => Ok(truncate_body(answered).await),
            None => Err(Cut),
        },
        FaultEffect::Cut | FaultEffect::Delay(_) => Err(Cut),
    }
}

/// Waits for the complete body of `answered` and returns the response. A git request has its full
/// effect only when the body is complete, because git starts to respond before it has finished.
async fn read_body(answered: Response) -> Response {
    let (head, body) = answered.into_parts();
    let body = axum::body::to_bytes(body, MAX_DRAINED).await.unwrap_or_default();
    Response::from_parts(head, Body::from(body))
}

/// Returns `answered` with only the first half of its body. The header `Content-Length` announces
/// the complete body, and the connection is closed after the first half.
async fn truncate_body(answered: Response) -> Response {
    let (mut head, body) = answered.into_parts();
    let whole = axum::body::to_bytes(body, MAX_HALVED).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    let chunks: [Result<Bytes, Cut>; 2] = [Ok(whole.slice(..whole.len() / 2)), Err(Cut)];
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    Response::from_parts(head, body)
}
