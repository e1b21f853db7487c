//! The connection to a Durable Object.

use std::fmt::Debug;

use ccc_core::{Result, async_trait};

/// A connection to a Durable Object that stores credentials.
///
/// # Contract
/// Several tasks can use a channel at the same time. Each call to [`send`](Self::send) ends within
/// a bounded time. After [`Unavailable`](ccc_core::ErrorKind::Unavailable) and
/// [`TimedOut`](ccc_core::ErrorKind::TimedOut) the caller may send the message again, even if the
/// Durable Object has already received the message. After all other errors the caller must not send
/// the message again. No error text contains a part of the message.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Channel: Debug + Send + Sync + 'static {
    /// Sends `message` to the Durable Object. Returns the answer of the Durable Object.
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>>;
}
