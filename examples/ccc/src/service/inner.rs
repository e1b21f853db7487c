//! The parts of a service that its clones share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ccc_core::Clock;
use ccc_core::dispatcher::Dispatcher;
use ccc_github::Webhook;
use jiff::Timestamp;

use crate::app::StoredApp;

/// The reason for the answer 503 while the service executes no runs.
pub(crate) const NOT_SERVING: &str = "the service executes no runs now: the program must call `Service::serve` or `Service::serve_http`";

/// The parts of a service, which all clones of the service share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// The webhook of GitHub; `None` if the VCS host is not a GitHub.
    pub(crate) webhook: Option<Arc<Webhook>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    /// The GitHub App, if it is in the credential store; `None` if the embedder has set the VCS
    /// host.
    pub(crate) app: Option<Arc<StoredApp>>,
    /// The warnings about the configuration, each in one line.
    pub(crate) warnings: Vec<String>,
    /// The number of calls to `Service::serve` and `Service::serve_http` that are in progress.
    pub(crate) serving: AtomicUsize,
}

impl Inner {
    /// Returns whether a call to [`Service::serve`](crate::Service::serve) or
    /// [`Service::serve_http`](crate::Service::serve_http) is in progress.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }
}
