//! The trait [`Http`] of an HTTP client, and the limits of requests and responses.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ccc_core::Result;

/// The maximum size of a response body that an [`Http`] client accepts, in bytes.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// The time limit of an HTTP request, from the call of [`Http::send`] to the last byte of the
/// response.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client.
///
/// # Contract
/// A client can be shared and used concurrently. For each request, the client returns one response.
/// A redirect is returned as a response and not followed, because following a redirect would send
/// the `Authorization` header to the host that the redirect names (spec: G8b). A request ends
/// within [`TIMEOUT`]. Error messages contain no headers.
///
/// | error | condition |
/// |---|---|
/// | [`TimedOut`](ccc_core::ErrorKind::TimedOut) | no complete response within [`TIMEOUT`] |
/// | [`Unavailable`](ccc_core::ErrorKind::Unavailable) | the host cannot be reached |
/// | [`Refused`](ccc_core::ErrorKind::Refused) | the server's certificate is not trusted |
/// | [`LimitExceeded`](ccc_core::ErrorKind::LimitExceeded) | a response body of more than [`MAX_RESPONSE`] bytes |
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Http: Debug + Send + Sync + 'static {
    /// Sends one request and reads the complete response.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}
