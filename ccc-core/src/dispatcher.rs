//! From accepted deliveries to running pipelines: acceptance, concurrency, leases, shutdown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::event::{Delivery, IssueEvent};
use crate::intake::{Admission, Intake};
use crate::pipeline::{Pipeline, guarded};
use crate::run_store::{Claim, Fence};
use crate::{CancellationToken, Clock, ErrorKind, Result, RunId, RunStore};

/// How long the host may take to say who we are, when a delivery waits for that.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Concurrency and times of a [`Dispatcher`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatcherConfig {
    /// Runs at once.
    pub concurrency: usize,
    /// How long a claim holds without being renewed; renewed after a third of it.
    pub lease: Duration,
    /// How long to wait before looking for runs that nobody told us about.
    pub poll: Duration,
    /// How long running runs may go on after a shutdown was asked for.
    pub drain: Duration,
}

impl DispatcherConfig {
    /// Sets the number of runs that go on at once; at least one.
    #[must_use]
    pub fn with_concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs.max(1);
        self
    }

    /// Sets how long a claim lasts without a renewal.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the time between two searches of the store for runs.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets how long runs may go on after a shutdown was requested.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(5),
            drain: Duration::from_secs(25),
        }
    }
}

/// Accepts events into a [`RunStore`], and runs what is in it.
///
/// ```text
/// admit ─► RunStore::accept          (durable, then 2xx)
/// serve ─► RunStore::claim ─► Pipeline::resume ─► RunStore::finish
/// ```
#[derive(Debug)]
pub struct Dispatcher {
    pipeline: Pipeline,
    store: Arc<dyn RunStore>,
    config: DispatcherConfig,
    accepted: Notify,
    in_flight: Arc<Mutex<HashMap<RunId, Fence>>>,
}

impl Dispatcher {
    /// A dispatcher that does nothing before [`serve`](Self::serve).
    pub fn new(pipeline: Pipeline, store: Arc<dyn RunStore>, config: DispatcherConfig) -> Self {
        Self { pipeline, store, config, accepted: Notify::new(), in_flight: Arc::default() }
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn RunStore> {
        &self.store
    }

    /// How many runs are being worked on.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        lock(&self.in_flight).len()
    }

    /// The pipeline behind it.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Runs accepted runs until `shutdown`; then claims nothing more, lets what runs go on for
    /// [`DispatcherConfig::drain`], gives the rest back to the store, and returns when all is cleaned up.
    ///
    /// A store that fails does not end it: it asks again.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let mut running: JoinSet<()> = JoinSet::new();
        while !shutdown.is_cancelled() {
            while running.try_join_next().is_some() {}
            let room = running.len() < self.config.concurrency.max(1);
            let claim = if room { self.claim().await } else { None };
            match claim {
                Some(claim) => {
                    running.spawn(self.work(claim));
                }
                None => self.wait(&shutdown, &mut running).await,
            }
        }
        let drained = async { while running.join_next().await.is_some() {} };
        let clock = Arc::clone(self.pipeline.clock());
        tokio::select! {
            biased;
            () = drained => {}
            () = clock.sleep(self.config.drain) => running.shutdown().await,
        }
        self.release_all().await;
        self.pipeline.settled().await;
    }

    async fn claim(&self) -> Option<Claim> {
        // Nothing to tell anybody: the next round asks again, and readiness is the store's to say.
        let claim = self.call_store(self.store.claim(self.config.lease)).await.ok().flatten()?;
        let run = claim.record.run;
        if !lock(&self.in_flight).contains_key(&run) {
            return Some(claim);
        }
        // Our own worker lost its lease and has not noticed yet. It must be gone, and have cleaned up
        // after itself, before the run is begun again.
        let _ = self.call_store(self.store.release(run, claim.fence, self.config.lease)).await;
        None
    }

    /// Calls the store with a time limit, and returns a panic as an error.
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

    /// One run, from its claim to its end. Owns what it needs, to be a task of its own.
    fn work(&self, claim: Claim) -> impl Future<Output = ()> + Send + 'static {
        let (pipeline, store) = (self.pipeline.clone(), Arc::clone(&self.store));
        let (config, in_flight) = (self.config, Arc::clone(&self.in_flight));
        let (run, fence) = (claim.record.run, claim.fence);
        lock(&in_flight).insert(run, fence);
        async move {
            let cancel = CancellationToken::new();
            if claim.record.cancel_requested {
                cancel.cancel();
            }
            let lease = Lease { store: &*store, clock: &**pipeline.clock(), run, fence, config };
            tokio::select! {
                biased;
                report = pipeline.resume(claim, Arc::clone(&store), &cancel) => {
                    if let Some(wait) = report.postponed {
                        // Should the store not take it, the run is claimed again when its lease ends.
                        let release = store.release(run, fence, wait);
                        let _ = guarded(&**pipeline.clock(), config.lease, release).await;
                    }
                }
                // Somebody else has the run now: ours is dropped, and cleans up after itself.
                () = lease.renew_until_lost(&cancel) => {}
            }
            lock(&in_flight).remove(&run);
        }
    }

    /// Gives back what was still running when the time to drain was over.
    async fn release_all(&self) {
        let left: Vec<(RunId, Fence)> = lock(&self.in_flight).drain().collect();
        for (run, fence) in left {
            // A run that cannot be given back is claimed again when its lease ends.
            let _ = self.call_store(self.store.release(run, fence, Duration::ZERO)).await;
        }
    }
}

/// The right to work on one run.
struct Lease<'a> {
    store: &'a dyn RunStore,
    clock: &'a dyn Clock,
    run: RunId,
    fence: Fence,
    config: DispatcherConfig,
}

impl Lease<'_> {
    /// Renews the lease until it is lost, and passes a request to cancel on.
    async fn renew_until_lost(&self, cancel: &CancellationToken) {
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
                    // Past this, another worker may have it: nothing more may leave from here.
                    if silent.unsigned_abs() >= self.config.lease {
                        return;
                    }
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Intake for Dispatcher {
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        // Whoever delivers waits for ten seconds: better a "not now" than none.
        let host = self.pipeline.host();
        let us = guarded(&**self.pipeline.clock(), ANSWER_WITHIN, host.bot_identity()).await?;
        if let Err(reason) = self.pipeline.policy().wants(event, &us) {
            return Ok(Admission::Ignored(reason));
        }
        let accepted = self.store.accept(delivery, event).await?;
        self.accepted.notify_one();
        Ok(Admission::Accepted(accepted))
    }
}
