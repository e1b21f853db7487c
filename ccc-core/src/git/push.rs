//! One ref goes out, and we look whether it arrived (spec: X9, P7).

use super::HostGit;
use crate::vcs::Access;
use crate::{BranchName, Error, ErrorKind, ObjectId, Result, RunId};

/// A push that failed, with the output that a host's own rules can be read from.
#[derive(Debug)]
pub struct PushError {
    /// The failure, as git reports it.
    pub error: Error,
    /// What git and the remote printed, without secrets: untrusted text. Empty when git did not run.
    /// [`VcsHost::explain_push_refusal`](crate::VcsHost::explain_push_refusal) reads it.
    pub output: String,
}

impl PushError {
    /// Returns the kind of [`error`](Self::error).
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl From<Error> for PushError {
    fn from(error: Error) -> Self {
        Self { error, output: String::new() }
    }
}

impl From<PushError> for Error {
    fn from(failed: PushError) -> Self {
        failed.error
    }
}

impl std::fmt::Display for PushError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for PushError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

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
    ) -> Result<(), PushError> {
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
            (Err(taken), _) if taken.kind() == ErrorKind::AlreadyExists => Err(taken.into()),
            (_, Err(failed)) => Err(failed),
            (Err(error), Ok(())) => Err(error.into()),
            (Ok(false), Ok(())) => Err(Error::new(
                ErrorKind::Unexpected,
                format!("the remote took the push of `{branch}` and does not show it"),
            )
            .into()),
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
