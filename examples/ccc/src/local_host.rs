//! A VCS host for a git repository on this host machine.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository,
};
use ccc_core::{BranchPrefix, Error, ErrorKind, Result, VcsHost, async_trait};
use jiff::Timestamp;

use crate::local_repository::RepositoryView;
use crate::local_repository_check::CheckedRepository;

/// A [`VcsHost`] for a git repository on this host machine. This VCS host has one issue, and needs
/// no network access and no tokens. A pull request consists of a branch in the repository and a
/// description. Hooks and programs in the configuration of the repository are not executed.
#[derive(Debug)]
pub struct LocalHost {
    repo: RepoRef,
    path: PathBuf,
    /// The git directory that the pipeline fetches from and pushes into.
    view: RepositoryView,
    default_branch: String,
    issue: IssueSnapshot,
    pull_request: Mutex<Option<NewPullRequest>>,
}

/// Locks `mutex`, even if it is poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalHost {
    /// Opens the git repository that contains the directory `path` as a VCS host with one issue. The
    /// issue consists of `text`, whose first line is the title. The checked-out branch is the
    /// default branch. `prefix` is the prefix of the branches that runs create. `now` is the time at
    /// which the issue was last changed.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] if there is no git repository at or above `path`, or if no branch
    ///   is checked out.
    /// - [`ErrorKind::InvalidInput`] if `text` is empty or a run cannot use the repository.
    /// - [`ErrorKind::Refused`] if the repository belongs to another user and git's setting
    ///   `safe.directory` does not permit it.
    pub async fn open(
        path: &Path,
        text: &str,
        prefix: &BranchPrefix,
        now: Timestamp,
    ) -> Result<Self> {
        let (title, body) = title_and_body(text)?;
        let CheckedRepository { root: path, view, branch } =
            CheckedRepository::open(path, prefix).await?;
        let inode = std::fs::metadata(&path).map(|found| found.ino()).unwrap_or_default();
        let name = path.file_name().map_or("repository".into(), |name| name.to_string_lossy());
        let repo = RepoRef {
            host: "local".to_owned(),
            id: inode,
            owner: "local".to_owned(),
            name: name.into_owned(),
        };
        let issue = IssueSnapshot {
            number: 0,
            title: title.to_owned(),
            body: body.trim().to_owned(),
            author: operator_account(),
            updated_at: now,
        };
        let pull_request = Mutex::default();
        Ok(Self { repo, path, view, default_branch: branch, issue, pull_request })
    }

    /// Returns the event that starts the run: the operator opened the issue.
    #[must_use]
    pub fn event(&self) -> IssueEvent {
        IssueEvent {
            repo: self.repo.clone(),
            issue: self.issue.clone(),
            trigger: Trigger::Opened,
            actor: operator_account(),
            via_app: None,
            actor_is_member: false,
        }
    }

    /// Returns the branch, the title and the description of the pull request, or `None` if the run
    /// opened no pull request.
    #[must_use]
    pub fn pull_request(&self) -> Option<NewPullRequest> {
        lock(&self.pull_request).clone()
    }
}

/// Returns the account that represents the operator.
fn operator_account() -> Actor {
    Actor { id: 1, login: "you".to_owned(), kind: ActorKind::User }
}

/// Splits the text of an issue into its title, which is the first line, and its body.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `text` is empty.
pub(crate) fn title_and_body(text: &str) -> Result<(&str, &str)> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the text of the issue is empty: the first line must contain the title",
        ));
    }
    Ok(text.split_once('\n').unwrap_or((text, "")))
}

#[async_trait]
impl VcsHost for LocalHost {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn permission(&self, _: &RepoRef, _: &Actor) -> Result<Permission> {
        Ok(Permission::Admin)
    }

    async fn repository(&self, _: &RepoRef) -> Result<Repository> {
        Ok(Repository::new(self.repo.clone(), &self.default_branch))
    }

    async fn issue(&self, _: &RepoRef, number: u64) -> Result<Issue> {
        let issue = &self.issue;
        Ok(Issue::new(number, &issue.title, issue.author.clone())
            .with_body(&issue.body)
            .with_updated_at(issue.updated_at))
    }

    async fn comments(&self, _: &RepoRef, _: u64, _: Timestamp) -> Result<Vec<Comment>> {
        Ok(Vec::new())
    }

    async fn file_at_default_branch(&self, _: &RepoRef, _: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        Ok(BotIdentity::new(0, "ccc", "ccc@localhost"))
    }

    async fn access(&self, _: &RepoRef, grant: Grant, _: Duration) -> Result<Access> {
        Ok(Access::open(grant, self.view.path().to_string_lossy()))
    }

    async fn release(&self, _: Access) -> Result<()> {
        Ok(())
    }

    async fn react(&self, _: &RepoRef, _: ReactionTarget) -> Result<()> {
        Ok(())
    }

    /// Does nothing, because the program prints the outcome for the operator.
    async fn upsert_comment(&self, _: &RepoRef, _: u64, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    async fn open_pull_request(&self, _: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        *lock(&self.pull_request) = Some(new.clone());
        let url = format!("branch {} in {}", new.head, self.path.display());
        Ok(PullRequest::new(url, new.head.clone()))
    }
}
