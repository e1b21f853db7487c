//! One ref goes out, and we look whether it arrived (spec: X9, P7).

use super::HostGit;
use crate::vcs::Access;
use crate::{BranchName, Error, ErrorKind, ObjectId, Result, RunId};

impl HostGit {
    /// Puts `commit` on `branch` of the remote. Finds an earlier push of the same commit; never moves
    /// a branch that is there.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when somebody else's work is on the branch,
    /// [`ErrorKind::PermissionDenied`] when the remote refuses, [`ErrorKind::Unavailable`] when it
    /// does not answer.
    pub async fn push(
        &self,
        run: RunId,
        commit: &ObjectId,
        branch: &BranchName,
        access: &Access,
    ) -> Result<()> {
        if self.is_there(run, commit, branch, access).await? {
            return Ok(());
        }
        let pushed = self
            .git("push")
            .dir(&self.paths(run).git_dir)
            .remote(access)?
            .args(["--porcelain", "--quiet", "--no-verify", "--no-follow-tags"])
            // "Must not exist": the one lease that cannot overwrite anybody's work.
            .arg(format!("--force-with-lease=refs/heads/{branch}:"))
            .arg("--")
            .arg(&access.clone_url)
            .arg(format!("{commit}:refs/heads/{branch}"))
            .run_porcelain()
            .await;
        // The answer may have been lost after the push was taken: the remote's word counts.
        match (self.is_there(run, commit, branch, access).await, pushed) {
            (Ok(true), _) => Ok(()),
            // Somebody was faster: that says more than how the push failed.
            (Err(taken), _) if taken.kind() == ErrorKind::AlreadyExists => Err(taken),
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
            (Ok(false), Ok(_)) => Err(Error::new(
                ErrorKind::Unexpected,
                format!("the remote took the push of `{branch}` and does not show it"),
            )),
        }
    }

    async fn is_there(
        &self,
        run: RunId,
        commit: &ObjectId,
        branch: &BranchName,
        access: &Access,
    ) -> Result<bool> {
        let name = format!("refs/heads/{branch}");
        let listed = self
            .git("ls-remote")
            .dir(&self.paths(run).git_dir)
            .remote(access)?
            .args(["--refs", "--"])
            .arg(&access.clone_url)
            .arg(&name)
            .run()
            .await?;
        let listed = String::from_utf8_lossy(&listed);
        // ls-remote matches the end of names: only the whole name counts.
        let there = listed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, listed)| *listed == name)
            .map(|(object, _)| object);
        match there {
            None => Ok(false),
            Some(object) if object == commit.as_str() => Ok(true),
            Some(_) => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "the branch `{branch}` is taken by somebody else's work; nothing was pushed"
                ),
            )),
        }
    }
}
