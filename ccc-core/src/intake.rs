//! The intake port: the interface that accepts verified deliveries.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Result;
use crate::event::{Delivery, IssueEvent};
use crate::run::SkipReason;
use crate::run_store::Accepted;

/// The decision whether a delivery starts a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The delivery is stored, and a run handles it.
    Accepted(Accepted),
    /// The delivery requests no run. The field is the reason.
    Ignored(SkipReason),
}

/// A receiver of verified deliveries. A webhook route passes each delivery to this receiver. The
/// usual implementation is the [`Dispatcher`](crate::dispatcher::Dispatcher).
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. `admit` returns
/// [`Admission::Accepted`] only after the run is stored, as durably as the documentation of the run
/// store states. The caller must not confirm the delivery to the VCS host before `admit` has
/// returned, because the host does not send a confirmed delivery again.
///
/// # Deadline
/// `admit` must answer quickly, because a VCS host such as GitHub waits only ten seconds for the
/// confirmation.
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
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Intake: Debug + Send + Sync + 'static {
    /// Decides whether `event` requests a run. The decision depends on the content of `event`, the
    /// service's policy and the service's own account on the VCS host. It also depends on the
    /// actor's permission, if the VCS host reports it in time. Otherwise the run checks the
    /// permission later. If `event` requests a run, stores `delivery` and the new run.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if a delivery with the same id but a different body
    /// is already stored. After any other error, such as an error of
    /// [`RunStore::accept`](crate::RunStore::accept), the caller cannot assume that the delivery is
    /// stored. The caller must then ask the VCS host to send the delivery again.
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission>;
}
