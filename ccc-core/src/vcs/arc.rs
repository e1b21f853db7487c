//! The implementation of the VCS host port for shared VCS hosts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::VcsHost;
use super::access::{Access, Grant, Permission};
use super::records::{
    BotIdentity, Comment, Issue, NewPullRequest, PullRequest, ReactionTarget, Repository,
    RequestQuota,
};
use crate::BranchName;
use crate::Result;
use crate::event::{Actor, RepoRef};

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: VcsHost + ?Sized> VcsHost for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        (**self).permission(repo, actor).await
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        (**self).repository(repo).await
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        (**self).issue(repo, number).await
    }

    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        (**self).comments(repo, number, before).await
    }

    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        (**self).file_at_default_branch(repo, path).await
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        (**self).bot_identity().await
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        (**self).access(repo, grant, min_ttl).await
    }

    async fn release(&self, access: Access) -> Result<()> {
        (**self).release(access).await
    }

    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        (**self).react(repo, target).await
    }

    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        (**self).upsert_comment(repo, number, marker, body).await
    }

    async fn answer_refused(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        (**self).answer_refused(repo, number, marker, body).await
    }

    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        (**self).open_pull_request(repo, new).await
    }

    async fn find_pull_request(
        &self,
        repo: &RepoRef,
        head: &BranchName,
    ) -> Result<Option<PullRequest>> {
        (**self).find_pull_request(repo, head).await
    }

    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        (**self).explain_push_refusal(output)
    }

    fn request_quota(&self, repo: &RepoRef) -> Option<RequestQuota> {
        (**self).request_quota(repo)
    }
}
