//! Publish: pushes one branch and opens one pull request (spec: P7, X9).

use std::time::Duration;

use crate::git::PushError;
use crate::pipeline::halt::Halt;
use crate::pipeline::pull_request_text;
use crate::pipeline::run_context::RunContext;
use crate::progress::{CommittedRun, PublishedRun};
use crate::vcs::{Grant, NewPullRequest, PullRequest};
use crate::{Error, ErrorKind, Outcome, Result};

/// Minimum remaining lifetime of a write token, so that the token does not expire during the push
/// of a large change.
const PUBLISH_TTL: Duration = Duration::from_secs(10 * 60);

/// Acquires a write token, pushes the branch, finds or opens the pull request, and releases the
/// token.
pub(in crate::pipeline) async fn publish(
    run: &RunContext,
    committed: &CommittedRun,
) -> Result<PublishedRun, Halt> {
    let published = push_and_open(run, committed).await;
    if let Err(error) = run.release(Some(Grant::Publish)).await {
        run.emit_note(format!(
            "cannot revoke the run's write token, which can stay valid until it expires: {error}"
        ));
    }
    let CommittedRun { report, denied_hosts, policy, .. } = committed.clone();
    Ok(PublishedRun { pull_request: published?, report, denied_hosts, policy })
}

/// Returns the outcome of a run whose pull request is open.
pub(in crate::pipeline) fn opened(published: PublishedRun) -> Outcome {
    Outcome::PullRequest { pull_request: published.pull_request }
}

async fn push_and_open(run: &RunContext, committed: &CommittedRun) -> Result<PullRequest> {
    let CommittedRun { commit, branch, .. } = committed;
    let access = run.access(Grant::Publish, PUBLISH_TTL).await?;
    let (git, host) = (&run.parts.git, &run.parts.host);
    git.push(run.id, commit, branch, &access)
        .await
        .map_err(|failed| explain(run, failed).with_operation("push"))?;
    let event = run.event_without_secrets();
    let body = pull_request_text::body(run.id, &event, run.parts.agent.name(), &run.comment_data());
    let title = pull_request_text::title(&event);
    let cleaned = run.redacted(move |redactor| (redactor.clean(&title), redactor.clean(&body)));
    let (title, body) = cleaned.await?;
    let new = NewPullRequest {
        head: branch.clone(),
        base: committed.base.branch.clone(),
        title,
        body,
        draft: false,
    };
    host.open_pull_request(run.repo(), &new)
        .await
        .map_err(|error| error.with_operation("open_pull_request"))
}

/// Converts a failed push to an error. If the VCS host's adapter can explain why the host refused
/// the push, the error's message is this explanation. Otherwise returns git's error.
fn explain(run: &RunContext, failed: PushError) -> Error {
    match run.parts.host.explain_push_refusal(&failed.output) {
        Some(why) => Error::new(ErrorKind::PermissionDenied, why).with_source(failed.error),
        None => failed.error,
    }
}
