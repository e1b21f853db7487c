//! The writer of a run's log. It writes beside the stages of the run, so that a slow log does not
//! delay them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::bounded::guarded;
use super::log_queue::{LogQueue, Missing};
use crate::run_log::LogEntry;
use crate::run_store::Fence;
use crate::{CancellationToken, Clock, Error, ErrorKind, RunId, RunLog};

/// The time for which lines are collected before they are written together.
const INTERVAL: Duration = Duration::from_millis(250);

/// The size of the lines that are written together, in bytes. With [`INTERVAL`], this limits the load
/// that an agent can cause with its output.
const BATCH: usize = 256 << 10;

/// The time limit of one write. The end of a run waits for at most one write that fails.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// The writer of the log of one claimed run.
#[derive(Debug)]
pub(super) struct LogWriter {
    run: RunId,
    fence: Fence,
    log: Arc<dyn RunLog>,
    clock: Arc<dyn Clock>,
    queue: Mutex<LogQueue>,
    /// A signal that the queue has a line.
    added: Notify,
    /// Whether no line is added any more.
    closed: CancellationToken,
    /// Whether no line is written any more.
    ended: CancellationToken,
}

impl LogWriter {
    pub(super) fn new(
        run: RunId,
        fence: Fence,
        log: Arc<dyn RunLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (queue, added, closed, ended) = Default::default();
        Self { run, fence, log, clock, queue, added, closed, ended }
    }

    fn queue(&self) -> MutexGuard<'_, LogQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds `lines`, unless the log is closed.
    pub(super) fn add(&self, lines: Vec<String>) {
        if lines.is_empty() || self.closed.is_cancelled() {
            return;
        }
        let (at, mut queue) = (self.clock.now(), self.queue());
        lines.into_iter().for_each(|text| queue.push(LogEntry { at, text }));
        drop(queue);
        self.added.notify_one();
    }

    /// Closes the log, and waits until the lines that wait are written or lost. The future of
    /// [`write`](Self::write) must be polled meanwhile.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        self.ended.cancelled().await;
    }

    /// Writes the lines until the log is closed, or until the worker has lost its claim. Lines that
    /// cannot be written are lost, and a later line reports their number. `warn` is called with the
    /// first error.
    pub(super) async fn write(&self, warn: impl Fn(Error)) {
        let _ended = self.ended.clone().drop_guard();
        let (mut lost, mut is_reported) = (Missing::default(), false);
        loop {
            let is_last = self.wait_for_lines().await;
            let lines = self.queue().take(BATCH);
            if lines.is_empty() && is_last {
                return;
            }
            let mut batch: Vec<LogEntry> = Vec::with_capacity(lines.len() + 1);
            batch.extend(lost.report("the log could not be written", self.clock.now()));
            let reports = batch.len();
            batch.extend(lines);
            let append = self.log.append(self.run, self.fence, &batch);
            match guarded(&*self.clock, WRITE_LIMIT, append).await {
                Ok(()) => lost = Missing::default(),
                // Another worker can have claimed the run.
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    self.closed.cancel();
                    return;
                }
                Err(error) => {
                    batch[reports..].iter().for_each(|line| lost.add(line));
                    if !std::mem::replace(&mut is_reported, true) {
                        warn(error);
                    }
                    if is_last {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until lines wait, and then for [`INTERVAL`]. Returns at once if the log is closed. Returns
    /// whether the log is closed, so that no further line follows.
    async fn wait_for_lines(&self) -> bool {
        let collected = async {
            while self.queue().is_empty() {
                self.added.notified().await;
            }
            self.clock.sleep(INTERVAL).await;
        };
        self.closed.run_until_cancelled(collected).await.is_none()
    }
}
