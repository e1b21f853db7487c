//! The port behind which accepted runs are kept.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Delivery, IssueEvent};
use crate::progress::Progress;
use crate::run::{Outcome, RunRecord};
use crate::{Result, RunId};

/// A number that grows with every claim of a run: a write that carries an old one is refused, so a
/// worker that lost its lease cannot undo what its successor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The run that answers to it.
    pub run: RunId,
    /// Whether that run was there before: the same delivery again, or another delivery that means
    /// the same.
    pub duplicate: bool,
}

/// The right to work on a run until the lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The run, with the progress to go on from.
    pub record: RunRecord,
    /// Goes with every write.
    pub fence: Fence,
}

/// What a worker learns when it extends its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Somebody asked for the end of the run.
    pub cancel_requested: bool,
}

/// One line of a run's log; redacted before it gets here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    pub at: Timestamp,
    /// What, as one line of text.
    pub text: String,
}

/// Where accepted runs are kept: the queue, the journal and the history in one.
///
/// # Contract
/// Safe to share and to call from many tasks, and where the adapter says so from many processes.
/// Every call is one transaction: it happened or it did not, also when its future is dropped.
///
/// A call that carries a [`Fence`] older than the run's newest claim, or that comes after the lease
/// ended or the run finished, is refused with [`Conflict`](crate::ErrorKind::Conflict), and the
/// caller stops working on the run. Lease time is the store's own clock, never the caller's.
///
/// A store that cannot make a write durable fails it with a retryable error; it never keeps it in
/// memory instead, unless its docs say that it keeps everything there.
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait RunStore: Debug + Send + Sync + 'static {
    /// Keeps the delivery and a new run for it, durable when this returns.
    ///
    /// The same delivery id again gives the first run, as a duplicate;
    /// [`Conflict`](crate::ErrorKind::Conflict) when it comes with another body. Another delivery
    /// with the [`trigger_key`](IssueEvent::trigger_key) of a run that is not over gives that run, as
    /// a duplicate. [`Unavailable`](crate::ErrorKind::Unavailable) when it is full.
    async fn accept(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Accepted>;

    /// Hands out the oldest run that nobody works on, or whose lease ended, for as long as `lease`;
    /// never one whose issue somebody works on. `None` when there is none.
    async fn claim(&self, lease: Duration) -> Result<Option<Claim>>;

    /// Makes the lease end no earlier than `lease` from now.
    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal>;

    /// Gives the run back, to be claimed again not before `delay` from now.
    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()>;

    /// Persists the progress of the run, in place of the one before, in the form of
    /// [`Progress::to_json`]. A run whose progress cannot be read is
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it is neither claimed nor deleted.
    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()>;

    /// Ends the run.
    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()>;

    /// Asks for the end of the run: whoever holds it learns so at its next `renew`. `Ok` when it is
    /// over already; [`NotFound`](crate::ErrorKind::NotFound) when there is none.
    async fn request_cancel(&self, run: RunId) -> Result<()>;

    /// One run.
    async fn get(&self, run: RunId) -> Result<Option<RunRecord>>;

    /// Runs, newest first, older than `before` where it is given, at most `limit`.
    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>>;

    /// Adds lines to the run's log.
    async fn append_log(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()>;

    /// Lines of the run's log from number `from` on, counted from 0, at most `limit`. A bounded
    /// store may have dropped the oldest: then the first line returned has a number higher than
    /// `from`.
    async fn tail_log(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: RunStore + ?Sized> RunStore for Arc<T> {
    async fn accept(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Accepted> {
        (**self).accept(delivery, event).await
    }

    async fn claim(&self, lease: Duration) -> Result<Option<Claim>> {
        (**self).claim(lease).await
    }

    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal> {
        (**self).renew(run, fence, lease).await
    }

    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()> {
        (**self).release(run, fence, delay).await
    }

    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()> {
        (**self).advance(run, fence, progress).await
    }

    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()> {
        (**self).finish(run, fence, outcome).await
    }

    async fn request_cancel(&self, run: RunId) -> Result<()> {
        (**self).request_cancel(run).await
    }

    async fn get(&self, run: RunId) -> Result<Option<RunRecord>> {
        (**self).get(run).await
    }

    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
        (**self).list(before, limit).await
    }

    async fn append_log(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        (**self).append_log(run, fence, entries).await
    }

    async fn tail_log(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        (**self).tail_log(run, from, limit).await
    }
}
