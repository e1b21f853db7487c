//! The flow of one run from start to end. Only this module knows the order of the ten stages and
//! emits the events of the stages. The dispatcher performs the first stage, Accept, when it stores
//! the run. A worker that claims the run executes the other stages with this flow.

use std::sync::Arc;

use super::bounded::{bounded, interruptible};
use super::cleanup_guard::CleanupGuard;
use super::ending::Ending;
use super::halt::Halt;
use super::logged::{finish, logged};
use super::postponement::{note_postponement, postponed_by_report};
use super::run_context::RunContext;
use super::run_report::RunReport;
use super::salvage::save_unpublished;
use super::stage::{
    Retain, announce, answer, authorize, checkout, cleanup, collect, commit, opened,
};
use super::stage::{or_published_before, provision, publish, report, work};
use crate::observe::EventKind::{StageFinished, StageStarted};
use crate::progress::{CollectedRun, CommittedRun, Progress};
use crate::{CancellationToken, Outcome, Result, Stage};

/// Executes the stages that follow the stored progress of `run`, up to and including Cleanup. Writes
/// the log of the run meanwhile.
pub(super) async fn drive(run: Arc<RunContext>, cancel: &CancellationToken) -> RunReport {
    logged(&run, Box::pin(drive_to_end(&run, cancel))).await
}

async fn drive_to_end(run: &Arc<RunContext>, cancel: &CancellationToken) -> RunReport {
    let guard = CleanupGuard::arm(run, |run, retain| {
        Box::pin(async move { after_outcome(&run, Stage::Cleanup, cleanup(&run, retain)).await })
    });
    let limit = run.parts.limits.run;
    let ended = interruptible(&*run.parts.clock, limit, cancel, Box::pin(stages(run))).await;
    let Ending { outcome, mut postponed } = Ending::new(run, ended, cancel.is_cancelled()).await;
    let mut reported = Ok(());
    if postponed.is_none() {
        save_unpublished(run, &outcome).await;
        if !run.is_fenced_out() {
            reported = after_outcome(run, Stage::Report, report(run, &outcome)).await;
        }
        postponed = postponed_by_report(run, &outcome, &reported);
    }
    if let Some(wait) = postponed {
        note_postponement(run, wait);
        let cleanup = guard.clean_up(Retain::for_successor(run)).await;
        return RunReport { run: run.id, outcome, postponed, report: Ok(()), cleanup };
    }
    let is_finished = finish(run, &outcome).await;
    let retain = if is_finished { Retain::Nothing } else { Retain::for_successor(run) };
    let cleanup = guard.clean_up(retain).await;
    run.emit_finished(outcome.clone());
    RunReport { run: run.id, outcome, postponed: None, report: reported, cleanup }
}

async fn stages(run: &RunContext) -> Result<Outcome, Halt> {
    let progress = run.progress();
    // A run whose pull request is open only needs its report.
    if !matches!(progress, Progress::Published(_)) {
        run.check_attempts().map_err(Halt::Error)?;
    }
    let continues = !matches!(progress, Progress::Accepted(_));
    let ended = match progress {
        Progress::Accepted(_) => from_authorize(run).await,
        Progress::Collected(collected) => from_commit(run, collected).await,
        Progress::Committed(committed) => from_publish(run, committed).await,
        Progress::Published(published) => return Ok(opened(published)),
    };
    or_published_before(run, continues, ended).await
}

async fn from_authorize(run: &RunContext) -> Result<Outcome, Halt> {
    let repository = stage(run, Stage::Authorize, authorize(run), |_| run.accepted()).await?;
    // `announce` and `checkout` are executed at the same time, because the adapter can delay writes
    // to the host and the checkout does not depend on these writes.
    let ((), checked_out) = tokio::join!(
        announce(run),
        stage(run, Stage::Checkout, checkout(run, &repository), |_| run.accepted()),
    );
    let checked_out = checked_out?;
    let provisioned = provision(run, &checked_out);
    let provisioned = stage(run, Stage::Provision, provisioned, |_| run.accepted()).await?;
    let worked = work(run, &provisioned, &checked_out.base);
    let report = stage(run, Stage::Work, worked, |_| run.accepted()).await?;
    let collected = collect(run, checked_out.base, report);
    let collected = stage(run, Stage::Collect, collected, |it| it.clone().into()).await?;
    from_commit(run, collected).await
}

async fn from_commit(run: &RunContext, collected: CollectedRun) -> Result<Outcome, Halt> {
    let Some(tree) = collected.tree.clone() else {
        return Ok(answer(collected));
    };
    let committed = commit(run, collected, tree);
    let committed = stage(run, Stage::Commit, committed, |it| it.clone().into()).await?;
    from_publish(run, committed).await
}

async fn from_publish(run: &RunContext, committed: CommittedRun) -> Result<Outcome, Halt> {
    stage(run, Stage::Publish, publish(run, &committed), |it| it.clone().into()).await.map(opened)
}

/// Executes `work`, the work of `stage`, within the time limit of the stage. `stage` must be
/// Publish or an earlier stage. Returns a panic as an error. If `work` succeeds, persists the
/// progress that `reached` returns.
async fn stage<T>(
    run: &RunContext,
    stage: Stage,
    work: impl Future<Output = Result<T, Halt>>,
    reached: impl FnOnce(&T) -> Progress,
) -> Result<T, Halt> {
    run.enter(stage);
    run.emit(StageStarted { stage });
    fault_point!(Some(run.id), "{stage}.begin");
    // The yield lets a cancellation take effect at the start of a stage, even if no call in the
    // earlier stages waited.
    tokio::task::yield_now().await;
    // The future is on the heap, because otherwise each wrapper around the future would contain a
    // copy of it.
    let (limit, work) = (run.parts.limits.stage_limit(stage), Box::pin(work));
    let mut ended = bounded(&*run.parts.clock, &format!("the stage {stage}"), limit, work).await;
    fault_point!(Some(run.id), "{stage}.done");
    if let Ok(value) = &ended
        && let Err(error) = run.advance(reached(value)).await
    {
        ended = Err(Halt::Error(error));
    }
    fault_point!(Some(run.id), "{stage}.stored");
    run.emit(StageFinished { stage, error: Halt::error_message(&ended) });
    ended
}

/// Executes `work`, the work of Report or Cleanup. These stages begin after the outcome of the run
/// is known, and do not change the outcome.
async fn after_outcome(
    run: &RunContext,
    stage: Stage,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    run.emit(StageStarted { stage });
    fault_point!(Some(run.id), "{stage}.begin");
    // The caller of the pipeline can show the error.
    let result = work.await.map_err(|error| error.cleaned(|text| run.redactor.clean(text)));
    let error = result.as_ref().err().map(ToString::to_string);
    fault_point!(Some(run.id), "{stage}.done");
    run.emit(StageFinished { stage, error });
    result
}
