//! Bodies of responses of the model's API that are not streamed.

use bytes::Bytes;

use crate::model::proxy::state::Shared;

/// Reads the whole body of `response`. Fails if the body is longer than `max` bytes, or does not
/// arrive completely. The error is a one-line reason.
pub(crate) async fn read_response(
    shared: &Shared,
    mut response: reqwest::Response,
    max: usize,
) -> Result<Bytes, &'static str> {
    let mut body = bytes::BytesMut::new();
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = response.chunk() => chunk.map_err(|_| "the model's API cut off its answer")?,
            () = shared.clock.sleep(shared.silence) => {
                return Err("the model's API stopped sending in the middle of its answer");
            }
        };
        match chunk {
            None => return Ok(body.freeze()),
            Some(chunk) if body.len() + chunk.len() > max => {
                return Err("the answer of the model's API is too large to forward");
            }
            Some(chunk) => body.extend_from_slice(&chunk),
        }
    }
}
