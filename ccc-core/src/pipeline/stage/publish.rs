//! Publish: pushes one branch and opens one pull request (spec: P7, X9).

use std::time::Duration;

use crate::git::PushError;
use crate::pipeline::halt::Halt;
use crate::pipeline::pull_request_text;
use crate::pipeline::run_context::RunContext;
use crate::progress::{CommittedRun, PublishedRun};
use crate::vcs::{Grant, NewPullRequest, PullRequest};
use crate::{Error, ErrorKind, Outcome, Result, VcsHost};

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
        .map_err(|failed| explain(host.as_ref(), failed).with_operation("push"))?;
    fault_point!(Some(run.id), "publish.pushed");
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
    let opened = host.open_pull_request(run.repo(), &new).await;
    fault_point!(Some(run.id), "publish.opened");
    opened.map_err(|error| error.with_operation("open_pull_request"))
}

/// Converts a failed push to an error. If the VCS host's adapter can explain why the host refused
/// the push, the error's message is this explanation. Otherwise returns git's error.
fn explain(host: &dyn VcsHost, failed: PushError) -> Error {
    // Other failures, such as those of the network, have messages of the host too.
    if failed.kind() != ErrorKind::PermissionDenied {
        return failed.error;
    }
    match host.explain_push_refusal(&failed.output) {
        Some(why) => Error::new(ErrorKind::PermissionDenied, why).with_source(failed.error),
        None => failed.error,
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::MockVcsHost;

    #[test]
    fn only_a_refused_push_is_explained() {
        // spec: G7c
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, "the rules refuse it"),
            (ErrorKind::Unauthenticated, "git failed"),
            (ErrorKind::NotFound, "git failed"),
            (ErrorKind::Unavailable, "git failed"),
        ] {
            let mut host = MockVcsHost::new();
            let why = Some("the rules refuse it".to_owned());
            host.expect_explain_push_refusal().return_const(why);
            let output = "remote: Internal Server Error".to_owned();
            let failed = PushError { error: Error::new(kind, "git failed"), output };
            let error = explain(&host, failed);
            assert_eq!((error.kind(), error.message()), (kind, expected));
        }
    }
}
