//! Work and Collect: the agent edits, and we look at what it left.

use tokio::sync::watch;

use super::Pipeline;
use super::context::{Context, Ended, guarded, within};
use super::lines::Lines;
use crate::agent::{AgentEvent, AgentReport, Task, Verdict};
use crate::git::{ChangeSet, Collected};
use crate::observe::EventKind;
use crate::{Clock, Container, Error, ErrorKind, Outcome, Result, Stage};

/// The longest patch that is shown in a comment, bytes.
const MAX_SHOWN_PATCH: usize = 30_000;

impl Pipeline {
    /// The agent works until it is done or a limit is reached; then every program of it ends.
    pub(super) async fn work(
        &self,
        run: &Context,
        container: &dyn Container,
        task: &Task,
    ) -> Result<(), Ended> {
        let ended = self.run_agent(run, container, task).await;
        let ended = ended.map(|report| run.redactor.clean_report(report));
        run.record_denied_hosts(container);
        if let Ok(report) = &ended {
            run.note_down(|checkpoint| checkpoint.report = Some(report.clone()));
        }
        // Nothing may move in the workspace while we read it, however the agent ended.
        let (clock, grace) = (&*self.parts.clock, self.parts.limits.stop_grace);
        guarded(clock, grace + self.parts.limits.cleanup, container.stop(grace))
            .await
            .map_err(|error| error.with_operation("container.stop"))?;
        let (kind, reason) = match ended.map(|report| report.verdict) {
            Ok(Verdict::Completed) => return Ok(()),
            Ok(Verdict::Limited { reason }) => (ErrorKind::LimitExceeded, reason),
            Ok(Verdict::Failed { kind, reason }) => (kind, reason),
            Err(error) => (error.kind(), error.to_string()),
        };
        self.keep_work(run).await;
        Err(Ended::With(Outcome::Failed {
            stage: Stage::Work,
            kind,
            message: format!("the agent did not finish: {reason}"),
        }))
    }

    async fn run_agent(
        &self,
        run: &Context,
        container: &dyn Container,
        task: &Task,
    ) -> Result<AgentReport> {
        let (clock, limits) = (&*self.parts.clock, &self.parts.limits.agent);
        let (active, activity) = watch::channel(());
        let mut lines = Lines::default();
        let mut sink = |agent: AgentEvent| {
            active.send_replace(());
            if let Some(agent) = lines.next(agent).filter(|agent| *agent != AgentEvent::Alive) {
                run.emit(EventKind::Agent { agent });
            }
        };
        let timed_out = |what: &str, limit: std::time::Duration| {
            Error::new(ErrorKind::TimedOut, format!("{what} {} s", limit.as_secs()))
        };
        let ended = tokio::select! {
            biased;
            // The clocks first: an agent whose output never pauses would leave them no turn.
            () = clock.sleep(limits.wall) => Err(timed_out("it worked longer than", limits.wall)),
            () = silence(clock, activity, limits.idle) => {
                Err(timed_out("it was silent for", limits.idle))
            }
            report = self.parts.agent.run(task, container, &mut sink) => report,
        };
        lines.rest().for_each(|agent| run.emit(EventKind::Agent { agent }));
        ended
    }

    /// What changed, and may it leave? (spec: X6, X7, X10)
    pub(super) async fn collect(&self, run: &Context) -> Result<(), Ended> {
        match self.read_changes(run).await? {
            Collected::Nothing => Ok(()),
            Collected::Changes(changes) => {
                run.note_down(|checkpoint| checkpoint.tree = Some(changes.tree));
                Ok(())
            }
            Collected::Refused(refusal) => Err(Ended::With(Outcome::Refused {
                stage: Stage::Collect,
                reason: refusal.reason,
                paths: refusal.paths,
            })),
        }
    }

    async fn read_changes(&self, run: &Context) -> Result<Collected> {
        let base = run.checkpoint().base.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the run's checkpoint does not say what it started from")
        })?;
        self.parts.git.collect(run.id, &base, &self.parts.policy, &run.redactor).await
    }

    /// Keeps the work of a run that failed as a patch: on disk, and for the comment when it is short.
    async fn keep_work(&self, run: &Context) {
        let kept = async {
            match self.read_changes(run).await? {
                Collected::Changes(changes) => self.keep_patch(run, &changes).await,
                Collected::Nothing | Collected::Refused(_) => Ok(()),
            }
        };
        // The failure that brought us here is what counts; this one is told beside it.
        match within(&*self.parts.clock, self.parts.limits.stage, kept).await {
            Some(Err(error)) => run.note(format!("the unfinished work could not be kept: {error}")),
            None => run.note("the unfinished work could not be kept: it took too long"),
            Some(Ok(())) => {}
        }
    }

    pub(super) async fn keep_patch(&self, run: &Context, changes: &ChangeSet) -> Result<()> {
        let patch = self.parts.git.patch(run.id, changes).await?;
        let path = self.parts.git.patch_path(run.id);
        tokio::fs::write(&path, &patch).await.map_err(|e| {
            Error::new(ErrorKind::Unavailable, format!("cannot write {}", path.display()))
                .with_source(e)
        })?;
        run.note(format!("the work is kept in {}", path.display()));
        if let Ok(text) = String::from_utf8(patch)
            && text.len() <= MAX_SHOWN_PATCH
        {
            run.set_salvage(text);
        }
        Ok(())
    }

    /// Nothing changed: the agent's closing words are the answer.
    pub(super) fn answer(run: &Context) -> Outcome {
        let words = run.checkpoint().report.map(|report| report.summary).unwrap_or_default();
        let answer = if words.trim().is_empty() {
            "The agent changed nothing and gave no reason.".to_owned()
        } else {
            words
        };
        Outcome::Answered { answer }
    }
}

/// Ends when nothing happened for `idle`.
async fn silence(clock: &dyn Clock, mut activity: watch::Receiver<()>, idle: std::time::Duration) {
    loop {
        tokio::select! {
            biased;
            changed = activity.changed() => {
                if changed.is_err() {
                    // The agent's future is gone, and this one goes with it.
                    std::future::pending::<()>().await;
                }
            }
            () = clock.sleep(idle) => return,
        }
    }
}
