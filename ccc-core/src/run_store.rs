//! The run store port: the interface to the store of all accepted runs, with the progress and the
//! outcome of each run.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::event::{Delivery, IssueEvent};
use crate::progress::Progress;
use crate::run::{ActorCheck, Outcome, RunRecord};
use crate::{DeliveryId, Error, ErrorKind, Result, RunId};

/// Maximum number of unfinished runs of one actor with the check [`ActorCheck::Pending`].
pub const MAX_PENDING_PER_ACTOR: usize = 10;

/// Maximum number of unfinished runs of one repository with the check [`ActorCheck::Pending`].
pub const MAX_PENDING_PER_REPOSITORY: usize = 100;

/// The fraction of a repository's free places that one actor may use, as a divisor.
const SHARE_OF_FREE_PLACES: usize = 10;

/// The unfinished runs with the check [`ActorCheck::Pending`] that a store has when it adds another
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingRuns {
    /// The number of these runs that have the same actor.
    pub of_actor: usize,
    /// The number of these runs that have the same repository.
    pub of_repository: usize,
    /// The number of these runs that have the same actor and the same repository.
    pub of_actor_in_repository: usize,
}

/// Checks whether a store that has the runs `pending` may add a run with the check
/// [`ActorCheck::Pending`].
///
/// An actor may have as many runs in a repository as a tenth of the places that are still free there.
/// The more places are in use, the fewer an actor gets. A few actors therefore cannot use all places,
/// and an actor without a run gets a place while one is free.
///
/// # Errors
/// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the actor has
/// [`MAX_PENDING_PER_ACTOR`] runs. [`Unavailable`](crate::ErrorKind::Unavailable) if the repository
/// has [`MAX_PENDING_PER_REPOSITORY`] runs, or if the actor uses its share of them.
pub fn check_pending(pending: PendingRuns) -> Result<()> {
    let PendingRuns { of_actor, of_repository, of_actor_in_repository } = pending;
    if of_actor >= MAX_PENDING_PER_ACTOR {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            "the actor has too many runs whose start is not permitted yet: wait until they end",
        ));
    }
    let free = MAX_PENDING_PER_REPOSITORY.saturating_sub(of_repository);
    let why = if free == 0 {
        "the repository has too many runs whose start is not permitted yet"
    } else if of_actor_in_repository >= free.div_ceil(SHARE_OF_FREE_PLACES) {
        "the actor uses its share of the repository's places for runs whose start is not permitted \
         yet"
    } else {
        return Ok(());
    };
    let line = format!("{why}: send the delivery again later");
    Err(Error::new(ErrorKind::Unavailable, line).with_retry_after(Duration::from_secs(60)))
}

/// A number that increases with every claim of a run. The store refuses a write with an old fence.
/// Therefore a worker that lost its lease cannot overwrite the data of the run's next worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// The result of [`RunStore::accept`] and [`RunStore::retry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The run that handles the delivery or the event.
    pub run: RunId,
    /// Whether the run existed before the call. If so, the delivery is a redelivery, or a different
    /// delivery with the same request of the same actor.
    pub duplicate: bool,
}

/// The right to work on a run until the lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The record of the run, with the progress from which the worker continues.
    pub record: RunRecord,
    /// The fence of this claim, which the worker passes to every write.
    pub fence: Fence,
}

/// The result of [`RunStore::renew`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Whether the cancellation of the run was requested.
    pub cancel_requested: bool,
}

/// A store of accepted runs. It is the queue from which workers claim runs, and it contains the
/// progress and the outcome of each run. The logs of the runs have a port of their own,
/// [`RunLog`](crate::RunLog).
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. An adapter's
/// documentation states whether many processes can use one store.
///
/// Every call is one transaction. Lease times are measured by the clock of the store, never by the
/// clock of the caller.
///
/// A write that returned `Ok` is as durable as the adapter's documentation states. If the store
/// cannot make a write durable, it returns a retryable error. A store that holds all its data only
/// in memory must state this in its documentation. No other store may hold a write only in memory.
///
/// # Call order
/// [`accept`](Self::accept) creates a run. [`claim`](Self::claim) gives a worker a lease on a run
/// and a [`Fence`]. The worker passes the fence to [`renew`](Self::renew)
/// and [`advance`](Self::advance) while it works. It ends its work with [`finish`](Self::finish) or [`release`](Self::release). The other methods can be called at
/// any time.
///
/// # Errors
/// A method that takes a [`Fence`] returns [`Conflict`](crate::ErrorKind::Conflict) if the run's
/// newest claim has a different fence, or if the lease or the run has ended. The caller must then
/// stop its work on the run. If the run does not exist, such a method returns `Conflict` or
/// [`NotFound`](crate::ErrorKind::NotFound). A call that returns one of these errors changes
/// nothing.
///
/// For a run whose progress cannot be read, the methods return
/// [`Corrupt`](crate::ErrorKind::Corrupt). Such a run is neither claimed nor deleted.
///
/// # Cancellation
/// The caller can drop the future of any call. The call has then happened completely or not at all.
///
/// # Examples
///
#[doc = include_str!("run_store_example.md")]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait RunStore: Debug + Send + Sync + 'static {
    /// Returns the run that handles `delivery`. `check` is the result of the check of the event's
    /// actor.
    ///
    /// If the id of `delivery` is already known, returns the existing run as a duplicate. The same
    /// applies if a run that has not ended has the [`trigger_key`](IssueEvent::trigger_key) and the
    /// actor of `event`. Otherwise stores `delivery` and a new run for `event` with `check`, and
    /// returns the new run. Two actors never share a run, because one of them may lose the
    /// permission to start runs before the run starts.
    ///
    /// Deliveries can arrive in any order. If a finished run of the same request
    /// [served it](Outcome::serves_request), and `event` [is not later](IssueEvent::is_not_later_than)
    /// than the event of this run, stores `delivery` and returns this run as a duplicate.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the id of `delivery` is known with a different
    /// body. [`Unavailable`](crate::ErrorKind::Unavailable) if the store is full. The errors of
    /// [`check_pending`] if a new run would have the check [`ActorCheck::Pending`].
    async fn accept(
        &self,
        delivery: &Delivery,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted>;

    /// Returns the run that handles the delivery with the id `delivery`, or `None` if
    /// [`accept`](Self::accept) has not stored this id. The run itself may no longer be in the store.
    async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>>;

    /// Claims a run that waits or whose lease has ended, and gives the caller a lease of the
    /// duration `lease`. Returns `None` if no run can be claimed.
    ///
    /// Never claims a run while another run of the same issue is claimed. Never claims a run while
    /// another run with the same [`trigger_key`](IssueEvent::trigger_key) has passed Authorize
    /// ([`RunRecord::is_authorized`]) and has not ended.
    ///
    /// Of the other runs, claims the first one in this order:
    ///
    /// 1. runs with the check [`ActorCheck::Permitted`];
    /// 2. runs with the [`requester_key`](IssueEvent::requester_key) whose newest claim is the
    ///    oldest, and keys without a claim before them. Claims of runs that the store no longer
    ///    contains need not count;
    /// 3. the oldest run.
    async fn claim(&self, lease: Duration) -> Result<Option<Claim>>;

    /// Extends the caller's lease on `run`, so that at least the duration `lease` remains. Never
    /// shortens the lease.
    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal>;

    /// Ends the caller's lease on `run`. The run can be claimed again when `delay` has passed.
    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()>;

    /// Persists the progress of `run` in the form of [`Progress::to_json`]. Replaces the earlier
    /// progress. If the stage of `progress` is later than that of all earlier progress,
    /// [`RunRecord::attempts`] starts again.
    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()>;

    /// Ends `run` with `outcome`. The run can still be read, but can no longer be claimed or
    /// changed.
    ///
    /// If `outcome` [serves the request](Outcome::serves_request), also ends each other unfinished
    /// run with the same [`trigger_key`](IssueEvent::trigger_key), with the outcome
    /// [`SkipReason::SameRequest`](crate::run::SkipReason::SameRequest). The field
    /// [`served_by`](RunRecord::served_by) of each of these runs is then `run`.
    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()>;

    /// Requests the cancellation of `run`. The worker of the run receives the request with the
    /// result of the next [`renew`](Self::renew) or [`claim`](Self::claim). If the run has
    /// already ended, changes nothing and returns `Ok`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the run does not exist.
    async fn request_cancel(&self, run: RunId) -> Result<()>;

    /// Stores a new run for the event of `run`, which must have ended, and returns the new run. The
    /// new run has the check [`ActorCheck::Pending`], because the actor may have lost the permission
    /// to start runs. If a run that has not ended has the trigger key and the actor of this event,
    /// returns that run as a duplicate.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the run does not exist.
    /// [`Conflict`](crate::ErrorKind::Conflict) if it has not ended. The errors of
    /// [`accept`](Self::accept) for a new run.
    async fn retry(&self, run: RunId) -> Result<Accepted>;

    /// Returns the ids of all unfinished runs, in any order. Runs whose event or progress cannot be
    /// read are among them, so that a caller can keep their resources.
    async fn unfinished(&self) -> Result<Vec<RunId>>;

    /// Checks whether the store can store a run at this moment.
    ///
    /// # Errors
    /// The error with which a write would fail.
    async fn check(&self) -> Result<()>;

    /// Returns the record of `run`, or `None` if the run does not exist.
    async fn get(&self, run: RunId) -> Result<Option<RunRecord>>;

    /// Returns at most `limit` runs, the newest first. If `before` is given, returns only runs that
    /// are older than the run `before`.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if one of these runs cannot be read.
    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: RunStore + ?Sized> RunStore for Arc<T> {
    async fn accept(
        &self,
        delivery: &Delivery,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted> {
        (**self).accept(delivery, event, check).await
    }

    async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>> {
        (**self).find_delivery(delivery).await
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

    async fn retry(&self, run: RunId) -> Result<Accepted> {
        (**self).retry(run).await
    }

    async fn unfinished(&self) -> Result<Vec<RunId>> {
        (**self).unfinished().await
    }

    async fn check(&self) -> Result<()> {
        (**self).check().await
    }

    async fn get(&self, run: RunId) -> Result<Option<RunRecord>> {
        (**self).get(run).await
    }

    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
        (**self).list(before, limit).await
    }
}
