//! Where verified deliveries go in.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Result;
use crate::event::{Delivery, IssueEvent};
use crate::run::SkipReason;
use crate::run_store::Accepted;

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is kept; a run answers to it.
    Accepted(Accepted),
    /// There is nothing for us to do about it.
    Ignored(SkipReason),
}

/// Takes verified deliveries in. A webhook route holds one; the
/// [`Dispatcher`](crate::dispatcher::Dispatcher) is the usual one.
///
/// # Contract
/// Safe to share. When `admit` returned [`Admission::Accepted`], the run is as durable as the store
/// behind it makes it: only then may the host be told that we have it. Answers quickly: the host
/// waits ten seconds.
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Intake: Debug + Send + Sync + 'static {
    /// Decides by what is in the event alone whether it is for us, and keeps it if so. Errors as
    /// [`RunStore::accept`](crate::RunStore::accept).
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission>;
}
