//! Reading of issues.

use ccc_core::Result;
use ccc_core::event::{Actor, RepoRef};
use ccc_core::vcs::{Grant, Issue};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::accounts::{User, ghost};
use crate::client::Call;
use crate::host::github::GitHub;
use crate::host::issue_error;

#[derive(Deserialize)]
struct RestIssue {
    number: u64,
    title: String,
    body: Option<String>,
    user: Option<User>,
    state: String,
    #[serde(default)]
    locked: bool,
    pull_request: Option<IgnoredAny>,
    updated_at: Timestamp,
}

impl GitHub {
    /// Reads the current state of the issue `number` of `repo`.
    pub(super) async fn read_issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        let call = Call::get(self.url(repo, &["issues", &number.to_string()])?);
        let issue = self.call::<RestIssue>(repo, Grant::Read, &call).await;
        let issue = issue.map_err(|error| issue_error::explain(error, repo, number))?;
        let author = issue.user.map_or_else(ghost, Actor::from);
        Ok(Issue::new(issue.number, issue.title, author)
            .with_body(issue.body.unwrap_or_default())
            .with_open(issue.state == "open")
            .with_locked(issue.locked)
            .with_is_pull_request(issue.pull_request.is_some())
            .with_updated_at(issue.updated_at))
    }
}
