//! The settings of a dispatcher.

use std::time::Duration;

/// The settings of a [`Dispatcher`](super::Dispatcher): the number of concurrent runs,
/// durations, and whether an idle dispatcher accepts events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatcherConfig {
    /// Maximum number of concurrent runs.
    pub concurrency: usize,
    /// Duration of the lease on a claimed run. The dispatcher renews the lease each time a third of
    /// this duration has passed.
    pub lease: Duration,
    /// Maximum time between two searches of the run store for waiting runs, and for requests to cancel
    /// a run. When this dispatcher accepts a run itself, it searches without this delay.
    pub poll: Duration,
    /// Time for which active runs may continue after a shutdown was requested.
    pub drain: Duration,
    /// Whether events are refused with [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable)
    /// while the dispatcher executes no runs (spec: W4d). If this is false, the dispatcher always
    /// stores accepted runs, and a later call to [`Dispatcher::serve`](super::Dispatcher::serve) or
    /// another process executes them.
    pub refuse_unless_serving: bool,
}

impl DispatcherConfig {
    /// Sets the maximum number of concurrent runs. 0 is replaced by 1.
    #[must_use]
    pub fn with_concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs.max(1);
        self
    }

    /// Sets the duration of the lease on a claimed run.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the maximum time between two searches of the run store for waiting runs, and for requests
    /// to cancel a run.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets the time for which active runs may continue after a shutdown was requested.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Sets whether events are refused while the dispatcher executes no runs.
    #[must_use]
    pub fn with_refuse_unless_serving(mut self, refuse: bool) -> Self {
        self.refuse_unless_serving = refuse;
        self
    }
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            drain: Duration::from_secs(25),
            refuse_unless_serving: false,
        }
    }
}
