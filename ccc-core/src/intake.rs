//! The intake port: acceptance of verified deliveries.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Result;
use crate::event::{Delivery, IssueEvent};
use crate::run::SkipReason;
use crate::run_store::Accepted;

/// The decision on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The delivery is stored, and a run handles it.
    Accepted(Accepted),
    /// The delivery requests no run, for this reason.
    Ignored(SkipReason),
}

/// A receiver of verified deliveries. A webhook route calls it; the usual implementation is the
/// [`Dispatcher`](crate::dispatcher::Dispatcher).
///
/// # Contract
/// Implementations are safe to share. When `admit` returns [`Admission::Accepted`], the run is
/// stored as durably as the run store guarantees. Only then may the caller confirm the delivery to
/// the VCS host.
///
/// # Deadline
/// `admit` must answer quickly, because the VCS host waits ten seconds for the confirmation.
///
/// # Examples
///
/// An intake that stores nothing and prints each event. [`Dispatcher`](crate::dispatcher::Dispatcher)
/// is the intake that stores runs.
///
/// ```
/// use ccc_core::event::{Delivery, IssueEvent};
/// use ccc_core::intake::{Admission, Intake};
/// use ccc_core::run::SkipReason;
/// use ccc_core::{Result, async_trait};
///
/// #[derive(Debug)]
/// struct PrintEvents;
///
/// #[async_trait]
/// impl Intake for PrintEvents {
///     async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
///         println!("{}: {}#{}", delivery.id, event.repo, event.issue.number);
///         Ok(Admission::Ignored(SkipReason::NotForUs))
///     }
/// }
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Intake: Debug + Send + Sync + 'static {
    /// Decides from the event's content alone whether it requests a run, and stores it if it does.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when the delivery's id is already known with
    /// another body. After any other error, such as those of
    /// [`RunStore::accept`](crate::RunStore::accept), the caller cannot assume that the delivery is
    /// stored. It must ask the VCS host to send the delivery again.
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission>;
}
