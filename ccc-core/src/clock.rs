//! The clock port: the interface through which this crate reads the time. This crate does not call
//! `SystemTime::now`, because the function compiles for wasm32 but panics there.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A source of the current time, and of timers.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. `now` never blocks.
///
/// # Cancellation
/// Dropping the future of `sleep` ends the wait. Other calls of `sleep` are not affected.
///
/// # Examples
///
/// A clock that is one hour ahead of the system's clock.
///
/// ```
/// use std::time::Duration;
///
/// use ccc_core::{Clock, SystemClock, async_trait};
/// use jiff::Timestamp;
///
/// #[derive(Debug)]
/// struct Ahead<C>(C, Duration);
///
/// #[async_trait]
/// impl<C: Clock> Clock for Ahead<C> {
///     fn now(&self) -> Timestamp {
///         self.0.now() + self.1
///     }
///
///     async fn sleep(&self, duration: Duration) {
///         self.0.sleep(duration).await;
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::conformance::clock::Fixture;
///
/// let hour = Duration::from_secs(3_600);
/// ccc_core::clock_conformance!(@run async || Fixture::new(Ahead(SystemClock, hour))).await;
/// # }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Waits for at least `duration`, counted from the first poll of the future.
    async fn sleep(&self, duration: Duration);
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    async fn sleep(&self, duration: Duration) {
        (**self).sleep(duration).await;
    }
}

/// The operating system's clock and tokio's timer. `sleep` needs a tokio runtime.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(not(target_arch = "wasm32"))]
#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[allow(clippy::disallowed_methods, reason = "the only place that uses tokio's timer")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
