//! The body of a request of an agent.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use crate::model::proxy::refusal::{Refused, refusal, refuse};
use crate::model::proxy::state::{Gate, MAX_BODY, Shared};

/// Time limit for receiving the body of a request.
const BODY_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Reserves as many bytes of memory as the header `content-length` states, and then reads the whole
/// body of a request. The memory is released when the returned permits are dropped.
pub(crate) async fn read_body<'a>(
    shared: &'a Shared,
    gate: &'a Gate,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, [SemaphorePermit<'a>; 2]), Refused> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let line = "a model request must have the header content-length instead of \
                    transfer-encoding"
            .to_owned();
        return Err(refuse(gate, StatusCode::LENGTH_REQUIRED, "invalid_request_error", line));
    }
    // RFC 9112, 6.3: without `transfer-encoding` and `content-length`, a request has no body. hyper
    // rejects a length that is not a number.
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > MAX_BODY {
        let line = format!("the body of a model request must not exceed {} MiB", MAX_BODY >> 20);
        return Err(refuse(gate, StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", line));
    }
    // The semaphores are never closed. The length fits, because it is at most `MAX_BODY`.
    let bytes = u32::try_from(length).unwrap_or(u32::MAX);
    let cut_off = || {
        let line = "the body of the model request was incomplete, or took too long to arrive";
        refusal(StatusCode::BAD_REQUEST, "invalid_request_error", line)
    };
    let own = gate.room.acquire_many(bytes).await.map_err(|_| cut_off())?;
    let room = shared.room.acquire_many(bytes).await.map_err(|_| cut_off())?;
    let read = tokio::select! {
        biased;
        read = to_bytes(body, MAX_BODY) => read,
        () = shared.clock.sleep(BODY_WITHIN) => return Err(cut_off()),
    };
    Ok((read.map_err(|_| cut_off())?, [own, room]))
}
