//! Mocks of the ports. A test sets the calls that a mock expects, and the results of these calls.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use mockall::mock;

use crate::container::{Capabilities, Container, ContainerSpec};
use crate::credential::{Precondition, StoredSecret, Version};
use crate::delivery_log::{LogPage, SentRequest};
use crate::event::{Actor, Delivery, IssueEvent, RepoRef};
use crate::intake::Admission;
use crate::observe::Event;
use crate::run::{ActorCheck, RunRecord};
use crate::run_log::LogEntry;
use crate::run_store::{Accepted, Claim, Fence, Renewal};
use crate::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository,
};
use crate::{
    BranchName, Clock, ContainerRunner, CredentialKey, CredentialStore, DeliveryId, DeliveryLog,
    Intake, Observer, Outcome, Progress, Result, RunId, RunLog, RunStore, Secret, VcsHost,
};

mock! {
    /// A [`mockall`] mock of [`Clock`](crate::Clock).
    #[derive(Debug)]
    pub Clock {}

    #[async_trait]
    impl Clock for Clock {
        fn now(&self) -> Timestamp;
        async fn sleep(&self, duration: Duration);
    }
}

mock! {
    /// A [`mockall`] mock of [`ContainerRunner`](crate::ContainerRunner).
    #[derive(Debug)]
    pub ContainerRunner {}

    #[async_trait]
    impl ContainerRunner for ContainerRunner {
        fn name(&self) -> &'static str;
        fn capabilities(&self) -> Capabilities;
        async fn check(&self) -> Result<()>;
        async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>>;
        async fn destroy(&self, run: RunId) -> Result<()>;
        async fn orphans(&self) -> Result<Vec<RunId>>;
    }
}

mock! {
    /// A [`mockall`] mock of [`CredentialStore`](crate::CredentialStore).
    #[derive(Debug)]
    pub CredentialStore {}

    #[async_trait]
    impl CredentialStore for CredentialStore {
        async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>>;
        async fn put(
            &self,
            key: &CredentialKey,
            secret: &Secret,
            precondition: Precondition,
        ) -> Result<Version>;
        async fn delete(&self, key: &CredentialKey) -> Result<()>;
        async fn list(&self) -> Result<Vec<CredentialKey>>;
    }
}

mock! {
    /// A [`mockall`] mock of [`DeliveryLog`](crate::DeliveryLog).
    #[derive(Debug)]
    pub DeliveryLog {}

    #[async_trait]
    impl DeliveryLog for DeliveryLog {
        async fn page(&self, position: Option<String>) -> Result<LogPage>;
        async fn request(&self, handle: u64) -> Result<SentRequest>;
        async fn redeliver(&self, handle: u64) -> Result<()>;
        async fn address(&self) -> Result<Option<String>>;
    }
}

mock! {
    /// A [`mockall`] mock of [`Intake`](crate::Intake).
    #[derive(Debug)]
    pub Intake {}

    #[async_trait]
    impl Intake for Intake {
        async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission>;
    }
}

mock! {
    /// A [`mockall`] mock of [`Observer`](crate::Observer).
    #[derive(Debug)]
    pub Observer {}

    impl Observer for Observer {
        fn on_event(&self, event: &Event);
    }
}

mock! {
    /// A [`mockall`] mock of [`RunStore`](crate::RunStore).
    #[derive(Debug)]
    pub RunStore {}

    #[async_trait]
    impl RunStore for RunStore {
        async fn accept(
            &self,
            delivery: &Delivery,
            event: &IssueEvent,
            check: ActorCheck,
        ) -> Result<Accepted>;
        async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>>;
        async fn claim(&self, lease: Duration) -> Result<Option<Claim>>;
        async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal>;
        async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()>;
        async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()>;
        async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()>;
        async fn request_cancel(&self, run: RunId) -> Result<()>;
        async fn retry(&self, run: RunId) -> Result<Accepted>;
        async fn unfinished(&self) -> Result<Vec<RunId>>;
        async fn check(&self) -> Result<()>;
        async fn get(&self, run: RunId) -> Result<Option<RunRecord>>;
        async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>>;
    }
}

mock! {
    /// A [`mockall`] mock of [`RunLog`](crate::RunLog).
    #[derive(Debug)]
    pub RunLog {}

    #[async_trait]
    impl RunLog for RunLog {
        async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()>;
        async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>>;
    }
}

mock! {
    /// A [`mockall`] mock of [`VcsHost`](crate::VcsHost).
    #[derive(Debug)]
    pub VcsHost {}

    #[async_trait]
    impl VcsHost for VcsHost {
        fn name(&self) -> &'static str;
        async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission>;
        async fn repository(&self, repo: &RepoRef) -> Result<Repository>;
        async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue>;
        async fn comments(
            &self,
            repo: &RepoRef,
            number: u64,
            before: Timestamp,
        ) -> Result<Vec<Comment>>;
        async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>>;
        async fn bot_identity(&self) -> Result<BotIdentity>;
        async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access>;
        async fn release(&self, access: Access) -> Result<()>;
        async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()>;
        async fn upsert_comment(
            &self,
            repo: &RepoRef,
            number: u64,
            marker: &str,
            body: &str,
        ) -> Result<()>;
        async fn answer_refused(
            &self,
            repo: &RepoRef,
            number: u64,
            marker: &str,
            body: &str,
        ) -> Result<()>;
        async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest>;
        async fn find_pull_request(
            &self,
            repo: &RepoRef,
            head: &BranchName,
        ) -> Result<Option<PullRequest>>;
        fn explain_push_refusal(&self, output: &str) -> Option<String>;
    }
}
