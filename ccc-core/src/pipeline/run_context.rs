//! The things that every stage of one run may use: ids, event, redactor, journal, tokens, observer.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::comment::CommentData;
use super::journal::Journal;
use super::leases::TokenLeases;
use super::parts::Parts;
use crate::event::{IssueEvent, RepoRef};
use crate::observe::{Event, EventKind, Redactor};
use crate::progress::{AcceptedRun, Progress};
use crate::run::RunRecord;
use crate::run_store::Claim;
use crate::vcs::{Access, Grant};
use crate::{Container, Outcome, Result, RunId, RunStore, Stage};

/// The state of one run, shared by its stages.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) id: RunId,
    pub(super) event: IssueEvent,
    pub(super) accepted_at: Timestamp,
    pub(super) redactor: Redactor,
    pub(super) parts: Arc<Parts>,
    /// The run's store; `None` for a run that no store has.
    journal: Option<Journal>,
    leases: TokenLeases,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    progress: Progress,
    comment: CommentData,
}

impl RunContext {
    /// Returns the context of a new run that no store has.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the system has no randomness for a [`RunId`].
    pub(super) fn unstored(parts: Arc<Parts>, event: IssueEvent) -> Result<Self> {
        let now = parts.clock.now();
        Ok(Self::new(parts, RunId::new(now)?, event, now, Progress::default(), None))
    }

    /// Returns the context of a claimed run, which goes on from its progress.
    pub(super) fn claimed(parts: Arc<Parts>, claim: Claim, store: Arc<dyn RunStore>) -> Self {
        let RunRecord { run, event, accepted_at, progress, .. } = claim.record;
        let (clock, limit) = (Arc::clone(&parts.clock), parts.limits.cleanup);
        let journal = Journal::new(run, store, claim.fence, clock, limit);
        Self::new(parts, run, event, accepted_at, progress, Some(journal))
    }

    fn new(
        parts: Arc<Parts>,
        id: RunId,
        event: IssueEvent,
        accepted_at: Timestamp,
        progress: Progress,
        journal: Option<Journal>,
    ) -> Self {
        let comment = CommentData::from(&progress);
        let state = Mutex::new(State { stage: progress.stage(), progress, comment });
        let leases = TokenLeases::new(Arc::clone(&parts.host));
        let redactor = Redactor::default();
        Self { id, event, accepted_at, redactor, parts, journal, leases, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn repo(&self) -> &RepoRef {
        &self.event.repo
    }

    /// Returns the stage that the run is in.
    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.state().stage = stage;
    }

    pub(super) fn progress(&self) -> Progress {
        self.state().progress.clone()
    }

    /// Returns the progress of a run that ended the present stage, before Collect.
    pub(super) fn accepted(&self) -> Progress {
        let state = self.state();
        let CommentData { report, denied_hosts, .. } = state.comment.clone();
        Progress::Accepted(AcceptedRun { finished: state.stage, report, denied_hosts })
    }

    /// Returns the details that the run's comment and pull request show beside the outcome.
    pub(super) fn comment_data(&self) -> CommentData {
        self.state().comment.clone()
    }

    pub(super) fn update_comment_data(&self, change: impl FnOnce(&mut CommentData)) {
        change(&mut self.state().comment);
    }

    /// Records the hosts that the container's programs were denied, for the comment, however the run
    /// ends (spec: X3g).
    pub(super) fn record_denied_hosts(&self, container: &dyn Container) {
        let hosts = container.denied_hosts();
        let hosts = hosts.iter().map(|host| self.redactor.clean(host)).collect();
        self.update_comment_data(|comment| comment.denied_hosts = hosts);
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

    pub(super) fn emit_note(&self, text: impl Into<String>) {
        self.emit(EventKind::Note { text: text.into() });
    }

    /// Persists the progress that the run made. Where a store refuses it, the run ends, except after
    /// Publish: the pull request stands, and a second run would open it a second time.
    pub(super) async fn advance(&self, progress: Progress) -> Result<()> {
        self.state().progress = progress.clone();
        let Some(journal) = &self.journal else { return Ok(()) };
        match journal.checkpoint(&progress).await {
            Err(error) if progress.stage() == Stage::Publish && !journal.is_fenced_out() => {
                self.emit_note(format!("the run store did not take the last checkpoint: {error}"));
                Ok(())
            }
            written => written,
        }
    }

    /// Persists the outcome of the run. Returns whether that ended the run.
    pub(super) async fn finish(&self, outcome: &Outcome) -> bool {
        let Some(journal) = &self.journal else { return true };
        let finished = journal.finish(outcome).await;
        if let Err(error) = &finished {
            self.emit_note(format!("the run store did not take the outcome: {error}"));
        }
        finished.is_ok()
    }

    /// Returns whether a run store has the run, so that another worker can go on with it.
    pub(super) fn is_stored(&self) -> bool {
        self.journal.is_some()
    }

    /// Returns whether another worker holds the run now: nothing more may leave from here.
    pub(super) fn is_fenced_out(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_fenced_out)
    }

    /// Gets a token for the run's repository; Cleanup gives it back at the latest.
    pub(super) async fn access(&self, grant: Grant, min_ttl: Duration) -> Result<Access> {
        self.leases.acquire(self.repo(), grant, min_ttl, &self.redactor).await
    }

    /// Gives back the tokens for `grant`, or all of them.
    pub(super) async fn release(&self, grant: Option<Grant>) -> Result<()> {
        self.leases.release(grant).await
    }
}
