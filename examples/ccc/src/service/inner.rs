//! The parts of a service that its clones share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ccc_core::Clock;
use ccc_core::dispatcher::Dispatcher;
use ccc_github::Webhook;
use jiff::Timestamp;

use crate::app::StoredApp;

/// The reason for a 503 while no run is executed.
pub(crate) const NOT_SERVING: &str =
    "the service executes no runs: its program must call `Service::serve` or `serve_http`";

/// The parts of a service.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// The webhook of GitHub, unless the VCS host is another one.
    pub(crate) webhook: Option<Arc<Webhook>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    /// The App, if it comes from a credential store.
    pub(crate) app: Option<Arc<StoredApp>>,
    /// The warnings about the configuration, in one line each.
    pub(crate) warnings: Vec<String>,
    /// The number of calls of [`Service::serve`] that run.
    pub(crate) serving: AtomicUsize,
}

impl Inner {
    /// Returns whether a call of [`Service::serve`](crate::Service::serve) runs.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }
}
