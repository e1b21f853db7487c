//! A VCS host with a defect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, IssueEvent, RepoRef};
use ccc_core::testing::conformance::vcs_host::Fixture;
use ccc_core::testing::{FakeHost, Fakes};
use ccc_core::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository,
};
use ccc_core::{BranchName, Error, ErrorKind, Result, VcsHost, async_trait};
use jiff::Timestamp;

use crate::broken::Defect;

#[derive(Debug)]
pub(crate) struct BrokenHost {
    host: Arc<FakeHost>,
    defect: Defect,
    comments: AtomicU64,
}

impl BrokenHost {
    pub(crate) fn new(host: Arc<FakeHost>, defect: Defect) -> Self {
        Self { host, defect, comments: AtomicU64::new(0) }
    }

    pub(crate) fn fixture(fakes: Fakes, event: IssueEvent, defect: Defect) -> Fixture {
        let host = Self::new(Arc::clone(&fakes.host), defect);
        let stranger = Actor { id: 4, login: "stranger".to_owned(), kind: ActorKind::User };
        let branch = BranchName::new("work/1").unwrap();
        let issue = (event.repo, event.issue.number);
        Fixture::new(host, issue, (event.actor, stranger), branch, ("a", b"")).with_owned(fakes)
    }

    fn kind<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match self.defect {
            Defect::HostReportsAnotherErrorKind => Error::new(ErrorKind::Unavailable, "no"),
            _ => error,
        })
    }
}

#[async_trait]
impl VcsHost for BrokenHost {
    fn name(&self) -> &'static str {
        "broken"
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        self.host.permission(repo, actor).await
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        self.kind(self.host.repository(repo).await)
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        self.kind(self.host.issue(repo, number).await)
    }

    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        self.host.comments(repo, number, before).await
    }

    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        self.host.file_at_default_branch(repo, path).await
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        self.host.bot_identity().await
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        self.host.access(repo, grant, min_ttl).await
    }

    async fn release(&self, access: Access) -> Result<()> {
        self.host.release(access).await
    }

    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        self.host.react(repo, target).await
    }

    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let repeats = self.defect == Defect::HostRepeatsComments;
        let count = self.comments.fetch_add(u64::from(repeats), Ordering::Relaxed);
        self.host.upsert_comment(repo, number, &format!("{marker}-{count}"), body).await
    }

    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        self.host.open_pull_request(repo, new).await
    }
}
