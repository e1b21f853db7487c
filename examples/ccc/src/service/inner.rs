//! The parts of a service that its clones share.

use std::sync::Arc;

use ccc_core::Clock;
use ccc_core::dispatcher::Dispatcher;
use ccc_github::{GitHub, Webhook};
use jiff::Timestamp;

use crate::app::StoredApp;
use crate::config::Network;
use crate::health_probes::Probes;
use crate::service::reconciliation::Reconciliation;
use crate::service::stop_limits::StopLimits;

/// The parts of a service, which all clones of the service share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// The webhook of GitHub; `None` if the VCS host is not GitHub.
    pub(crate) webhook: Option<Arc<Webhook>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    /// The GitHub App from the credential store; `None` if the embedding program has set the VCS
    /// host.
    pub(crate) app: Option<Arc<StoredApp>>,
    /// The GitHub client whose access tokens the service manages; `None` if the VCS host is not
    /// GitHub.
    pub(crate) github: Option<Arc<GitHub>>,
    /// The reconciler of missed deliveries; `None` if the VCS host has no log of deliveries.
    pub(crate) reconciler: Option<Reconciliation>,
    /// The warnings about the configuration, one line for each warning.
    pub(crate) warnings: Vec<String>,
    /// The health checks that can hang.
    pub(crate) probes: Probes,
    /// The networks of the trusted reverse proxies.
    pub(crate) trusted_proxies: Vec<Network>,
    /// A lock that the current call to [`Service::serve`](crate::Service::serve) holds. The value
    /// is true after the first call has cleaned up after an earlier process.
    pub(crate) cleaned_up: tokio::sync::Mutex<bool>,
    /// The time limits after a shutdown request.
    pub(crate) stop: StopLimits,
}
