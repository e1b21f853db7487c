//! The dispatcher: it accepts deliveries, and manages the concurrency, leases and shutdown of runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::DropGuard;

use crate::event::{Delivery, IssueEvent, Trigger};
use crate::intake::{Admission, Intake};
use crate::pipeline::{Pipeline, guarded, reason_to_skip};
use crate::run::{ActorCheck, SkipReason};
use crate::run_store::{Claim, Fence};
use crate::{CancellationToken, Error, ErrorKind, Outcome, Result, RunId, RunStore};

mod actor_checks;
mod check_budget;
mod config;
mod lease;
mod refusals;
mod standings;

use actor_checks::{ActorAnswer, ActorChecks};
use lease::Lease;
use refusals::Refusals;

pub use config::DispatcherConfig;

/// Time limit for [`VcsHost::bot_identity`](crate::VcsHost::bot_identity) in `admit`. The limit is
/// short, because the VCS host waits only ten seconds for the response to a delivery.
const BOT_IDENTITY_TIMEOUT: Duration = Duration::from_secs(4);

/// Time limit for the search for mentions in a comment, which waits while all blocking threads are
/// in use.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The error message for a comment that was not read within [`READ_TIMEOUT`].
const NOT_READ: &str = "the comment was not read in time, because this service is busy: send the \
     delivery again later";

/// The error message for an event that the dispatcher refuses because of
/// [`DispatcherConfig::refuse_unless_serving`].
const NOT_SERVING: &str = "events are not accepted, because this dispatcher executes no runs: it is \
     shutting down, or `Dispatcher::serve` has not been called";

/// The error message for an event of an actor about whom the VCS host is not asked now.
const TOO_MANY_CHECKS: &str = "the permission of this account is not checked now, because accounts \
     without a known permission have caused too many checks, or the VCS host grants few further \
     requests: an account that may start runs can add the label, which is checked separately";

/// The error message for an event above a limit for runs of an actor whose permission is not known.
const TOO_MANY_PENDING: &str = "too many runs of this account wait until the VCS host reports its \
     permission: send the delivery again later";

/// The time after which a delivery can be sent again, if it could not be stored or read now.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The outcome of a run whose actor may not start runs.
const NOT_PERMITTED: Outcome = Outcome::Skipped { reason: SkipReason::NotPermitted };

/// A dispatcher that stores accepted deliveries as runs in a [`RunStore`], and executes these runs.
///
/// ```text
/// admit ─► VcsHost::permission ─► RunStore::accept   (durable, then 2xx)
/// serve ─► RunStore::claim ─► Pipeline::resume ─► RunStore::finish
/// ```
#[derive(Debug)]
pub struct Dispatcher {
    pipeline: Pipeline,
    store: Arc<dyn RunStore>,
    config: DispatcherConfig,
    accepted: Notify,
    in_flight: Arc<Mutex<HashMap<RunId, Fence>>>,
    actor_checks: ActorChecks,
    refusals: Arc<Refusals>,
    /// One token for each [`Serving`]. The token is cancelled when the shutdown is requested or the
    /// `Serving` is dropped.
    serving: Mutex<Vec<CancellationToken>>,
}

/// A guard that marks a dispatcher as serving: the dispatcher executes runs, or will soon do so.
/// Dropping the guard removes the mark.
#[derive(Debug)]
#[must_use]
pub struct Serving {
    _cancels_token: DropGuard,
}

impl Dispatcher {
    /// Creates a dispatcher. It executes no run before [`serve`](Self::serve) is called.
    pub fn new(pipeline: Pipeline, store: Arc<dyn RunStore>, config: DispatcherConfig) -> Self {
        let (accepted, in_flight, serving) = Default::default();
        let (actor_checks, refusals) = Default::default();
        Self { pipeline, store, config, accepted, in_flight, actor_checks, refusals, serving }
    }

    /// Returns the run store from which this dispatcher claims runs.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn RunStore> {
        &self.store
    }

    /// Returns the number of runs that this dispatcher is executing.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        lock(&self.in_flight).len()
    }

    /// Returns the pipeline with which this dispatcher executes runs.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Marks this dispatcher as serving until `shutdown` is cancelled or the returned guard is
    /// dropped. [`serve`](Self::serve) also sets this mark. Call this method only if the dispatcher
    /// must accept events before the program calls `serve`.
    pub fn begin_serving(&self, shutdown: &CancellationToken) -> Serving {
        let token = shutdown.child_token();
        let mut serving = lock(&self.serving);
        serving.retain(|token| !token.is_cancelled());
        serving.push(token.clone());
        Serving { _cancels_token: token.drop_guard() }
    }

    /// Returns whether accepted runs are executed: a [`Serving`] exists, and its shutdown token is
    /// not cancelled.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        lock(&self.serving).iter().any(|token| !token.is_cancelled())
    }

    /// Claims runs from the run store and executes them until `shutdown` is cancelled. After the
    /// cancellation, this method claims no further run, and active runs may continue for
    /// [`DispatcherConfig::drain`]. Then this method stops the runs that are still active, and
    /// releases them, so that they can be claimed again. It returns when all cleanups have ended.
    ///
    /// This method also answers actors who requested a run and may not start one.
    ///
    /// An error of the run store does not end this method. The method calls the store again after
    /// [`DispatcherConfig::poll`] at the latest.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let _serving = self.begin_serving(&shutdown);
        let answers = self.refusals.answer_until(&shutdown, &self.pipeline);
        let ((), ()) = tokio::join!(answers, self.execute_runs(&shutdown));
        self.pipeline.wait_for_cleanups().await;
    }

    /// Executes runs until `shutdown` is cancelled and the active runs have ended or are released.
    async fn execute_runs(&self, shutdown: &CancellationToken) {
        let mut running: JoinSet<()> = JoinSet::new();
        while !shutdown.is_cancelled() {
            while running.try_join_next().is_some() {}
            let room = running.len() < self.config.concurrency.max(1);
            let claim = if room { self.claim().await } else { None };
            match claim {
                Some(claim) => {
                    running.spawn(self.execute_claim(claim));
                }
                None => self.wait(shutdown, &mut running).await,
            }
        }
        let drained = async { while running.join_next().await.is_some() {} };
        let clock = Arc::clone(self.pipeline.clock());
        tokio::select! {
            biased;
            () = drained => {}
            () = clock.sleep(self.config.drain) => {
                let left = lock(&self.in_flight).clone();
                running.shutdown().await;
                self.release(left).await;
            }
        }
    }

    async fn claim(&self) -> Option<Claim> {
        // The error is ignored, because the loop in `serve` repeats the call. A health check
        // detects a failed store with a call of its own.
        fault_point!(None, "claim.begin");
        let claim = self.call_store(self.store.claim(self.config.lease)).await.ok().flatten()?;
        fault_point!(None, "claim.stored");
        let run = claim.record.run;
        if !lock(&self.in_flight).contains_key(&run) {
            return Some(claim);
        }
        // A worker of this dispatcher still executes the run, because it has not yet detected that
        // its lease was lost. That worker must end and clean up before the run is executed again.
        let _ = self.call_store(self.store.release(run, claim.fence, self.config.lease)).await;
        None
    }

    /// Waits for `call`, a call of the run store, for at most the duration of a lease. Returns a
    /// timeout or a panic as an error.
    async fn call_store<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        guarded(&**self.pipeline.clock(), self.config.lease, call).await
    }

    async fn wait(&self, shutdown: &CancellationToken, running: &mut JoinSet<()>) {
        let clock = self.pipeline.clock();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.accepted.notified() => {}
            _ = running.join_next(), if !running.is_empty() => {}
            () = clock.sleep(self.config.poll) => {}
        }
    }

    /// Returns a future that executes one claimed run until the run ends or its lease is lost. The
    /// future borrows nothing, so that it can be spawned as a task.
    fn execute_claim(&self, claim: Claim) -> impl Future<Output = ()> + Send + 'static {
        let (pipeline, store) = (self.pipeline.clone(), Arc::clone(&self.store));
        let (config, in_flight) = (self.config, Arc::clone(&self.in_flight));
        let (refusals, event) = (Arc::clone(&self.refusals), claim.record.event.clone());
        let (run, fence) = (claim.record.run, claim.fence);
        lock(&in_flight).insert(run, fence);
        async move {
            // Also when this future is dropped: a later call of `serve` must not wait for this worker.
            let _in_flight = InFlight { runs: in_flight, run };
            let cancel = CancellationToken::new();
            if claim.record.cancel_requested {
                cancel.cancel();
            }
            let lease = Lease { store: &*store, clock: &**pipeline.clock(), run, fence, config };
            tokio::select! {
                biased;
                report = pipeline.resume(claim, Arc::clone(&store), &cancel) => {
                    if report.outcome == NOT_PERMITTED {
                        refusals.add(&event, pipeline.clock().now());
                    }
                    if let Some(wait) = report.postponed {
                        // If the release fails, the run can be claimed again when its lease ends.
                        let release = store.release(run, fence, wait);
                        let _ = guarded(&**pipeline.clock(), config.lease, release).await;
                    }
                }
                // Another worker may have claimed the run. `select!` drops the future of `resume`,
                // and the drop starts the run's cleanup.
                () = lease.renew_until_lost(&cancel) => {}
            }
        }
    }

    /// Releases the runs in `left`, so that they can be claimed again. These runs were still active
    /// when [`DispatcherConfig::drain`] had passed after the shutdown request.
    async fn release(&self, left: HashMap<RunId, Fence>) {
        for (run, fence) in left {
            // If the release fails, the run can be claimed again when its lease ends.
            let _ = self.call_store(self.store.release(run, fence, Duration::ZERO)).await;
        }
    }
}

/// A guard for the entry of `run` in the map `runs`, which lists the runs that workers are
/// executing. Dropping the guard removes the entry.
struct InFlight {
    runs: Arc<Mutex<HashMap<RunId, Fence>>>,
    run: RunId,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.runs).remove(&self.run);
    }
}

/// Returns the error for a delivery if the search for mentions failed with `error`.
fn not_read(error: Error) -> Error {
    if error.kind() != ErrorKind::TimedOut {
        return error;
    }
    let later = Error::new(ErrorKind::Unavailable, NOT_READ);
    later.with_retry_after(RETRY_AFTER).with_source(error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Intake for Dispatcher {
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        if self.config.refuse_unless_serving && !self.is_serving() {
            return Err(Error::new(ErrorKind::Unavailable, NOT_SERVING));
        }
        // The VCS host waits ten seconds for the response. An error response is better than none,
        // because it marks the delivery as failed, so that the delivery can be sent again.
        let host = self.pipeline.host();
        let us =
            guarded(&**self.pipeline.clock(), BOT_IDENTITY_TIMEOUT, host.bot_identity()).await?;
        let policy = self.pipeline.policy();
        let now = self.pipeline.clock().now();
        // Reading the comment costs more than this answer.
        if matches!(event.trigger, Trigger::Commented { .. })
            && self.actor_checks.is_refused(event, now)
            && self.refusals.has_answer(event, now)
        {
            let reason = policy.check_event(event, &us).err();
            return Ok(Admission::Ignored(reason.unwrap_or(SkipReason::NotPermitted)));
        }
        let reading = reason_to_skip(policy, event, &us);
        let reading = guarded(&**self.pipeline.clock(), READ_TIMEOUT, reading).await;
        if let Some(reason) = reading.map_err(not_read)? {
            return Ok(Admission::Ignored(reason));
        }
        let check = match self.actor_checks.check(&self.pipeline, event).await {
            ActorAnswer::Permitted => ActorCheck::Permitted,
            ActorAnswer::Refused => {
                self.refusals.add(event, self.pipeline.clock().now());
                return Ok(Admission::Ignored(SkipReason::NotPermitted));
            }
            ActorAnswer::NoAnswer => ActorCheck::Pending,
            ActorAnswer::TooManyChecks => {
                return Ok(Admission::Ignored(SkipReason::TooManyRequests));
            }
            ActorAnswer::Postponed(wait) => {
                return Err(
                    Error::new(ErrorKind::Unavailable, TOO_MANY_CHECKS).with_retry_after(wait)
                );
            }
        };
        fault_point!(None, "accept.begin");
        let accepted = self.store.accept(delivery, event, check).await;
        fault_point!(None, "accept.stored");
        match accepted {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                if self.actor_checks.is_refused_by_owner(event) {
                    return Ok(Admission::Ignored(SkipReason::TooManyRequests));
                }
                let later = Error::new(ErrorKind::Unavailable, TOO_MANY_PENDING);
                Err(later.with_retry_after(RETRY_AFTER).with_source(error))
            }
            accepted => {
                let accepted = accepted?;
                self.accepted.notify_one();
                Ok(Admission::Accepted(accepted))
            }
        }
    }
}
