//! The HTTP client. No other code of this crate uses the network.
//!
//! Requests and responses are types of the crates `http` and `bytes`, which this crate re-exports
//! as [`http_types`](crate::http_types) and [`bytes`].

#[cfg(target_arch = "wasm32")]
mod fetch;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod transport;

#[cfg(target_arch = "wasm32")]
pub use fetch::FetchHttp;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{HttpOptions, ReqwestHttp};
pub use transport::{Http, MAX_RESPONSE, TIMEOUT};
