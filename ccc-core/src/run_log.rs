//! The run log port: the interface to the logs of runs.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run_store::Fence;
use crate::{Result, RunId};

/// One line of a run's log. The secrets in its text are already redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The time at which the entry was written.
    pub at: Timestamp,
    /// The text of the entry, in one line.
    pub text: String,
}

/// The logs of the runs in a [`RunStore`](crate::RunStore).
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. An implementation knows
/// the claims of the run store, because it refuses the lines of a worker that lost its claim. As a
/// rule, one type therefore implements both ports.
///
/// Every call is one transaction: its lines are appended completely or not at all.
///
/// A log may be smaller than what was appended to it: an implementation may limit the size of a log
/// and of all logs. It then removes lines, and shortens long lines. The numbers of the other lines do
/// not change.
///
/// # Call order
/// The worker of a run calls [`append`](Self::append) while its claim is valid, one call at a time.
/// It stops when a call returns [`Conflict`](crate::ErrorKind::Conflict). After any other error, the
/// worker drops the lines of the call, and can continue with further lines. [`tail`](Self::tail) can
/// be called at any time, also while the log grows.
///
/// # Cancellation
/// The caller can drop the future of any call. The call has then happened completely or not at all.
///
/// # Examples
///
/// The example of [`RunStore`](crate::RunStore) implements this port too.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait RunLog: Debug + Send + Sync + 'static {
    /// Appends `entries` to the log of `run`.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the run's newest claim has a different fence, or
    /// if the lease or the run has ended. If the run does not exist, `Conflict` or
    /// [`NotFound`](crate::ErrorKind::NotFound). After an error, the log is unchanged.
    async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()>;

    /// Returns at most `limit` lines of the log of `run` with their line numbers, beginning with the
    /// line `from`. Lines are numbered from 0. If lines were removed, one line in the place of the
    /// last removed line reports their number, and the numbers of the other removed lines are
    /// missing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the run does not exist.
    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: RunLog + ?Sized> RunLog for Arc<T> {
    async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        (**self).append(run, fence, entries).await
    }

    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        (**self).tail(run, from, limit).await
    }
}
