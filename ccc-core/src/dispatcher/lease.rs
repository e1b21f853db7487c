//! The renewal of a worker's lease on a run.

use super::config::DispatcherConfig;
use crate::pipeline::guarded;
use crate::run_store::Fence;
use crate::{CancellationToken, Clock, ErrorKind, RunId, RunStore};

/// The lease that a worker has on one run.
pub(super) struct Lease<'a> {
    pub(super) store: &'a dyn RunStore,
    pub(super) clock: &'a dyn Clock,
    pub(super) run: RunId,
    pub(super) fence: Fence,
    pub(super) config: DispatcherConfig,
}

impl Lease<'_> {
    /// Renews the lease repeatedly, and returns when the lease is lost. Cancels `cancel` when the
    /// store reports that the cancellation of the run was requested.
    pub(super) async fn renew_until_lost(&self, cancel: &CancellationToken) {
        tokio::select! {
            biased;
            () = self.renew_repeatedly(cancel) => {}
            () = self.watch_cancellation(cancel) => {}
        }
    }

    /// Reads the record of the run until its cancellation is requested, because the time between two
    /// renewals is longer than an operator should wait. Never returns.
    async fn watch_cancellation(&self, cancel: &CancellationToken) {
        while !cancel.is_cancelled() {
            self.clock.sleep(self.config.poll).await;
            let record = self.store.get(self.run);
            // An error is ignored, because the renewal detects a failed store.
            let record = guarded(self.clock, self.config.lease / 3, record).await.ok().flatten();
            if record.is_some_and(|record| record.cancel_requested) {
                cancel.cancel();
            }
        }
        std::future::pending::<()>().await;
    }

    async fn renew_repeatedly(&self, cancel: &CancellationToken) {
        let mut renewed_at = self.clock.now();
        loop {
            self.clock.sleep(self.config.lease / 3).await;
            let renewed = self.store.renew(self.run, self.fence, self.config.lease);
            match guarded(self.clock, self.config.lease / 3, renewed).await {
                Ok(renewal) => {
                    renewed_at = self.clock.now();
                    if renewal.cancel_requested {
                        cancel.cancel();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Conflict => return,
                Err(_) => {
                    let silent = self.clock.now().duration_since(renewed_at);
                    // The lease has expired and another worker can claim the run, so this worker
                    // must stop.
                    if silent.unsigned_abs() >= self.config.lease {
                        return;
                    }
                }
            }
        }
    }
}
