use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Faults;
use crate::agent::{AgentNeeds, AgentReport, AgentSink, Task};
use crate::container::{Capabilities, Command, ContainerSpec, ExitStatus, OutputSink};
use crate::credential::{Precondition, StoredSecret, Version};
use crate::delivery_log::{LogPage, SentRequest};
use crate::event::{Actor, Delivery, IssueEvent, RepoRef};
use crate::progress::Progress;
use crate::run::{ActorCheck, RunRecord};
use crate::run_log::LogEntry;
use crate::run_store::{Accepted, Claim, Fence, Renewal};
use crate::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository, RequestQuota,
};
use crate::{
    Agent, BranchName, Container, ContainerRunner, CredentialKey, CredentialStore, DeliveryId,
    DeliveryLog, Outcome, Result, RunId, RunLog, RunStore, Secret, VcsHost,
};

/// A wrapper that forwards each call to an adapter. The wrapper's [`Faults`] value numbers the
/// calls from 0. If this value contains a fault for a call's number, the wrapper injects the fault
/// into the call. If several wrappers share one [`Faults`] value, the calls of all these wrappers
/// are numbered in one sequence.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use ccc_core::testing::{FakeRunner, Fault, Faults, Faulty};
/// use ccc_core::{ContainerRunner, ErrorKind};
///
/// let faults = std::sync::Arc::new(Faults::at(1, Fault::Fail(ErrorKind::Unavailable)));
/// let runner = Faulty::new(FakeRunner::default(), &faults);
/// assert!(runner.check().await.is_ok());
/// assert!(runner.check().await.is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    faults: Arc<Faults>,
}

impl<T> Faulty<T> {
    /// Wraps the adapter `inner`. `faults` records every asynchronous call of the adapter and
    /// injects the planned fault.
    pub fn new(inner: T, faults: &Arc<Faults>) -> Self {
        Self { inner, faults: Arc::clone(faults) }
    }
}

/// Forwards a call through [`Faults::around`].
macro_rules! through {
    ($self:ident, $name:expr, $call:ident($($argument:expr),*)) => {
        $self.faults.around($name, $self.inner.$call($($argument),*)).await
    };
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: CredentialStore> CredentialStore for Faulty<T> {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        through!(self, "credential_store.get", get(key))
    }
    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        when: Precondition,
    ) -> Result<Version> {
        through!(self, "credential_store.put", put(key, secret, when))
    }
    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        through!(self, "credential_store.delete", delete(key))
    }
    async fn list(&self) -> Result<Vec<CredentialKey>> {
        through!(self, "credential_store.list", list())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: ContainerRunner> ContainerRunner for Faulty<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn check(&self) -> Result<()> {
        through!(self, "container_runner.check", check())
    }
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let inner = through!(self, "container_runner.spawn", spawn(run, spec))?;
        Ok(Box::new(Faulty { inner, faults: Arc::clone(&self.faults) }))
    }
    async fn destroy(&self, run: RunId) -> Result<()> {
        through!(self, "container_runner.destroy", destroy(run))
    }
    async fn orphans(&self) -> Result<Vec<RunId>> {
        through!(self, "container_runner.orphans", orphans())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Container for Faulty<Box<dyn Container>> {
    fn workspace(&self) -> &Path {
        self.inner.workspace()
    }
    fn model_proxy(&self) -> Option<&str> {
        self.inner.model_proxy()
    }
    fn denied_hosts(&self) -> Vec<String> {
        self.inner.denied_hosts()
    }
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        through!(self, "container.exec", exec(command, output))
    }
    async fn stop(&self, grace: Duration) -> Result<()> {
        through!(self, "container.stop", stop(grace))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Agent> Agent for Faulty<T> {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn needs(&self) -> AgentNeeds {
        self.inner.needs()
    }
    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        through!(self, "agent.run", run(task, container, events))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: VcsHost> VcsHost for Faulty<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        through!(self, "vcs_host.permission", permission(repo, actor))
    }
    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        through!(self, "vcs_host.repository", repository(repo))
    }
    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        through!(self, "vcs_host.issue", issue(repo, number))
    }
    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        through!(self, "vcs_host.comments", comments(repo, number, before))
    }
    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        through!(self, "vcs_host.file_at_default_branch", file_at_default_branch(repo, path))
    }
    async fn bot_identity(&self) -> Result<BotIdentity> {
        through!(self, "vcs_host.bot_identity", bot_identity())
    }
    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        let name = match grant {
            Grant::Read => "vcs_host.access(read)",
            Grant::Discuss => "vcs_host.access(discuss)",
            Grant::Publish => "vcs_host.access(publish)",
        };
        through!(self, name, access(repo, grant, min_ttl))
    }
    async fn release(&self, access: Access) -> Result<()> {
        let name = match access.grant {
            Grant::Read => "vcs_host.release(read)",
            Grant::Discuss => "vcs_host.release(discuss)",
            Grant::Publish => "vcs_host.release(publish)",
        };
        through!(self, name, release(access))
    }
    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        through!(self, "vcs_host.react", react(repo, target))
    }
    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        through!(self, "vcs_host.upsert_comment", upsert_comment(repo, number, marker, body))
    }
    async fn answer_refused(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        through!(self, "vcs_host.answer_refused", answer_refused(repo, number, marker, body))
    }
    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        through!(self, "vcs_host.open_pull_request", open_pull_request(repo, new))
    }
    async fn find_pull_request(
        &self,
        repo: &RepoRef,
        head: &BranchName,
    ) -> Result<Option<PullRequest>> {
        through!(self, "vcs_host.find_pull_request", find_pull_request(repo, head))
    }
    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        self.inner.explain_push_refusal(output)
    }
    fn request_quota(&self, repo: &RepoRef) -> Option<RequestQuota> {
        self.inner.request_quota(repo)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: DeliveryLog> DeliveryLog for Faulty<T> {
    async fn page(&self, position: Option<String>) -> Result<LogPage> {
        through!(self, "delivery_log.page", page(position))
    }
    async fn request(&self, handle: u64) -> Result<SentRequest> {
        through!(self, "delivery_log.request", request(handle))
    }
    async fn redeliver(&self, handle: u64) -> Result<()> {
        through!(self, "delivery_log.redeliver", redeliver(handle))
    }
    async fn address(&self) -> Result<Option<String>> {
        through!(self, "delivery_log.address", address())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: RunStore> RunStore for Faulty<T> {
    async fn accept(
        &self,
        delivery: &Delivery,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted> {
        through!(self, "run_store.accept", accept(delivery, event, check))
    }
    async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>> {
        through!(self, "run_store.find_delivery", find_delivery(delivery))
    }
    async fn claim(&self, lease: Duration) -> Result<Option<Claim>> {
        through!(self, "run_store.claim", claim(lease))
    }
    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal> {
        through!(self, "run_store.renew", renew(run, fence, lease))
    }
    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()> {
        through!(self, "run_store.release", release(run, fence, delay))
    }
    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()> {
        through!(self, "run_store.advance", advance(run, fence, progress))
    }
    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()> {
        through!(self, "run_store.finish", finish(run, fence, outcome))
    }
    async fn request_cancel(&self, run: RunId) -> Result<()> {
        through!(self, "run_store.request_cancel", request_cancel(run))
    }
    async fn retry(&self, run: RunId) -> Result<Accepted> {
        through!(self, "run_store.retry", retry(run))
    }

    async fn unfinished(&self) -> Result<Vec<RunId>> {
        through!(self, "run_store.unfinished", unfinished())
    }

    async fn check(&self) -> Result<()> {
        through!(self, "run_store.check", check())
    }
    async fn get(&self, run: RunId) -> Result<Option<RunRecord>> {
        through!(self, "run_store.get", get(run))
    }
    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
        through!(self, "run_store.list", list(before, limit))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: RunLog> RunLog for Faulty<T> {
    async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        through!(self, "run_log.append", append(run, fence, entries))
    }
    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        through!(self, "run_log.tail", tail(run, from, limit))
    }
}
