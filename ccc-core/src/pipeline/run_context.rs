//! The context of one run, which all its stages use: ids, event, redactor, journal, tokens,
//! observer.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::comment::CommentData;
use super::event_queue::CleanedEvent;
use super::journal::Journal;
use super::log_text::{event_lines, retry_lines};
use super::log_writer::LogWriter;
use super::parts::Parts;
use super::run_tokens::RunTokens;
use crate::event::{IssueEvent, RepoRef};
use crate::git::cancellable;
use crate::observe::{Event, EventKind, Redactor};
use crate::policy::AppliedPolicy;
use crate::progress::{AcceptedRun, Progress};
use crate::run::{ActorCheck, RunRecord};
use crate::run_store::Claim;
use crate::vcs::{Access, Grant};
use crate::{BranchName, Container, Error, ErrorKind, Outcome, Result, RunId, RunStore, Stage};

/// The state of one run, shared by its stages.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) id: RunId,
    pub(super) event: IssueEvent,
    pub(super) accepted_at: Timestamp,
    pub(super) redactor: Arc<Redactor>,
    pub(super) parts: Arc<Parts>,
    /// The writer to the run store; `None` for a run that is in no run store.
    journal: Option<Journal>,
    /// The writer of the run's log; `None` if the run has no log.
    pub(super) log: Option<LogWriter>,
    tokens: RunTokens,
    /// Whether it is known that the actor may start runs.
    is_permitted: AtomicBool,
    /// The number of claims without a further completed stage; 0 for a run that is in no run store.
    attempts: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    progress: Progress,
    comment: CommentData,
    policy: AppliedPolicy,
}

impl RunContext {
    /// Returns the context of a new run that is in no run store.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the operating system returns no random bytes for a [`RunId`].
    pub(super) fn unstored(parts: Arc<Parts>, event: IssueEvent) -> Result<Self> {
        let now = parts.clock.now();
        Ok(Self::new(parts, RunId::new(now)?, event, now, Progress::default(), None))
    }

    /// Returns the context of the run in `claim`. The run continues from its stored progress.
    pub(super) fn claimed(parts: Arc<Parts>, claim: Claim, store: Arc<dyn RunStore>) -> Self {
        let permitted =
            claim.record.actor_check == ActorCheck::Permitted || claim.record.is_authorized();
        let RunRecord { run, event, accepted_at, progress, attempts, .. } = claim.record;
        let (clock, limit) = (Arc::clone(&parts.clock), parts.limits.cleanup);
        let journal = Journal::new(run, store, claim.fence, Arc::clone(&clock), limit);
        let log = parts.run_log.clone().map(|log| LogWriter::new(run, claim.fence, log, clock));
        let mut run = Self::new(parts, run, event, accepted_at, progress, Some(journal));
        run.attempts = attempts;
        run.is_permitted.store(permitted, Ordering::Relaxed);
        run.log = log;
        run.log_lines(|_| {
            vec![format!("attempt {attempts}: continues after the stage {}", run.stage())]
        });
        run
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
        // A run that has passed Collect continues under the policy that was applied to its change.
        let policy = match &progress {
            Progress::Accepted(_) => None,
            later => later.policy().cloned(),
        };
        let policy = policy.unwrap_or_else(|| AppliedPolicy::from(&parts.policy));
        let state = Mutex::new(State { stage: progress.stage(), progress, comment, policy });
        let tokens = RunTokens::new(Arc::clone(&parts.host));
        let redactor = Arc::new(Redactor::default());
        for secret in parts.git.secrets() {
            redactor.add(&secret);
        }
        let is_permitted = AtomicBool::new(false);
        let attempts = 0;
        Self {
            id,
            event,
            accepted_at,
            redactor,
            parts,
            journal,
            log: None,
            tokens,
            is_permitted,
            attempts,
            state,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn repo(&self) -> &RepoRef {
        &self.event.repo
    }

    /// Records that the actor may start runs.
    pub(super) fn permit(&self) {
        self.is_permitted.store(true, Ordering::Relaxed);
    }

    /// Returns whether it is known that the actor may start runs. Until then, the run writes
    /// nothing to the VCS host (spec: X11).
    pub(super) fn is_permitted(&self) -> bool {
        self.is_permitted.load(Ordering::Relaxed)
    }

    /// Returns the event without secrets in its title. Commits and pull requests contain the title.
    /// The title is cleaned before it is shortened or escaped, because a part of a secret can be too
    /// short to be found (spec: X10a).
    pub(super) fn event_without_secrets(&self) -> IssueEvent {
        let mut event = self.event.clone();
        event.issue.title = self.redactor.clean(&event.issue.title);
        event
    }

    /// Returns an error if the run has ended its workers too often (spec: Q12).
    pub(super) fn check_attempts(&self) -> Result<()> {
        let most = self.parts.limits.attempts;
        if self.attempts <= most {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unexpected,
            format!(
                "the service stopped {most} times during this run: find the cause in its log, for example too \
                 little memory, and then request the run again"
            ),
        ))
    }

    /// Returns the current stage of the run.
    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.state().stage = stage;
    }

    pub(super) fn progress(&self) -> Progress {
        self.state().progress.clone()
    }

    /// Returns the progress to persist after the current stage. The current stage must be earlier
    /// than Collect.
    pub(super) fn accepted(&self) -> Progress {
        let state = self.state();
        let CommentData { report, denied_hosts, .. } = state.comment.clone();
        let policy = Some(state.policy.clone());
        Progress::Accepted(AcceptedRun { finished: state.stage, report, denied_hosts, policy })
    }

    /// Returns the policy that is applied to the run, with the exceptions that are known so far.
    pub(super) fn policy(&self) -> AppliedPolicy {
        self.state().policy.clone()
    }

    /// Records exceptions from the usual rules for runs, one line each. The run's record, its comment
    /// and its pull request contain them (spec: X17c).
    pub(super) fn record_exceptions(&self, exceptions: Vec<String>) {
        let exceptions = exceptions.iter().map(|line| self.redactor.clean(line));
        let mut state = self.state();
        state.policy.exceptions.extend(exceptions);
        state.comment.exceptions = state.policy.exceptions.clone();
    }

    /// Returns the name of the branch that the run creates.
    pub(super) fn branch(&self) -> Result<BranchName> {
        let prefix = &self.parts.policy.branch_prefix;
        BranchName::for_run(prefix, self.event.issue.number_on_host(), self.id)
    }

    /// Returns the details that the run's comment and pull request show in addition to the outcome.
    pub(super) fn comment_data(&self) -> CommentData {
        self.state().comment.clone()
    }

    pub(super) fn update_comment_data(&self, change: impl FnOnce(&mut CommentData)) {
        change(&mut self.state().comment);
    }

    /// Records the hosts that an egress proxy denied to the container's programs. The run's comment
    /// shows these hosts, however the run ends (spec: X3g).
    pub(super) fn record_denied_hosts(&self, container: &dyn Container) {
        let hosts = container.denied_hosts();
        let hosts = hosts.iter().map(|host| self.redactor.clean(host)).collect();
        self.update_comment_data(|comment| comment.denied_hosts = hosts);
    }

    /// Removes the secrets from `kind`, and passes the event to the observer and to the run's log.
    pub(super) fn emit(&self, kind: EventKind) {
        self.log_lines(|redactor| event_lines(&kind, redactor));
        self.observe(self.redactor.clean_kind(kind));
    }

    /// Passes an event of the agent, from which the secrets have been removed, to the observer and to
    /// the run's log.
    pub(super) fn emit_agent(&self, event: CleanedEvent) {
        let CleanedEvent { event, lines } = event;
        self.log_lines(|_| lines);
        self.observe(EventKind::Agent { agent: event });
    }

    /// Adds lines to the run's log, if the run has a log. `lines` must remove the secrets.
    fn log_lines(&self, lines: impl FnOnce(&Redactor) -> Vec<String>) {
        if let Some(log) = &self.log {
            log.add(lines(&self.redactor));
        }
    }

    /// Passes the end of the run to the observer. [`Ending`](super::ending::Ending) has removed the
    /// secrets from `outcome`.
    pub(super) fn emit_finished(&self, outcome: Outcome) {
        self.observe(EventKind::Finished { outcome });
    }

    fn observe(&self, kind: EventKind) {
        let event = Event { run: self.id, at: self.parts.clock.now(), kind };
        // A panic of the observer must not affect the run.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| self.parts.observer.on_event(&event)));
    }

    /// Executes `work`, which removes secrets from large texts, on a blocking thread. If the caller
    /// drops the future, `work` ends soon (spec: X16a).
    pub(super) async fn redacted<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Redactor) -> T + Send + 'static,
    ) -> Result<T> {
        let redactor = Arc::clone(&self.redactor);
        cancellable(move |cancelled| work(&redactor.until(cancelled))).await
    }

    pub(super) fn emit_note(&self, text: impl Into<String>) {
        self.emit(EventKind::Note { text: text.into() });
    }

    /// Persists the progress of the run. If the run store returns an error, the run ends with this
    /// error. There is one exception: after Publish, the pull request is already open. A new run
    /// would open a second pull request, so the run continues despite the error. But a worker that
    /// lost its claim always stops.
    pub(super) async fn advance(&self, progress: Progress) -> Result<()> {
        self.state().progress = progress.clone();
        let Some(journal) = &self.journal else { return Ok(()) };
        let retries = |error: &Error| self.log_retry(error);
        match journal.checkpoint(&progress, retries).await {
            Err(error) if progress.stage() == Stage::Publish && !journal.is_fenced_out() => {
                self.emit_note(format!(
                    "the run continues, although the run store did not persist the progress after \
                     the stage Publish: {error}"
                ));
                Ok(())
            }
            written => written,
        }
    }

    fn log_retry(&self, error: &Error) {
        self.log_lines(|redactor| retry_lines(error, redactor));
    }

    /// Persists the outcome of the run, if the run is in a run store. Returns whether the run has
    /// ended: if the store returned an error, the run has not ended.
    pub(super) async fn finish(&self, outcome: &Outcome) -> bool {
        let Some(journal) = &self.journal else { return true };
        self.persist_policy(journal).await;
        let finished = journal.finish(outcome).await;
        if let Err(error) = &finished {
            self.emit_note(format!(
                "the run has not ended, because the run store did not persist the outcome: {error}"
            ));
        }
        finished.is_ok()
    }

    /// Persists the policy of a run that ended before its first checkpoint, for example because the
    /// policy refused the run in Authorize. Later checkpoints contain the policy anyway.
    async fn persist_policy(&self, journal: &Journal) {
        let (progress, policy) = (self.progress(), self.policy());
        let Progress::Accepted(run @ AcceptedRun { policy: None, .. }) = progress else { return };
        let with_policy = Progress::Accepted(AcceptedRun { policy: Some(policy), ..run });
        if let Err(error) = journal.checkpoint(&with_policy, |_| {}).await {
            self.emit_note(format!(
                "the run's record does not contain the policy that was applied to the run: {error}"
            ));
        }
    }

    /// Returns whether the run is in a run store, so that another worker can continue it.
    pub(super) fn is_stored(&self) -> bool {
        self.journal.is_some()
    }

    /// Returns whether this worker lost its claim on the run. The worker must then publish and
    /// report nothing more.
    pub(super) fn is_fenced_out(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_fenced_out)
    }

    /// Acquires a token for the run's repository. Cleanup releases the token, if no earlier stage
    /// has released it.
    pub(super) async fn access(&self, grant: Grant, min_ttl: Duration) -> Result<Access> {
        self.tokens.acquire(self.repo(), grant, min_ttl, &self.redactor).await
    }

    /// Releases the run's tokens for `grant`, or all tokens of the run if `grant` is `None`.
    pub(super) async fn release(&self, grant: Option<Grant>) -> Result<()> {
        self.tokens.release(grant).await
    }
}
