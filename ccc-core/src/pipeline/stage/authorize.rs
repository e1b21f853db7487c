//! Authorize: checks that the actor may start a run, and that the issue is open. A run costs money,
//! so not every user may start one (spec: W10, G9, X11).

use crate::pipeline::halt::Halt;
use crate::pipeline::request::reason_to_skip;
use crate::pipeline::run_context::RunContext;
use crate::run::SkipReason;
use crate::vcs::{Grant, Permission, Repository};
use crate::{ErrorKind, Result, Stage};

use super::checkout::READ_TTL;

/// Checks the actor's permission, the runner's isolation, the issue and the repository. Returns the
/// current state of the repository.
pub(in crate::pipeline) async fn authorize(run: &RunContext) -> Result<Repository, Halt> {
    let (host, policy, event) = (&run.parts.host, &run.parts.policy, &run.event);
    let us = host.bot_identity().await?;
    if let Some(reason) = reason_to_skip(policy, event, &us).await? {
        return Err(Halt::skipped(reason));
    }
    run.access(Grant::Read, READ_TTL).await?;
    let permission = host.permission(run.repo(), &event.actor).await?;
    if !run.parts.permits(event, permission) {
        // Nothing is written here, because any number of accounts can request runs. The dispatcher
        // answers such an account at most once a day for each issue (spec: W11d).
        run.emit_note(not_permitted(run, permission));
        return Err(Halt::skipped(SkipReason::NotPermitted));
    }
    run.permit();
    let is_isolated = run.parts.runner.capabilities().isolated;
    run.record_exceptions(policy.start_exceptions(event, permission, is_isolated));
    check_issue(run).await?;
    let repository = host.repository(run.repo()).await?;
    if repository.archived {
        let reason =
            "the repository is archived, so nothing can be pushed to it: unarchive it first";
        return Err(Halt::refused(Stage::Authorize, reason, Vec::new()));
    }
    Ok(repository)
}

/// Checks that the issue still exists, is not a pull request, is open and is not locked.
async fn check_issue(run: &RunContext) -> Result<(), Halt> {
    let event = &run.event;
    let issue = match run.parts.host.issue(run.repo(), event.issue.number).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Halt::skipped(SkipReason::IssueGone));
        }
        issue => issue?,
    };
    for (applies, reason) in [
        (issue.is_pull_request, SkipReason::PullRequest),
        (!issue.open, SkipReason::IssueClosed),
        (issue.locked, SkipReason::IssueLocked),
    ] {
        if applies {
            return Err(Halt::skipped(reason));
        }
    }
    if issue.title != event.issue.title || issue.body != event.issue.body {
        let line = "the issue was edited after the action that requested the run: the agent gets the \
             text that the issue had at the time of that action";
        run.emit_note(line);
        run.record_exceptions(vec![line.to_owned()]);
    }
    Ok(())
}

/// Returns the note for a run that is skipped, because the actor's `permission` is not sufficient.
fn not_permitted(run: &RunContext, permission: Permission) -> String {
    let (parts, event) = (&run.parts, &run.event);
    let isolation = match parts.policy.permits(event, permission) {
        true => format!("the {} runner has no isolation, so ", parts.runner.name()),
        false => String::new(),
    };
    format!(
        "the run is skipped: {isolation}starting a run requires {} permission on this repository, \
         but {} has {permission} permission; the operator can add this account to the policy's \
         allowed actors",
        parts.required_permission(),
        event.actor.login
    )
}
