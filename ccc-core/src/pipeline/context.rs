//! What one run carries through its stages.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::Parts;
use crate::event::{IssueEvent, RepoRef};
use crate::observe::{Event, EventKind, Redactor};
use crate::run::Checkpoint;
use crate::run_store::Fence;
use crate::vcs::{Access, Grant};
use crate::{Clock, Container, Error, ErrorKind, Outcome, Result, RunId, RunStore, Stage};

/// A run that is older than this is not put off any more.
const LONGEST_PUT_OFF: SignedDuration = SignedDuration::from_hours(24);

/// A run is put off for this long at least.
const SHORTEST_PUT_OFF: Duration = Duration::from_secs(60);

/// Why the stages ended before their end: an outcome, or an error that becomes one.
#[derive(Debug)]
pub(super) enum Ended {
    With(Outcome),
    By(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::By(error)
    }
}

/// Where checkpoints go when a store keeps the run.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    pub(super) store: Arc<dyn RunStore>,
    pub(super) fence: Fence,
}

/// What is written into the journal.
#[derive(Clone, Copy)]
enum Entry<'a> {
    Checkpoint(&'a Checkpoint),
    Outcome(&'a Outcome),
}

#[derive(Debug)]
pub(super) struct Context {
    pub(super) id: RunId,
    pub(super) event: IssueEvent,
    pub(super) accepted_at: Timestamp,
    pub(super) redactor: Redactor,
    pub(super) journal: Option<Journal>,
    parts: Arc<Parts>,
    stage: Mutex<Stage>,
    checkpoint: Mutex<Checkpoint>,
    held: Mutex<Vec<Access>>,
    salvage: Mutex<Option<String>>,
    /// Another worker has the run now: nothing more may leave from here.
    fenced_out: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    pub(super) fn new(
        parts: Arc<Parts>,
        id: RunId,
        event: IssueEvent,
        accepted_at: Timestamp,
        checkpoint: Checkpoint,
        journal: Option<Journal>,
    ) -> Self {
        Self {
            id,
            event,
            accepted_at,
            redactor: Redactor::default(),
            journal,
            parts,
            stage: Mutex::new(checkpoint.stage),
            checkpoint: Mutex::new(checkpoint),
            held: Mutex::default(),
            salvage: Mutex::default(),
            fenced_out: AtomicBool::new(false),
        }
    }

    pub(super) fn repo(&self) -> &RepoRef {
        &self.event.repo
    }

    pub(super) fn stage(&self) -> Stage {
        *lock(&self.stage)
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        lock(&self.checkpoint).clone()
    }

    pub(super) fn note_down(&self, change: impl FnOnce(&mut Checkpoint)) {
        change(&mut lock(&self.checkpoint));
    }

    /// Where the container's programs were not let, for the report, however the run ends (spec: X3g).
    pub(super) fn record_denied_hosts(&self, container: &dyn Container) {
        let places = container.denied_hosts();
        let places = places.iter().map(|place| self.redactor.clean(place)).collect();
        self.note_down(|checkpoint| checkpoint.denied_hosts = places);
    }

    pub(super) fn is_fenced_out(&self) -> bool {
        self.fenced_out.load(Ordering::Acquire)
    }

    /// Work that could not be published, as a patch that may be shown.
    pub(super) fn salvage(&self) -> Option<String> {
        lock(&self.salvage).clone()
    }

    pub(super) fn set_salvage(&self, patch: String) {
        *lock(&self.salvage) = Some(patch);
    }

    pub(super) fn emit(&self, kind: EventKind) {
        let event = Event {
            run: self.id,
            at: self.parts.clock.now(),
            kind: self.redactor.clean_kind(kind),
        };
        // An observer cannot fail; one that panics has no say in the run either.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| self.parts.observer.on_event(&event)));
    }

    pub(super) fn note(&self, text: impl Into<String>) {
        self.emit(EventKind::Note { text: text.into() });
    }

    /// How long to put the run off, when a store keeps it and all that is wrong is that the host has
    /// nothing left for us (spec: G5c). Not in Work, which costs money, and not to the next day.
    pub(super) fn put_off(&self, error: &Error) -> Option<Duration> {
        // A host that says "now" and means "no" must not keep us busy.
        let wait = error.retry_after()?.max(SHORTEST_PUT_OFF);
        let age = self.parts.clock.now().duration_since(self.accepted_at);
        let over = age.checked_add(SignedDuration::try_from(wait).ok()?)?;
        let may = self.journal.is_some()
            && error.kind() == ErrorKind::RateLimited
            && self.stage() != Stage::Work
            && over < LONGEST_PUT_OFF;
        may.then_some(wait)
    }

    /// Runs one stage: says where we are, keeps the time, catches panics, makes the checkpoint.
    pub(super) async fn in_stage<T>(
        &self,
        stage: Stage,
        limit: Duration,
        work: impl Future<Output = Result<T, Ended>>,
    ) -> Result<T, Ended> {
        *lock(&self.stage) = stage;
        self.emit(EventKind::StageStarted { stage });
        // A cancellation takes hold at the edge of a stage, also when no call in it ever waits.
        tokio::task::yield_now().await;
        let bounded = within(&*self.parts.clock, limit, AssertUnwindSafe(work).catch_unwind());
        let ended = match bounded.await {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => Err(Ended::By(panicked(&*panic))),
            None => Err(Ended::By(Error::new(
                ErrorKind::TimedOut,
                format!("{stage} took longer than {} s", limit.as_secs()),
            ))),
        };
        let ended = match ended {
            Ok(value) => self.advance(stage).await.map(|()| value),
            ended => ended,
        };
        let error = match &ended {
            Err(Ended::By(error)) => Some(error.to_string()),
            _ => None,
        };
        self.emit(EventKind::StageFinished { stage, error });
        ended
    }

    async fn advance(&self, stage: Stage) -> Result<(), Ended> {
        self.note_down(|checkpoint| checkpoint.stage = stage);
        let kept = self.persist(Entry::Checkpoint(&self.checkpoint())).await;
        match kept {
            // What stands on the host stands: a second run would make it a second time.
            Err(error) if stage == Stage::Publish && !self.is_fenced_out() => {
                self.note(format!("the run store did not take the last checkpoint: {error}"));
                Ok(())
            }
            kept => kept.map_err(Ended::By),
        }
    }

    /// Tells the store how the run ended.
    pub(super) async fn finish(&self, outcome: &Outcome) -> Result<()> {
        self.persist(Entry::Outcome(outcome)).await
    }

    /// One write into the store, tried three times while it says "not now".
    async fn persist(&self, entry: Entry<'_>) -> Result<()> {
        let Some(Journal { store, fence }) = &self.journal else { return Ok(()) };
        let (clock, limit) = (&*self.parts.clock, self.parts.limits.cleanup);
        let mut attempt = 1;
        loop {
            let write = match entry {
                Entry::Checkpoint(checkpoint) => store.advance(self.id, *fence, checkpoint),
                Entry::Outcome(outcome) => store.finish(self.id, *fence, outcome),
            };
            match guarded(clock, limit, write).await {
                Err(error) if error.is_retryable() && attempt < 3 => {
                    clock.sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                written => return self.heed_fence(written),
            }
        }
    }

    fn heed_fence(&self, written: Result<()>) -> Result<()> {
        if written.as_ref().is_err_and(|e| e.kind() == ErrorKind::Conflict) {
            self.fenced_out.store(true, Ordering::Release);
        }
        written
    }

    /// A token for the run's repository; given back in Cleanup at the latest.
    pub(super) async fn access(&self, grant: Grant, min_ttl: Duration) -> Result<Access> {
        let access = self.parts.host.access(self.repo(), grant, min_ttl).await?;
        for secret in access.token.iter().chain(&access.authorization) {
            self.redactor.add(secret);
        }
        lock(&self.held).push(access.clone());
        Ok(access)
    }

    /// Gives back what is held for `grant`, or all of it. Tries each; returns the first error.
    pub(super) async fn release(&self, grant: Option<Grant>) -> Result<()> {
        let mut result = Ok(());
        loop {
            // Taken only when the host has answered: a release that is dropped is tried again.
            let next = lock(&self.held)
                .iter()
                .find(|access| grant.is_none_or(|grant| access.grant == grant))
                .cloned();
            let Some(access) = next else { return result };
            let released =
                AssertUnwindSafe(self.parts.host.release(access.clone())).catch_unwind().await;
            let mut held = lock(&self.held);
            if let Some(at) = held.iter().position(|other| other.is_same(&access)) {
                held.remove(at);
            }
            result = result.and(released.unwrap_or_else(|panic| Err(panicked(&*panic))));
        }
    }
}

/// The future's output, or `None` when `limit` passed first.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        output = work => Some(output),
        () = clock.sleep(limit) => None,
    }
}

/// One call of a port that must not take the run down: bounded, panics caught.
pub(crate) async fn guarded<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match within(clock, limit, AssertUnwindSafe(work).catch_unwind()).await {
        Some(Ok(result)) => result,
        Some(Err(panic)) => Err(panicked(&*panic)),
        None => {
            Err(Error::new(ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs())))
        }
    }
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::new(
        ErrorKind::Unexpected,
        format!(
            "an adapter panicked, which is a defect in it: {}",
            crate::text::one_line(&words, 200)
        ),
    )
}
