//! The intake of a service, which accepts events only while the service executes runs.

use std::sync::Arc;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::intake::Admission;
use ccc_core::{Error, ErrorKind, Intake, Result, async_trait};

use crate::service::inner::{Inner, NOT_SERVING};

/// The intake of a service.
#[derive(Debug)]
pub(crate) struct ServingIntake(pub(crate) Arc<Inner>);

#[async_trait]
impl Intake for ServingIntake {
    /// Refuses events while [`Service::serve`](crate::Service::serve) does not run: an accepted
    /// event would stay in the run store, and GitHub would not send it again (spec: W4d).
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        if !self.0.is_serving() {
            return Err(Error::new(ErrorKind::Unavailable, NOT_SERVING));
        }
        self.0.dispatcher.admit(delivery, event).await
    }
}
