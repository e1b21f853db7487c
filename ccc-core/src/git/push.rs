//! The push of a branch, and the check after the push that the remote has the branch (spec: X9,
//! P7).

use super::HostGit;
use crate::vcs::Access;
use crate::{BranchName, Error, ErrorKind, ObjectId, Result, RunId};

/// The error of a failed push, and the output of git. If a rule of the VCS host forbids the push,
/// the output can name the rule.
#[derive(Debug)]
pub struct PushError {
    /// The error. The documentation of [`HostGit::push`] lists the possible kinds of this error.
    pub error: Error,
    /// The output of the command `git push`, including messages of the remote. The output is
    /// untrusted text with secrets redacted. It is empty if a step other than `git push` failed.
    /// [`VcsHost::explain_push_refusal`](crate::VcsHost::explain_push_refusal) interprets this
    /// text.
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
    /// Creates `branch` at `commit` on the remote. Succeeds without a push if the remote already
    /// has `branch` at `commit`. Never moves an existing branch.
    ///
    /// # Errors
    /// - [`ErrorKind::AlreadyExists`] if the remote has `branch` at a commit other than `commit`.
    /// - [`ErrorKind::PermissionDenied`] if the remote refuses the push.
    /// - [`ErrorKind::Unavailable`] if the remote does not answer.
    pub async fn push(
        &self,
        run: RunId,
        commit: &ObjectId,
        branch: &BranchName,
        access: &Access,
    ) -> Result<(), PushError> {
        if self.remote_has_branch_at_commit(run, commit, branch, access).await? {
            return Ok(());
        }
        let pushed = self
            .git("push")
            .dir(&self.paths(run).git_dir)
            .remote(access)?
            .args(["--porcelain", "--quiet", "--no-verify", "--no-follow-tags"])
            // The empty value after the colon means that the branch must not exist. With any other
            // value, the push could overwrite an existing branch.
            .arg(format!("--force-with-lease=refs/heads/{branch}:"))
            .arg("--")
            .arg(&access.clone_url)
            .arg(format!("{commit}:refs/heads/{branch}"))
            .run_porcelain()
            .await;
        // Check the refs of the remote, because its answer can be lost after it has accepted the
        // push.
        match (self.remote_has_branch_at_commit(run, commit, branch, access).await, pushed) {
            (Ok(true), _) => Ok(()),
            // Another push came first. This error is clearer than that of the failed push.
            (Err(taken), _) if taken.kind() == ErrorKind::AlreadyExists => Err(taken.into()),
            (_, Err(failed)) => Err(failed),
            (Err(error), Ok(())) => Err(error.into()),
            (Ok(false), Ok(())) => Err(Error::new(
                ErrorKind::Unexpected,
                format!(
                    "the remote accepted the push of the branch `{branch}`, but does not list the \
                     branch afterwards"
                ),
            )
            .into()),
        }
    }

    async fn remote_has_branch_at_commit(
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
        // `ls-remote` also lists names that end with this name; only the exact name counts.
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
                    "the branch `{branch}` already exists on the remote, but does not point to the \
                     commit of this run; nothing was pushed"
                ),
            )),
        }
    }
}
