//! The change as a commit: the same commit for the same base, tree and run (spec: P6).

use super::commit_message::CommitInfo;
use super::{ChangeSet, HostGit};
use crate::{ObjectId, Result, RunId};

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
