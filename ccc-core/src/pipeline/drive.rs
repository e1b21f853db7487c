//! From an event to a report: the order of things when all goes well, and when it does not.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::Pipeline;
use super::cleanup::CleanupGuard;
use super::context::{Context, Ended, Journal, guarded, panicked};
use crate::event::IssueEvent;
use crate::observe::EventKind;
use crate::run::Checkpoint;
use crate::run_store::Claim;
use crate::{CancellationToken, Error, ErrorKind, Outcome, Result, RunId, RunStore, Stage};

/// How a run ended, and how telling people and cleaning up went: three truths, none hides another.
#[derive(Debug)]
#[must_use]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// How it ended; for a run that was put off, what it would have ended with.
    pub outcome: Outcome,
    /// Set when the host has nothing left for us until later: the run is to be gone on with after
    /// that time, and nobody was told of an end.
    pub postponed: Option<Duration>,
    /// Whether the person who waits was told.
    pub report: Result<()>,
    /// Whether nothing is left.
    pub cleanup: Result<()>,
}

impl Pipeline {
    /// Solves one issue. Never fails: what goes wrong is in the report.
    ///
    /// Dropping the future ends the run; what it had made is cleaned up all the same, by a task that
    /// [`settled`](Self::settled) waits for.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the system has no randomness for a [`RunId`]: nothing began.
    pub async fn run(&self, event: IssueEvent, cancel: &CancellationToken) -> Result<RunReport> {
        let now = self.parts.clock.now();
        let run = Context::new(
            Arc::clone(&self.parts),
            RunId::new(now)?,
            event,
            now,
            Checkpoint::default(),
            None,
        );
        Ok(self.drive(Arc::new(run), cancel).await)
    }

    /// Goes on with a claimed run from its checkpoint, and writes every step into the store under
    /// the claim's fence.
    pub async fn resume(
        &self,
        claim: Claim,
        store: Arc<dyn RunStore>,
        cancel: &CancellationToken,
    ) -> RunReport {
        let record = claim.record;
        let run = Context::new(
            Arc::clone(&self.parts),
            record.run,
            record.event,
            record.accepted_at,
            record.checkpoint,
            Some(Journal { store, fence: claim.fence }),
        );
        self.drive(Arc::new(run), cancel).await
    }

    async fn drive(&self, run: Arc<Context>, cancel: &CancellationToken) -> RunReport {
        let guard = CleanupGuard::arm(&self.parts, &run);
        let (clock, limits) = (&self.parts.clock, &self.parts.limits);
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                Err(Ended::By(Error::new(ErrorKind::Cancelled, "the run was cancelled")))
            }
            ended = AssertUnwindSafe(self.stages(&run)).catch_unwind() => {
                ended.unwrap_or_else(|panic| Err(Ended::By(panicked(&*panic))))
            }
            () = clock.sleep(limits.run) => Err(Ended::By(Error::new(
                ErrorKind::TimedOut,
                format!("the run took longer than {} s", limits.run.as_secs()),
            ))),
        };
        let stage = run.stage();
        let put_off = match &ended {
            Err(Ended::By(error)) if !cancel.is_cancelled() => run.put_off(error),
            _ => None,
        };
        let outcome = match ended {
            Ok(outcome) | Err(Ended::With(outcome)) => outcome,
            // Once cancelled, every error is the cancellation's doing, whatever it says.
            Err(Ended::By(_)) if cancel.is_cancelled() => Outcome::Cancelled { stage },
            Err(Ended::By(error)) => Outcome::from_error(stage, &error),
        };
        let outcome = run.redactor.clean_outcome(outcome);
        if let Some(wait) = put_off {
            return Self::put_off(&run, guard, outcome, wait).await;
        }
        self.keep_unpublished(&run, &outcome).await;
        let report = self.report(&run, &outcome).await;
        // What the checkpoint tells again can be told later.
        let told_again = matches!(outcome, Outcome::PullRequest { .. } | Outcome::Answered { .. });
        if let Err(error) = &report
            && told_again
            && let Some(wait) = run.put_off(error)
        {
            return Self::put_off(&run, guard, outcome, wait).await;
        }
        let finished = run.finish(&outcome).await;
        if let Err(error) = &finished {
            run.note(format!("the run store did not take the outcome: {error}"));
        }
        let cleanup = guard.clean_up(finished.is_ok()).await;
        run.emit(EventKind::Finished { outcome: outcome.clone() });
        RunReport { run: run.id, outcome, postponed: None, report, cleanup }
    }

    /// Leaves the run to its store, with what is durable of it.
    async fn put_off(
        run: &Context,
        guard: CleanupGuard,
        outcome: Outcome,
        wait: Duration,
    ) -> RunReport {
        run.note(format!("the host has nothing left for us: going on in {} s", wait.as_secs()));
        let cleanup = guard.clean_up(false).await;
        RunReport { run: run.id, outcome, postponed: Some(wait), report: Ok(()), cleanup }
    }

    /// Tells the person who waits, in a time of its own. A worker that lost its run says nothing.
    async fn report(&self, run: &Context, outcome: &Outcome) -> Result<()> {
        if run.is_fenced_out() {
            return Ok(());
        }
        run.emit(EventKind::StageStarted { stage: Stage::Report });
        let limit = self.parts.limits.report;
        let result = guarded(&*self.parts.clock, limit, self.comment_outcome(run, outcome)).await;
        let error = result.as_ref().err().map(ToString::to_string);
        run.emit(EventKind::StageFinished { stage: Stage::Report, error });
        result
    }
}
