//! Commits and patches of a run. The same base, tree and run give the same commit (spec: P6).

use super::commit_message::CommitInfo;
use super::{ChangeSet, HostGit};
use crate::{ObjectId, Result, RunId};

impl HostGit {
    /// Creates a commit of `tree` with the parent `base` in the git directory of `run`. Returns the
    /// id of the commit. The id depends only on the arguments, so that a resumed run creates the
    /// same commit again.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if `base` or `tree` does not exist in the git
    /// directory of `run`.
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

    /// Returns `changes` as a patch that `git apply` accepts.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the base or the tree of `changes` does not exist
    /// in the git directory of `run`.
    pub async fn patch(&self, run: RunId, changes: &ChangeSet) -> Result<Vec<u8>> {
        self.git("diff-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-p", "--binary", "--no-ext-diff", "--no-textconv", "--full-index"])
            .args([changes.base.as_str(), changes.tree.as_str(), "--"])
            .run()
            .await
    }
}
