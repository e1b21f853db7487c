//! The host that the cases are about, and what is on it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Actor, RepoRef};
use crate::testing::conformance::Kept;
use crate::vcs::Comment;
use crate::{BranchName, Clock, SystemClock, VcsHost};

/// A host with a repository that nobody else uses.
#[derive(Debug)]
pub struct Fixture {
    /// The host.
    pub host: Arc<dyn VcsHost>,
    /// The clock by which the host's tokens live and its comments are dated.
    pub clock: Arc<dyn Clock>,
    /// A repository that we may read, discuss and publish in.
    pub repo: RepoRef,
    /// An open issue of it, without a comment.
    pub issue: u64,
    /// May push to it.
    pub writer: Actor,
    /// Exists, and may not.
    pub stranger: Actor,
    /// A branch that is there, one commit ahead of the default branch, without a pull request.
    pub branch: BranchName,
    /// A file of the default branch: path and content.
    pub file: (String, Vec<u8>),
    kept: Kept,
}

impl Fixture {
    /// A host, and what is in it.
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
            kept: Kept::default(),
        }
    }

    /// Sets the clock that the host lives by, where it is not the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps something for as long as the fixture is there.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.kept.push(thing);
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
        all.expect("the comments of the issue")
    }

    pub(super) async fn upsert(&self, marker: &str, body: &str) {
        let done = self.host.upsert_comment(&self.repo, self.issue, marker, body).await;
        done.expect("a comment on the issue");
    }
}
