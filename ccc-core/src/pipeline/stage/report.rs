//! Report: writes the run's comment on the issue. A run has only one comment. Later updates find
//! this comment by a marker that contains the run's id, and edit the comment (spec: P5).

use std::time::Duration;

use super::checkout::READ_TTL;
use crate::event::Trigger;
use crate::pipeline::bounded::guarded;
use crate::pipeline::comment;
use crate::pipeline::run_context::RunContext;
use crate::vcs::{Grant, ReactionTarget};
use crate::{Outcome, Result};

/// Time limit of [`announce`]. The agent starts only after `announce` has ended, so `announce`
/// delays the agent by at most this time.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(60);
/// Minimum remaining lifetime of the token for the final comment.
const COMMENT_TTL: Duration = Duration::from_secs(60);

/// Adds a reaction to the issue or comment that requested the run, and writes a comment that says
/// that the run has started. The flow calls this function at the same time as Checkout. A failure
/// only emits a note, because the run can continue without the reaction and the comment.
pub(in crate::pipeline) async fn announce(run: &RunContext) {
    let announced = guarded(&*run.parts.clock, ANNOUNCE_LIMIT, react_and_comment(run)).await;
    if let Err(error) = announced {
        run.emit_note(format!("cannot announce the start of the run on the issue: {error}"));
    }
}

async fn react_and_comment(run: &RunContext) -> Result<()> {
    let target = match &run.event.trigger {
        Trigger::Commented { comment, .. } => ReactionTarget::Comment(*comment),
        _ => ReactionTarget::Issue(run.event.issue.number),
    };
    run.access(Grant::Discuss, READ_TTL).await?;
    run.parts.host.react(run.repo(), target).await?;
    upsert(run, &comment::started(run.id, run.parts.agent.name())).await
}

/// Writes the outcome to the run's comment, within the time limit of the stage Report. Writes
/// nothing for a skipped run, because such a run has no comment. Also writes nothing if it is not
/// known whether the actor may start runs, because any number of accounts can request runs.
pub(in crate::pipeline) async fn report(run: &RunContext, outcome: &Outcome) -> Result<()> {
    let limit = run.parts.limits.report;
    guarded(&*run.parts.clock, limit, comment_outcome(run, outcome)).await
}

async fn comment_outcome(run: &RunContext, outcome: &Outcome) -> Result<()> {
    if matches!(outcome, Outcome::Skipped { .. }) || !run.is_permitted() {
        return Ok(());
    }
    run.access(Grant::Discuss, COMMENT_TTL).await?;
    let agent = run.parts.agent.name();
    let body = comment::ended(run.id, agent, outcome, &run.comment_data());
    upsert(run, &body).await
}

async fn upsert(run: &RunContext, body: &str) -> Result<()> {
    let body = body.to_owned();
    let body = &run.redacted(move |redactor| redactor.clean(&body)).await?;
    let marker = format!("run-{}", run.id);
    run.parts
        .host
        .upsert_comment(run.repo(), run.event.issue.number, &marker, body)
        .await
        .map_err(|error| error.with_operation("upsert_comment"))
}
