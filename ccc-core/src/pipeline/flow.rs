//! One run from start to end. This file alone has the order of the ten stages, and emits their events.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::bounded::{bounded, guarded, interruptible};
use super::cleanup_guard::CleanupGuard;
use super::ending::{self, Ending};
use super::halt::Halt;
use super::run_context::RunContext;
use super::run_report::RunReport;
use super::salvage::save_unpublished;
use super::stage::authorize::authorize;
use super::stage::checkout::checkout;
use super::stage::cleanup::{Retain, cleanup};
use super::stage::collect::{answer, collect};
use super::stage::commit::commit;
use super::stage::provision::provision;
use super::stage::publish::{opened, publish};
use super::stage::report::{greet, report};
use super::stage::work::work;
use crate::observe::EventKind::{Finished, StageFinished, StageStarted};
use crate::progress::{CollectedRun, CommittedRun, Progress};
use crate::{CancellationToken, Outcome, Result, Stage};

/// The time limit of the greeting, which holds up the work that much at most.
const GREET_WITHIN: Duration = Duration::from_secs(60);

/// Takes a run from its progress to its end. Accept came before: the
/// [`Dispatcher`](crate::dispatcher::Dispatcher) stored the run, and a worker claimed it.
pub(super) async fn drive(run: Arc<RunContext>, cancel: &CancellationToken) -> RunReport {
    let guard = CleanupGuard::arm(&run, |run, retain| {
        async move { outside(&run, Stage::Cleanup, cleanup(&run, retain)).await }.boxed()
    });
    let limit = run.parts.limits.run;
    let ended = interruptible(&*run.parts.clock, limit, cancel, Box::pin(stages(&run))).await;
    let Ending { outcome, mut postponed } = Ending::new(&run, ended, cancel.is_cancelled());
    let mut report = Ok(());
    if postponed.is_none() {
        save_unpublished(&run, &outcome).await;
        report = run_report(&run, &outcome).await;
        postponed = ending::postponed_by_report(&run, &outcome, &report);
    }
    if let Some(wait) = postponed {
        run.emit_note(format!("the host asks to wait: going on in {} s", wait.as_secs()));
        let cleanup = guard.clean_up(Retain::for_successor(&run)).await;
        return RunReport { run: run.id, outcome, postponed, report: Ok(()), cleanup };
    }
    let is_finished = run.finish(&outcome).await;
    let retain = if is_finished { Retain::Nothing } else { Retain::for_successor(&run) };
    let cleanup = guard.clean_up(retain).await;
    run.emit(Finished { outcome: outcome.clone() });
    RunReport { run: run.id, outcome, postponed: None, report, cleanup }
}

/// Goes on from the run's progress. The next four functions are the stages in their order.
async fn stages(run: &RunContext) -> Result<Outcome, Halt> {
    match run.progress() {
        Progress::Accepted(_) => from_authorize(run).await,
        Progress::Collected(collected) => from_commit(run, collected).await,
        Progress::Committed(committed) => from_publish(run, committed).await,
        Progress::Published(published) => Ok(opened(published)),
    }
}

async fn from_authorize(run: &RunContext) -> Result<Outcome, Halt> {
    let repository = stage(run, Stage::Authorize, authorize(run), |_| run.accepted()).await?;
    // Beside the work: a host that wants its writes apart makes nobody wait for files.
    let (greeted, checked_out) = tokio::join!(
        guarded(&*run.parts.clock, GREET_WITHIN, greet(run)),
        stage(run, Stage::Checkout, checkout(run, &repository), |_| run.accepted()),
    );
    if let Err(error) = greeted {
        run.emit_note(format!("could not say on the issue that the run began: {error}"));
    }
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

/// Runs one of the stages up to Publish: bounds it, catches panics, persists what it reached.
async fn stage<T>(
    run: &RunContext,
    stage: Stage,
    work: impl Future<Output = Result<T, Halt>>,
    reached: impl FnOnce(&T) -> Progress,
) -> Result<T, Halt> {
    let limits = &run.parts.limits;
    let limit = if stage == Stage::Work { limits.run } else { limits.stage };
    run.enter(stage);
    run.emit(StageStarted { stage });
    // A cancellation takes hold at the edge of a stage, also when no call in it ever waits.
    tokio::task::yield_now().await;
    // On the heap: each wrapper around a future would hold it a second time.
    let work = Box::pin(work);
    let mut ended = bounded(&*run.parts.clock, &stage.to_string(), limit, work).await;
    if let Ok(value) = &ended
        && let Err(error) = run.advance(reached(value)).await
    {
        ended = Err(Halt::Error(error));
    }
    let error = match &ended {
        Err(Halt::Error(error)) => Some(error.to_string()),
        _ => None,
    };
    run.emit(StageFinished { stage, error });
    ended
}

/// Reports the outcome on the issue. A worker that lost its run reports nothing.
async fn run_report(run: &RunContext, outcome: &Outcome) -> Result<()> {
    if run.is_fenced_out() {
        return Ok(());
    }
    let limit = run.parts.limits.report;
    outside(run, Stage::Report, guarded(&*run.parts.clock, limit, report(run, outcome))).await
}

/// Runs a stage that comes after the outcome, which it does not change.
async fn outside(
    run: &RunContext,
    stage: Stage,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    run.emit(StageStarted { stage });
    let result = work.await;
    let error = result.as_ref().err().map(ToString::to_string);
    run.emit(StageFinished { stage, error });
    result
}
