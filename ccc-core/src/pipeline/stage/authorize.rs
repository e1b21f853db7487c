//! Authorize: whether the actor may spend money here, on this issue, now (spec: W10, G9, X11).

use crate::event::Trigger;
use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::run::SkipReason;
use crate::vcs::{Grant, Permission, Repository};
use crate::{ErrorKind, Stage};

use super::checkout::READ_TTL;

/// Checks the actor's permission, the runner's isolation, the issue and the repository. Returns the
/// repository as it is now.
pub(in crate::pipeline) async fn authorize(run: &RunContext) -> Result<Repository, Halt> {
    let (host, policy, event) = (&run.parts.host, &run.parts.policy, &run.event);
    let us = host.bot_identity().await?;
    policy.wants(event, &us).map_err(Halt::skipped)?;
    run.access(Grant::Read, READ_TTL).await?;
    let permission = host.permission(run.repo(), &event.actor).await?;
    if !policy.permits(event, permission) {
        return Err(not_permitted(run, policy.permission, permission));
    }
    let runner = &run.parts.runner;
    if !runner.capabilities().isolated && !policy.permits_unisolated(event, permission) {
        return Err(not_isolated(run, runner.name(), permission));
    }
    check_issue(run).await?;
    let repository = host.repository(run.repo()).await?;
    if repository.archived {
        let reason = "the repository is archived: nothing can be pushed to it";
        return Err(Halt::refused(Stage::Authorize, reason, Vec::new()));
    }
    Ok(repository)
}

/// Checks that the issue is still there and open to work.
async fn check_issue(run: &RunContext) -> Result<(), Halt> {
    let event = &run.event;
    let issue = match run.parts.host.issue(run.repo(), event.issue.number).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Halt::skipped(SkipReason::IssueGone));
        }
        issue => issue?,
    };
    for (stands_in_the_way, reason) in [
        (issue.is_pull_request, SkipReason::PullRequest),
        (!issue.open, SkipReason::IssueClosed),
        (issue.locked, SkipReason::IssueLocked),
    ] {
        if stands_in_the_way {
            return Err(Halt::skipped(reason));
        }
    }
    if issue.title != event.issue.title || issue.body != event.issue.body {
        run.emit_note("the issue was edited since: the run works from the text that was signed");
    }
    Ok(())
}

/// Refuses a run for an actor whom the operator lets start runs, but only behind isolation.
fn not_isolated(run: &RunContext, runner: &str, permission: Permission) -> Halt {
    if is_unasked(run) {
        return Halt::skipped(SkipReason::NotPermitted);
    }
    let reason = format!(
        "the {runner} runner isolates nothing, and works for people with write permission alone, not \
         {permission}: the operator can choose a runner that isolates, add the account to the \
         policy's allowed actors, or permit runs without isolation"
    );
    Halt::refused(Stage::Authorize, reason, Vec::new())
}

/// Refuses a run for an actor with too little permission. Only an explicit request gets a reply:
/// opening an issue is everybody's right.
fn not_permitted(run: &RunContext, least: Permission, permission: Permission) -> Halt {
    if is_unasked(run) {
        return Halt::skipped(SkipReason::NotPermitted);
    }
    let reason = format!(
        "starting a run takes {least} permission on this repository, and {} has {permission} \
         permission",
        run.event.actor.login
    );
    Halt::refused(Stage::Authorize, reason, Vec::new())
}

fn is_unasked(run: &RunContext) -> bool {
    matches!(run.event.trigger, Trigger::Opened | Trigger::Reopened)
}
