//! The parts of a service that its clones share.

use std::sync::{Arc, Mutex, PoisonError};

use ccc_core::dispatcher::Dispatcher;
use ccc_core::{CancellationToken, Clock};
use ccc_github::{GitHub, Webhook};
use jiff::Timestamp;

use crate::app::StoredApp;

/// The reason for a 503 while no run is executed.
pub(crate) const NOT_SERVING: &str = "the service executes no runs: it shuts down, or its program has not called `Service::serve` or \
     `Service::serve_http`";

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
    /// The GitHub whose access tokens the service manages, if its VCS host is a GitHub.
    pub(crate) github: Option<Arc<GitHub>>,
    /// The warnings about the configuration, in one line each.
    pub(crate) warnings: Vec<String>,
    /// The shutdown token of the call to [`Service::serve`](crate::Service::serve) in progress.
    pub(crate) serving: Mutex<Option<CancellationToken>>,
    /// Held by the call to [`Service::serve`](crate::Service::serve) in progress, and true after the
    /// first call has cleaned up after an earlier process.
    pub(crate) cleaned_up: tokio::sync::Mutex<bool>,
}

impl Inner {
    /// Returns whether accepted runs are executed: a call to [`Service::serve`](crate::Service::serve)
    /// is in progress, and its shutdown token is not cancelled.
    pub(crate) fn is_serving(&self) -> bool {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().is_some_and(|shutdown| !shutdown.is_cancelled())
    }
}
