//! The connection to an object.

use std::fmt::Debug;

use ccc_core::{Result, async_trait};

/// A connection to an object.
///
/// # Contract
/// A channel can be used from several tasks at once. Each message has one answer. A call ends
/// within a bounded time. After [`Unavailable`](ccc_core::ErrorKind::Unavailable) and
/// [`TimedOut`](ccc_core::ErrorKind::TimedOut) the caller may send the message again, whether it
/// arrived or not. After other errors it must not. No error shows the message.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Channel: Debug + Send + Sync + 'static {
    /// Sends a message to the object. Returns its answer.
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>>;
}
