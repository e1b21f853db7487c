//! The one seam to the network.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ccc_core::Result;

#[cfg(target_arch = "wasm32")]
mod fetch;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub use fetch::FetchHttp;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{HttpOptions, ReqwestHttp};

/// The most bytes of an answer that are read.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// How long a request may take, from the first byte out to the last byte in.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests.
///
/// # Contract
/// Safe to share. One request, one answer: redirects are given back, not followed, because following
/// one would hand the `Authorization` header to whomever the answer names (spec: G8b). Ends within
/// [`TIMEOUT`], with [`TimedOut`](ccc_core::ErrorKind::TimedOut); [`Unavailable`](ccc_core::ErrorKind::Unavailable) when there is no connection,
/// and [`Refused`](ccc_core::ErrorKind::Refused) when the other side's certificate is not trusted;
/// [`LimitExceeded`](ccc_core::ErrorKind::LimitExceeded) for an answer of more than [`MAX_RESPONSE`]. No error shows a header.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Http: Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}
