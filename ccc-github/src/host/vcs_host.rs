//! The implementation of the trait [`VcsHost`] for [`GitHub`]. Each method adds its own name to the
//! errors that it returns.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::event::{Actor, RepoRef};
use ccc_core::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository, RequestQuota,
};
use ccc_core::{BranchName, Result, Secret, VcsHost};
use jiff::Timestamp;

use crate::host::github::GitHub;
use crate::host::push_refusal;

impl GitHub {
    async fn lease(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        // An invalid repository name is detected before the lease. An error after the lease would
        // leave a lease that the caller cannot end.
        self.tokens.endpoints.clone_url(repo)?;
        let (token, expires_at) = self.tokens.lease(repo, grant, min_ttl).await?;
        let clone_url = self.tokens.endpoints.clone_url(&self.tokens.current(repo))?;
        let pair = Secret::new([b"x-access-token:", token.expose()].concat());
        let basic = Secret::from(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
        Ok(Access::open(grant, clone_url).with_token(token, basic, Some(expires_at)))
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl VcsHost for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        let done = self.read_permission(repo, actor).await;
        done.map_err(|e| e.with_operation("vcs_host.permission"))
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        let done = self.read_repository(repo).await;
        done.map_err(|e| e.with_operation("vcs_host.repository"))
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        let done = self.read_issue(repo, number).await;
        done.map_err(|e| e.with_operation("vcs_host.issue"))
    }

    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        let done = self.read_comments(repo, number, before).await;
        done.map_err(|e| e.with_operation("vcs_host.comments"))
    }

    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        let done = self.read_file(repo, path).await;
        done.map_err(|e| e.with_operation("vcs_host.file_at_default_branch"))
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        let done = self.bot().await;
        done.map_err(|e| e.with_operation("vcs_host.bot_identity"))
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        let done = self.lease(repo, grant, min_ttl).await;
        done.map_err(|e| e.with_operation("vcs_host.access"))
    }

    async fn release(&self, access: Access) -> Result<()> {
        let Some(token) = &access.token else {
            return Ok(());
        };
        let done = self.tokens.release(token).await;
        done.map_err(|e| e.with_operation("vcs_host.release"))
    }

    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        let done = self.write_reaction(repo, target).await;
        done.map_err(|e| e.with_operation("vcs_host.react"))
    }

    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let done = self.write_comment(repo, number, marker, body).await;
        done.map_err(|e| e.with_operation("vcs_host.upsert_comment"))
    }

    async fn answer_refused(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let done = self.write_answer(repo, number, marker, body).await;
        done.map_err(|e| e.with_operation("vcs_host.answer_refused"))
    }

    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        let done = self.find_or_open(repo, new).await;
        done.map_err(|e| e.with_operation("vcs_host.open_pull_request"))
    }

    async fn find_pull_request(
        &self,
        repo: &RepoRef,
        head: &BranchName,
    ) -> Result<Option<PullRequest>> {
        let find = async {
            let author = self.bot().await?.id;
            Ok::<_, ccc_core::Error>(self.find_pull(repo, head, Some(author)).await?)
        };
        find.await.map_err(|e| e.with_operation("vcs_host.find_pull_request"))
    }

    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        push_refusal::explain(output)
    }

    fn request_quota(&self, repo: &RepoRef) -> Option<RequestQuota> {
        self.tokens.quota(repo)
    }
}
