//! A program with its own VCS host. The VCS host passes the conformance suite of `ccc-core` for VCS
//! hosts. Issues and comments are in memory, and pull requests are branches of a git repository on
//! this machine.
//!
//! ```sh
//! cargo run -p ccc-embed --bin custom_host
//! cargo test -p ccc-embed custom_host
//! ```
use std::path::PathBuf;
use std::time::Duration;

use ccc_core::event::{Actor, IssueEvent, RepoRef};
use ccc_core::testing::{FakeAgent, Fakes};
use ccc_core::vcs::{Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission};
use ccc_core::vcs::{PullRequest, ReactionTarget, Repository};
use ccc_core::{CancellationToken, Clock, Error, ErrorKind, Result, SystemClock, VcsHost};
use jiff::Timestamp;

/// A VCS host with one repository and one issue.
#[derive(Debug)]
struct LocalHost {
    path: PathBuf,
    event: IssueEvent,
    comments: tokio::sync::Mutex<Vec<(String, Comment)>>,
}

#[ccc_core::async_trait]
impl VcsHost for LocalHost {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn permission(&self, _: &RepoRef, actor: &Actor) -> Result<Permission> {
        Ok(if actor.id == self.event.actor.id { Permission::Write } else { Permission::None })
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        let found = (repo.id == self.event.repo.id).then(|| Repository::new(repo.clone(), "main"));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "the host lacks this repository"))
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        self.repository(repo).await?;
        let issue = &self.event.issue;
        let found = (number == issue.number)
            .then(|| Issue::new(number, &issue.title, issue.author.clone()).with_body(&issue.body));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "unknown issue"))
    }

    async fn comments(&self, _: &RepoRef, _: u64, before: Timestamp) -> Result<Vec<Comment>> {
        let mut comments = self.comments.lock().await.clone();
        comments.retain(|(_, comment)| comment.updated_at < before);
        Ok(comments.into_iter().map(|(_, comment)| comment).collect())
    }

    async fn file_at_default_branch(&self, _: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(std::fs::read(self.path.join(path)).ok())
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        Ok(BotIdentity::new(0, "bot", "bot@localhost"))
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, _: Duration) -> Result<Access> {
        // A repository on this machine needs no token.
        self.repository(repo).await.map(|_| Access::open(grant, self.path.to_string_lossy()))
    }

    async fn release(&self, _: Access) -> Result<()> {
        Ok(())
    }

    async fn react(&self, _: &RepoRef, _: ReactionTarget) -> Result<()> {
        Ok(())
    }

    async fn upsert_comment(&self, _: &RepoRef, _: u64, marker: &str, body: &str) -> Result<()> {
        let (mut comments, us) = (self.comments.lock().await, self.bot_identity().await?);
        if let Some((_, comment)) = comments.iter_mut().find(|(known, _)| known == marker) {
            body.clone_into(&mut comment.body);
            return Ok(());
        }
        let (id, now) = (comments.len() as u64, SystemClock.now());
        comments.push((marker.to_owned(), Comment::new(id, us.account(), body, now)));
        Ok(())
    }

    async fn open_pull_request(&self, _: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        let url = format!("branch {} in {}", new.head, self.path.display());
        Ok(PullRequest::new(url, new.head.clone()))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let fakes = Fakes::new(&[("README.md", "hello\n")]);
    let event = fakes.host.open_issue("Greet politely", "");
    let path = fakes.repository();
    let host = LocalHost { path, event: event.clone(), comments: Default::default() };
    let agent = FakeAgent::default().writes("README.md", "Hello.\n");
    let pipeline = fakes.pipeline().host(host).agent(agent).build()?;
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
        let path = fakes.repository();
        let host = LocalHost { path, event: event.clone(), comments: Default::default() };
        let stranger = Actor { id: 4, login: "stranger".to_owned(), kind: ActorKind::User };
        let (branch, file) = (BranchName::new("work/1").unwrap(), ("README.md", &b"hello\n"[..]));
        Fixture::new(host, (event.repo, 1), (event.actor, stranger), branch, file).with_owned(fakes)
    });
}
