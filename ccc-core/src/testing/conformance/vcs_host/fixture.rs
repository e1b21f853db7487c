//! The VCS host under test, and the data on this host that the cases use.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Actor, RepoRef};
use crate::testing::conformance::KeepAlive;
use crate::vcs::Comment;
use crate::{BranchName, Clock, SystemClock, VcsHost};

/// The VCS host under test, and the data on this host that the cases use, for example a repository
/// and two accounts. No other test may use this repository.
#[derive(Debug)]
pub struct Fixture {
    /// The VCS host under test.
    pub host: Arc<dyn VcsHost>,
    /// The clock that determines the expiry of the VCS host's tokens and the dates of comments.
    pub clock: Arc<dyn Clock>,
    /// A repository for which the adapter can issue tokens with every [`Grant`](crate::vcs::Grant).
    pub repo: RepoRef,
    /// The number of an open issue without comments in [`repo`](Self::repo).
    pub issue: u64,
    /// An account that can push to [`repo`](Self::repo).
    pub writer: Actor,
    /// An existing account that cannot push to [`repo`](Self::repo).
    pub stranger: Actor,
    /// A branch that exists in [`repo`](Self::repo), is one commit ahead of the default branch, and
    /// has no pull request.
    pub branch: BranchName,
    /// The path and the content of a file on the default branch of [`repo`](Self::repo).
    pub file: (String, Vec<u8>),
    owned: KeepAlive,
}

impl Fixture {
    /// Creates a fixture that uses the system clock. The arguments `path` and `content` are the
    /// value of the field [`file`](Self::file). Every other argument is the value of the field with
    /// the same name.
    pub fn new(
        host: impl VcsHost,
        (repo, issue): (RepoRef, u64),
        (writer, stranger): (Actor, Actor),
        branch: BranchName,
        (path, content): (&str, &[u8]),
    ) -> Self {
        Self {
            host: Arc::new(host),
            clock: Arc::new(SystemClock),
            repo,
            issue,
            writer,
            stranger,
            branch,
            file: (path.to_owned(), content.to_vec()),
            owned: KeepAlive::default(),
        }
    }

    /// Sets the fixture's clock, which must be the clock that the VCS host uses. Without this call,
    /// the fixture uses the system clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    pub(super) fn unknown_repo(&self) -> RepoRef {
        RepoRef {
            id: self.repo.id + 1_000_003,
            name: format!("{}-that-is-not-there", self.repo.name),
            ..self.repo.clone()
        }
    }

    pub(super) async fn comments(&self) -> Vec<Comment> {
        let all = self.host.comments(&self.repo, self.issue, Timestamp::MAX).await;
        all.expect("`comments` must succeed")
    }

    pub(super) async fn upsert(&self, marker: &str, body: &str) {
        let done = self.host.upsert_comment(&self.repo, self.issue, marker, body).await;
        done.expect("`upsert_comment` must succeed");
    }
}
