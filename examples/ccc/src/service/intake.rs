//! The intake of a service. It accepts events only while the service executes runs.

use std::sync::Arc;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::intake::Admission;
use ccc_core::{Error, ErrorKind, Intake, Result, async_trait};

use crate::service::inner::{Inner, NOT_SERVING};

/// An intake that accepts events only while the service executes runs.
#[derive(Debug)]
pub(crate) struct ServingIntake(pub(crate) Arc<Inner>);

#[async_trait]
impl Intake for ServingIntake {
    /// Refuses events while no call to [`Service::serve`](crate::Service::serve) is in progress:
    /// the run of an accepted event would stay in the run store without being executed, and GitHub
    /// would not send the event again (spec: W4d).
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        if !self.0.is_serving() {
            return Err(Error::new(ErrorKind::Unavailable, NOT_SERVING));
        }
        self.0.dispatcher.admit(delivery, event).await
    }
}
