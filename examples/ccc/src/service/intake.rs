//! The intake of a service, which accepts events only while the service executes runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::intake::Admission;
use ccc_core::{Error, ErrorKind, Intake, Result, async_trait};

use crate::service::Inner;

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

/// The reason for a 503 while no run is executed.
pub(crate) const NOT_SERVING: &str =
    "the service executes no runs: its program must call `Service::serve` or `serve_http`";

impl Inner {
    /// Returns whether a call of [`Service::serve`](crate::Service::serve) runs.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }
}
