//! A VCS host of your own, with its conformance suite. Issues and comments are in memory, and pull
//! requests are branches of a git repository on this machine.
//!
//! ```sh
//! cargo run -p ccc-embed --bin custom_host
//! cargo test -p ccc-embed custom_host
//! ```
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::{Actor, IssueEvent, RepoRef};
use ccc_core::testing::{FakeAgent, Fakes};
use ccc_core::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository,
};
use ccc_core::{
    CancellationToken, Clock, Error, ErrorKind, Result, SystemClock, VcsHost, async_trait,
};
use jiff::Timestamp;

#[derive(Debug)]
struct LocalHost {
    repo: RepoRef,
    path: String,
    issue: Issue,
    comments: Mutex<Vec<(String, Comment)>>,
}

impl LocalHost {
    fn new(path: &Path, event: &IssueEvent) -> Self {
        let (repo, path) = (event.repo.clone(), path.display().to_string());
        let issue = Issue::new(event.issue.number, &event.issue.title, event.actor.clone());
        Self { repo, path, issue, comments: Mutex::default() }
    }

    fn check(&self, repo: &RepoRef) -> Result<()> {
        let found = repo.id == self.repo.id;
        found.then_some(()).ok_or_else(|| Error::new(ErrorKind::NotFound, "unknown repository"))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Comment)>> {
        self.comments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl VcsHost for LocalHost {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        self.check(repo)?;
        let is_author = actor.id == self.issue.author.id;
        Ok(if is_author { Permission::Write } else { Permission::None })
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        self.check(repo).map(|()| Repository::new(self.repo.clone(), "main"))
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        self.check(repo)?;
        let found = number == self.issue.number;
        let issue = found.then(|| self.issue.clone());
        issue.ok_or_else(|| Error::new(ErrorKind::NotFound, "unknown issue"))
    }

    async fn comments(&self, _: &RepoRef, _: u64, before: Timestamp) -> Result<Vec<Comment>> {
        let comments = self.lock();
        let earlier = comments.iter().filter(|(_, comment)| comment.updated_at < before);
        Ok(earlier.map(|(_, comment)| comment.clone()).collect())
    }

    async fn file_at_default_branch(&self, _: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(std::fs::read(format!("{}/{path}", self.path)).ok())
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        Ok(BotIdentity::new(0, "bot", "bot@localhost"))
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, _: Duration) -> Result<Access> {
        // A repository on this machine needs no token.
        self.check(repo).map(|()| Access::open(grant, &self.path))
    }

    async fn release(&self, _: Access) -> Result<()> {
        Ok(())
    }

    async fn react(&self, _: &RepoRef, _: ReactionTarget) -> Result<()> {
        Ok(())
    }

    async fn upsert_comment(&self, _: &RepoRef, _: u64, marker: &str, body: &str) -> Result<()> {
        let us = self.bot_identity().await?.account();
        let mut comments = self.lock();
        if let Some((_, comment)) = comments.iter_mut().find(|(known, _)| known == marker) {
            body.clone_into(&mut comment.body);
            return Ok(());
        }
        let comment = Comment::new(comments.len() as u64, us, body, SystemClock.now());
        comments.push((marker.to_owned(), comment));
        Ok(())
    }

    async fn open_pull_request(&self, _: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        Ok(PullRequest::new(format!("branch {} in {}", new.head, self.path), new.head.clone()))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let fakes = Fakes::new(&[("README.md", "hello\n")]);
    let event = fakes.host.open_issue("Greet politely", "");
    let host = LocalHost::new(&fakes.repository(), &event);
    let agent = FakeAgent::default().writes("README.md", "Hello.\n");
    let pipeline = fakes.pipeline().agent(agent).host(host).build()?;
    let report = pipeline.run(event, &CancellationToken::new()).await?;
    println!("{:?}", report.outcome);
    report.cleanup
}

#[cfg(test)]
mod tests {
    use super::*;
    use ccc_core::event::ActorKind;
    use ccc_core::{BranchName, testing::conformance::vcs_host::Fixture};

    ccc_core::vcs_host_conformance!(async || {
        let fakes = Fakes::new(&[("README.md", "hello\n")]);
        let event = fakes.host.open_issue("A title", "");
        let host = LocalHost::new(&fakes.repository(), &event);
        let stranger = Actor { id: 4, login: "stranger".to_owned(), kind: ActorKind::User };
        let (branch, file) = (BranchName::new("work/1").unwrap(), ("README.md", &b"hello\n"[..]));
        Fixture::new(host, (event.repo, 1), (event.actor, stranger), branch, file).keeping(fakes)
    });
}
