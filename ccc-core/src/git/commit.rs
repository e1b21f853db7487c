//! The change as a commit: the same commit for the same base, tree and run (spec: P6).

use jiff::Timestamp;

use super::{ChangeSet, HostGit};
use crate::event::IssueEvent;
use crate::text::{self, one_line};
use crate::vcs::BotIdentity;
use crate::{ObjectId, Result, RunId};

/// What goes into a commit beside the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Author and committer.
    pub author: BotIdentity,
    /// Both dates: when the run was accepted.
    pub date: Timestamp,
    /// The message, with its trailers.
    pub message: String,
}

impl CommitInfo {
    /// The commit of a run. Nothing the agent says is in it; of what people wrote, the title alone,
    /// with mentions and references taken apart.
    #[must_use]
    pub fn for_run(
        run: RunId,
        event: &IssueEvent,
        agent: &str,
        author: BotIdentity,
        date: Timestamp,
    ) -> Self {
        let number = event.issue.number;
        // A title may say "fixes #7": in a commit on the default branch that would close issue 7.
        let title = text::quiet(&one_line(&event.issue.title, 60));
        let message = format!(
            "Solve issue {number}: {title}\n\nIssue: {}#{number}\nRun: {run}\nAgent: {}\n",
            event.repo,
            one_line(agent, 60)
        );
        Self { author, date, message }
    }
}

impl HostGit {
    /// Makes the commit in the run's own git directory. A pure function of its arguments: a run that
    /// is resumed makes the same one.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the run's objects are gone.
    pub async fn commit(
        &self,
        run: RunId,
        base: &ObjectId,
        tree: &ObjectId,
        info: &CommitInfo,
    ) -> Result<ObjectId> {
        let date = format!("@{} +0000", info.date.as_second());
        let commit = self
            .git("commit-tree")
            .dir(&self.paths(run).git_dir)
            .setting("core.fsync=objects")
            .env("GIT_AUTHOR_NAME", info.author.login.as_str())
            .env("GIT_AUTHOR_EMAIL", info.author.email.as_str())
            .env("GIT_AUTHOR_DATE", date.as_str())
            .env("GIT_COMMITTER_NAME", info.author.login.as_str())
            .env("GIT_COMMITTER_EMAIL", info.author.email.as_str())
            .env("GIT_COMMITTER_DATE", date.as_str())
            .args([tree.as_str(), "-p", base.as_str()])
            .stdin(info.message.as_bytes())
            .run()
            .await?;
        ObjectId::new(String::from_utf8_lossy(&commit).trim())
    }

    /// The change as a patch that `git apply` takes.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the run's objects are gone.
    pub async fn patch(&self, run: RunId, changes: &ChangeSet) -> Result<Vec<u8>> {
        self.git("diff-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-p", "--binary", "--no-ext-diff", "--no-textconv", "--full-index"])
            .args([changes.base.as_str(), changes.tree.as_str(), "--"])
            .run()
            .await
    }
}
