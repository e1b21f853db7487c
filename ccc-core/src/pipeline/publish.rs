//! Commit and Publish: one commit, one ref, one pull request.

use std::time::Duration;

use super::Pipeline;
use super::context::{Context, Ended, guarded};
use super::render;
use crate::git::{ChangeSet, CommitInfo, PushError};
use crate::run::Checkpoint;
use crate::vcs::{Grant, NewPullRequest, PullRequest};
use crate::{BranchName, Error, ErrorKind, Outcome, Result};

/// A push of a large change must not outlive its token.
const PUBLISH_TTL: Duration = Duration::from_secs(10 * 60);

impl Pipeline {
    /// The change as a commit: the same one, however often the run is resumed.
    pub(super) async fn commit(&self, run: &Context) -> Result<(), Ended> {
        let checkpoint = run.checkpoint();
        let (base, tree) = (known(checkpoint.base, "base")?, known(checkpoint.tree, "tree")?);
        let author = self.parts.host.bot_identity().await?;
        let agent = self.parts.agent.name();
        let info = CommitInfo::for_run(run.id, &run.event, agent, author, run.accepted_at);
        let commit = self.parts.git.commit(run.id, (&base, &tree), &info).await?;
        let branch = BranchName::for_run(run.event.issue.number, run.id)?;
        run.note_down(|checkpoint| {
            checkpoint.commit = Some(commit);
            checkpoint.branch = Some(branch);
        });
        Ok(())
    }

    /// A fresh token that can write, one push, one pull request; then the token is worth nothing.
    pub(super) async fn publish(&self, run: &Context) -> Result<Outcome, Ended> {
        let published = self.push_and_open(run).await;
        if let Err(error) = run.release(Some(Grant::Publish)).await {
            run.note(format!("the write token could not be revoked: {error}"));
        }
        match published {
            Ok(pull_request) => {
                run.note_down(|checkpoint| checkpoint.pull_request = Some(pull_request.clone()));
                Ok(Outcome::PullRequest { pull_request })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn push_and_open(&self, run: &Context) -> Result<PullRequest> {
        let checkpoint = run.checkpoint();
        let commit = known(checkpoint.commit.clone(), "commit")?;
        let branch = known(checkpoint.branch.clone(), "branch")?;
        let base = known(checkpoint.base_branch.clone(), "base branch")?;
        let access = run.access(Grant::Publish, PUBLISH_TTL).await?;
        self.parts
            .git
            .push(run.id, &commit, &branch, &access)
            .await
            .map_err(|failed| self.explain(failed).with_operation("push"))?;
        let new = NewPullRequest {
            head: branch,
            base,
            title: render::pull_request_title(&run.event),
            body: run.redactor.clean(&render::pull_request_body(
                run.id,
                &run.event,
                self.parts.agent.name(),
                &checkpoint,
            )),
            draft: false,
        };
        self.parts
            .host
            .open_pull_request(run.repo(), &new)
            .await
            .map_err(|error| error.with_operation("open_pull_request"))
    }

    /// Returns the host's explanation of a refused push, with what git printed behind it.
    fn explain(&self, failed: PushError) -> Error {
        match self.parts.host.explain_push_refusal(&failed.output) {
            Some(why) => Error::new(
                ErrorKind::PermissionDenied,
                format!("{why} ({})", failed.error.message()),
            ),
            None => failed.error,
        }
    }

    /// Keeps collected work that will not stand on the host as a patch; it was paid for.
    pub(super) async fn keep_unpublished(&self, run: &Context, outcome: &Outcome) {
        let Checkpoint { base: Some(base), tree: Some(tree), pull_request: None, .. } =
            run.checkpoint()
        else {
            return;
        };
        if !matches!(outcome, Outcome::Failed { .. } | Outcome::Cancelled { .. })
            || run.is_fenced_out()
        {
            return;
        }
        let changes = ChangeSet { base, tree, changes: Vec::new() };
        let kept = self.keep_patch(run, &changes);
        if let Err(error) = guarded(&*self.parts.clock, self.parts.limits.report, kept).await {
            run.note(format!("the work could not be kept: {error}"));
        }
    }
}

fn known<T>(part: Option<T>, name: &str) -> Result<T> {
    part.ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the run's checkpoint has no {name}: start a new run for the issue"),
        )
    })
}
