//! Webhook deliveries: signature verification, interpretation of the payload, and the HTTP route.

#[cfg(feature = "axum")]
mod body;
mod delivery;
pub(crate) mod payload;
pub(crate) mod receive;
mod rejection;
#[cfg(feature = "axum")]
mod route;
mod signature;
#[cfg(test)]
mod tests;

pub use delivery::{MAX_BODY, Meaning, RawDelivery, Received};
pub use receive::Webhook;
pub use rejection::Rejection;
#[cfg(feature = "axum")]
pub use route::router;
pub use signature::{Secrets, verify};
