//! The contract of an HTTP client.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ccc_core::Result;

/// The most bytes that are read of an answer.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// The time limit of a request, from its first byte to the last byte of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client.
///
/// # Contract
/// It is safe to share. It sends one request and returns one answer. A redirect is returned and not
/// followed, because following it would send the `Authorization` header to the host that the answer
/// names (spec: G8b). A request ends within [`TIMEOUT`]. No error shows a header.
///
/// | error | condition |
/// |---|---|
/// | [`TimedOut`](ccc_core::ErrorKind::TimedOut) | no whole answer within [`TIMEOUT`] |
/// | [`Unavailable`](ccc_core::ErrorKind::Unavailable) | no connection |
/// | [`Refused`](ccc_core::ErrorKind::Refused) | a certificate that is not trusted |
/// | [`LimitExceeded`](ccc_core::ErrorKind::LimitExceeded) | an answer of more than [`MAX_RESPONSE`] bytes |
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Http: Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}
