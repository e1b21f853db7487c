//! The writes of a claimed run to the run store. Each write contains the fence of the claim, so
//! that the store can refuse the write of a worker that lost the claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::bounded::guarded;
use crate::progress::Progress;
use crate::run_store::Fence;
use crate::{Clock, Error, ErrorKind, Outcome, Result, RunId, RunStore};

/// The maximum number of attempts at one write while the run store returns retryable errors.
const ATTEMPTS: u32 = 3;

/// The writer of the progress and the outcome of one claimed run.
#[derive(Debug)]
pub(super) struct Journal {
    run: RunId,
    store: Arc<dyn RunStore>,
    fence: Fence,
    clock: Arc<dyn Clock>,
    /// The time limit of one attempt at a write.
    limit: Duration,
    /// Whether the store refused a write because this worker lost the claim.
    fenced_out: AtomicBool,
}

#[derive(Clone, Copy)]
enum Entry<'a> {
    Progress(&'a Progress),
    Outcome(&'a Outcome),
}

impl Journal {
    pub(super) fn new(
        run: RunId,
        store: Arc<dyn RunStore>,
        fence: Fence,
        clock: Arc<dyn Clock>,
        limit: Duration,
    ) -> Self {
        Self { run, store, fence, clock, limit, fenced_out: AtomicBool::new(false) }
    }

    /// Persists the progress of the run. Calls `retries` with the error before each repetition.
    pub(super) async fn checkpoint(
        &self,
        progress: &Progress,
        retries: impl Fn(&Error),
    ) -> Result<()> {
        self.write(Entry::Progress(progress), retries).await
    }

    /// Persists the outcome of the run, which ends the run.
    pub(super) async fn finish(&self, outcome: &Outcome) -> Result<()> {
        self.write(Entry::Outcome(outcome), |_| {}).await
    }

    /// Returns whether the store refused a write because this worker lost the claim.
    pub(super) fn is_fenced_out(&self) -> bool {
        self.fenced_out.load(Ordering::Acquire)
    }

    async fn write(&self, entry: Entry<'_>, retries: impl Fn(&Error)) -> Result<()> {
        let clock = &*self.clock;
        let mut attempt = 1;
        loop {
            let write = match entry {
                Entry::Progress(progress) => self.store.advance(self.run, self.fence, progress),
                Entry::Outcome(outcome) => self.store.finish(self.run, self.fence, outcome),
            };
            match guarded(clock, self.limit, write).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                    retries(&error);
                    clock.sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                written => {
                    if written.as_ref().is_err_and(|e| e.kind() == ErrorKind::Conflict) {
                        self.fenced_out.store(true, Ordering::Release);
                    }
                    return written;
                }
            }
        }
    }
}
