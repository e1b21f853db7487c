//! The delivery log port: the VCS host's log of the webhook deliveries that it sent.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Delivery, IssueEvent};
use crate::setters::setters;
use crate::{DeliveryId, Result};

/// One attempt of the VCS host to send a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The id of the attempt in the log.
    pub handle: u64,
    /// The id of the delivery, which is the same in all its attempts.
    pub delivery: DeliveryId,
    /// The time of the attempt, by the local clock.
    pub delivered_at: Timestamp,
    /// Whether the host repeated the delivery because it was asked to.
    pub redelivery: bool,
    /// The HTTP status of the response; `None` if there was no response.
    pub status: Option<u16>,
    /// Whether an event of this kind can start a run.
    pub relevant: bool,
}

impl Attempt {
    /// Creates the first attempt to send a delivery whose event can start a run. There was no
    /// response. `handle` is the id of the attempt in the log.
    #[must_use]
    pub fn new(handle: u64, delivery: DeliveryId, delivered_at: Timestamp) -> Self {
        Self { handle, delivery, delivered_at, redelivery: false, status: None, relevant: true }
    }
}

setters!(Attempt {
    /// Sets whether the host repeated the delivery because it was asked to.
    with_redelivery: redelivery: bool,
    /// Sets the HTTP status of the response.
    with_status: status: impl Into<Option<u16>>,
    /// Sets whether an event of this kind can start a run.
    with_relevant: relevant: bool,
});

/// A part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The attempts, the newest first.
    pub attempts: Vec<Attempt>,
    /// The position of the next part, which has older attempts; `None` after the last part.
    pub next: Option<String>,
}

/// The request that the host sent in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The address that the request was sent to, without a user name, a password and a query.
    pub address: String,
    /// The content of the request.
    pub content: SentContent,
}

/// The content of a request that the host sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentContent {
    /// An event that can start a run.
    Event {
        /// The id and the digest of the delivery.
        delivery: Delivery,
        /// The event that the payload contains.
        event: Box<IssueEvent>,
    },
    /// An event that starts no run.
    Ignored,
    /// A request that the service would refuse. The value is the reason, without a part of the
    /// payload.
    Invalid(String),
}

/// The log of a VCS host with the webhook deliveries that it sent to the service, such as GitHub's
/// log of the deliveries to an App.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. The log contains the
/// attempts of at least the last three days.
///
/// # Call order
/// The methods can be called in any order. [`request`](Self::request) and
/// [`redeliver`](Self::redeliver) need the handle of an attempt that [`page`](Self::page) returned.
///
/// # Errors
/// - [`Unauthenticated`](crate::ErrorKind::Unauthenticated): the host refused the service's
///   credential.
/// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the host has suspended the service's
///   account, or the account may not read the log.
/// - [`NotFound`](crate::ErrorKind::NotFound): the attempt is no longer in the log. The method `page`
///   returns this error if the host no longer knows the service's account.
/// - [`RateLimited`](crate::ErrorKind::RateLimited): the host asks the caller to wait, for the time
///   in [`retry_after`](crate::Error::retry_after).
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the same call can succeed later.
///
/// # Cancellation
/// The caller can drop the future of any call. The host has then performed the call completely or
/// not at all.
///
/// # Examples
///
/// This example wraps a log, and prints each delivery that the host is asked to send again.
///
/// ```
/// use ccc_core::delivery_log::{LogPage, SentRequest};
/// use ccc_core::{DeliveryLog, Result, async_trait};
///
/// #[derive(Debug)]
/// struct Printing<L>(L);
///
/// #[async_trait]
/// impl<L: DeliveryLog> DeliveryLog for Printing<L> {
///     async fn page(&self, position: Option<String>) -> Result<LogPage> {
///         self.0.page(position).await
///     }
///
///     async fn request(&self, handle: u64) -> Result<SentRequest> {
///         self.0.request(handle).await
///     }
///
///     async fn redeliver(&self, handle: u64) -> Result<()> {
///         println!("requesting the delivery of attempt {handle} again");
///         self.0.redeliver(handle).await
///     }
///
///     async fn address(&self) -> Result<Option<String>> {
///         self.0.address().await
///     }
/// }
///
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::delivery_log::{Attempt, SentContent};
/// use ccc_core::event::Delivery;
/// use ccc_core::jiff::Timestamp;
/// use ccc_core::testing::conformance::delivery_log::Fixture;
/// use ccc_core::testing::{FakeDeliveryLog, FakeHost};
/// use ccc_core::DeliveryId;
///
/// ccc_core::delivery_log_conformance!(@run async || {
///     let log = FakeDeliveryLog::default();
///     log.add_failed("first", 503, "1970-01-01T00:00:00Z");
///     let (id, at) = (DeliveryId::new("second").unwrap(), Timestamp::UNIX_EPOCH);
///     let delivery = Delivery { id: id.clone(), body_sha256: [0; 32], received_at: at };
///     let event = Box::new(FakeHost::new("/srv/git/hello.git").open_issue("A title", ""));
///     log.add(Attempt::new(0, id, at), SentContent::Event { delivery, event });
///     Fixture::new(Printing(log))
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait DeliveryLog: Debug + Send + Sync + 'static {
    /// Returns a part of the log, the newest attempts first. `position` is [`LogPage::next`] of the
    /// part before, or `None` for the first part. Attempts whose delivery has an invalid id are
    /// omitted.
    async fn page(&self, position: Option<String>) -> Result<LogPage>;

    /// Returns the request of the attempt `handle`, after the checks that a delivery passes when it
    /// arrives, except the check of the signature.
    async fn request(&self, handle: u64) -> Result<SentRequest>;

    /// Asks the host to send the delivery of the attempt `handle` again. The host sends it with the
    /// same id, and may do so after this method has returned.
    async fn redeliver(&self, handle: u64) -> Result<()>;

    /// Returns the address that the host sends deliveries to at present, without a user name, a
    /// password and a query. Returns `None` if the host has no address.
    async fn address(&self) -> Result<Option<String>>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: DeliveryLog + ?Sized> DeliveryLog for Arc<T> {
    async fn page(&self, position: Option<String>) -> Result<LogPage> {
        (**self).page(position).await
    }

    async fn request(&self, handle: u64) -> Result<SentRequest> {
        (**self).request(handle).await
    }

    async fn redeliver(&self, handle: u64) -> Result<()> {
        (**self).redeliver(handle).await
    }

    async fn address(&self) -> Result<Option<String>> {
        (**self).address().await
    }
}
