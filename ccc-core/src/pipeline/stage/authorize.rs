//! Authorize: checks that the actor may start a run, and that the issue is open. A run costs money,
//! so not every user may start one (spec: W10, G9, X11).

use crate::event::{IssueEvent, Trigger};
use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::run::SkipReason;
use crate::untrusted_text::displayed_markdown;
use crate::vcs::{Grant, Permission, Repository};
use crate::{Error, ErrorKind, Result, Stage};

use super::checkout::READ_TTL;

/// Checks the actor's permission, the runner's isolation, the issue and the repository. Returns the
/// current state of the repository.
pub(in crate::pipeline) async fn authorize(run: &RunContext) -> Result<Repository, Halt> {
    let (host, policy, event) = (&run.parts.host, &run.parts.policy, &run.event);
    let us = host.bot_identity().await?;
    policy.check_event(event, &us).map_err(Halt::skipped)?;
    policy.check_event(&as_displayed(event).await?, &us).map_err(Halt::skipped)?;
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
        let reason =
            "the repository is archived, so nothing can be pushed to it: unarchive it first";
        return Err(Halt::refused(Stage::Authorize, reason, Vec::new()));
    }
    Ok(repository)
}

/// Returns `event` with the text of its comment as the VCS host displays it. A mention that no
/// reader of the comment sees requests no run (spec: X20d).
async fn as_displayed(event: &IssueEvent) -> Result<IssueEvent> {
    let mut event = event.clone();
    if let Trigger::Commented { body, .. } = &mut event.trigger {
        let source = std::mem::take(body);
        let reading = tokio::task::spawn_blocking(move || displayed_markdown(&source, usize::MAX));
        *body = reading.await.map_err(|e| {
            let line = "the task that reads the comment ended without a result";
            Error::new(ErrorKind::Unexpected, line).with_source(e)
        })?;
    }
    Ok(event)
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
        run.emit_note(
            "the issue was edited after the action that requested the run: the agent gets the \
             text that the issue had at the time of that action",
        );
    }
    Ok(())
}

/// Returns the [`Halt`] of a run that must not start, because `runner` has no isolation and the
/// actor's `permission` is lower than write permission. If the actor only opened or reopened the
/// issue, the [`Halt`] skips the run without a reply.
fn not_isolated(run: &RunContext, runner: &str, permission: Permission) -> Halt {
    if is_implicit_request(run) {
        return Halt::skipped(SkipReason::NotPermitted);
    }
    let reason = format!(
        "the {runner} runner has no isolation, so starting a run requires write permission, but {} \
         has {permission} permission: the operator can choose a runner with isolation, add this \
         account to the policy's allowed actors, or permit runs without isolation",
        run.event.actor.login
    );
    Halt::refused(Stage::Authorize, reason, Vec::new())
}

/// Returns the [`Halt`] of a run that must not start, because the actor's `permission` is lower
/// than the required permission `least`. If the actor only opened or reopened the issue, the
/// [`Halt`] skips the run without a reply, because every user may open issues.
fn not_permitted(run: &RunContext, least: Permission, permission: Permission) -> Halt {
    if is_implicit_request(run) {
        return Halt::skipped(SkipReason::NotPermitted);
    }
    let reason = format!(
        "starting a run requires {least} permission on this repository, but {} has {permission} \
         permission: ask a user with {least} permission to request the run",
        run.event.actor.login
    );
    Halt::refused(Stage::Authorize, reason, Vec::new())
}

/// Returns whether the event only opened or reopened an issue, which is not an explicit request for
/// a run.
fn is_implicit_request(run: &RunContext) -> bool {
    matches!(run.event.trigger, Trigger::Opened | Trigger::Reopened)
}
