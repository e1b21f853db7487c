//! Repositories, issues, comments and pull requests, as a VCS host reports them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::branch_name::BranchName;
use crate::event::{Actor, ActorKind, RepoRef};
use crate::setters::setters;

/// The current state of a repository on the VCS host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repository {
    /// The repository with its current owner and name. After a rename, the caller of
    /// [`repository`](crate::VcsHost::repository) can still pass the old owner and name.
    pub repo: RepoRef,
    /// The name of the default branch. Runs start from the newest commit of this branch.
    pub default_branch: String,
    /// Whether the repository is archived. An archived repository accepts no push.
    pub archived: bool,
}

impl Repository {
    /// Creates the state of a repository that is not archived.
    pub fn new(repo: RepoRef, default_branch: impl Into<String>) -> Self {
        Self { repo, default_branch: default_branch.into(), archived: false }
    }
}

setters!(Repository {
    /// Sets the name of the default branch.
    with_default_branch: default_branch: impl Into<String>,
    /// Sets whether the repository is archived.
    with_archived: archived: bool,
});

/// The number of requests that a VCS host grants the service in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestQuota {
    /// The number of requests that the host grants in one period.
    pub limit: u64,
    /// The number of requests that remain in the current period.
    pub remaining: u64,
    /// The end of the current period, by the local clock.
    pub resets_at: Timestamp,
}

impl RequestQuota {
    /// Creates a quota of `limit` requests in a period. `remaining` of them remain until
    /// `resets_at`, by the local clock.
    #[must_use]
    pub fn new(limit: u64, remaining: u64, resets_at: Timestamp) -> Self {
        Self { limit, remaining, resets_at }
    }

    /// Returns whether less than a fifth of the requests remain.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.remaining < self.limit / 5
    }
}

/// The current state of an issue on the VCS host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// The issue's number in its repository.
    pub number: u64,
    /// The issue's title: untrusted text.
    pub title: String,
    /// The issue's description: untrusted text.
    pub body: String,
    /// The account that wrote the issue.
    pub author: Actor,
    /// Whether the issue is open.
    pub open: bool,
    /// Whether the issue is locked, so that only collaborators of the repository may comment.
    pub locked: bool,
    /// Whether the number belongs to a pull request instead of an issue. On some hosts, issues and
    /// pull requests share one sequence of numbers.
    pub is_pull_request: bool,
    /// The time at which the issue was last changed.
    pub updated_at: Timestamp,
}

impl Issue {
    /// Creates the state of an open issue. The description is empty, and the time of the last
    /// change is the Unix epoch.
    pub fn new(number: u64, title: impl Into<String>, author: Actor) -> Self {
        Self {
            number,
            title: title.into(),
            body: String::new(),
            author,
            open: true,
            locked: false,
            is_pull_request: false,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

setters!(Issue {
    /// Sets the issue's description.
    with_body: body: impl Into<String>,
    /// Sets whether the issue is open.
    with_open: open: bool,
    /// Sets whether the issue is locked.
    with_locked: locked: bool,
    /// Sets whether the number belongs to a pull request instead of an issue.
    with_is_pull_request: is_pull_request: bool,
    /// Sets the time at which the issue was last changed.
    with_updated_at: updated_at: Timestamp,
});

/// A comment on an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comment {
    /// The id of the comment on the host.
    pub id: u64,
    /// The account that wrote the comment.
    pub author: Actor,
    /// The text of the comment, which is untrusted.
    pub body: String,
    /// The time at which the comment was created.
    pub created_at: Timestamp,
    /// The time at which the comment was last changed.
    pub updated_at: Timestamp,
}

impl Comment {
    /// Creates a comment that was created at `created_at` and not changed since.
    pub fn new(id: u64, author: Actor, body: impl Into<String>, created_at: Timestamp) -> Self {
        Self { id, author, body: body.into(), created_at, updated_at: created_at }
    }
}

setters!(Comment {
    /// Sets the time at which the comment was last changed.
    with_updated_at: updated_at: Timestamp,
});

/// The account with which the service acts on the VCS host. It is also the author of the service's
/// commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BotIdentity {
    /// The id of the service's account on the host.
    pub id: u64,
    /// The login of the service's account, such as `my-app[bot]`.
    pub login: String,
    /// The id of the GitHub App through which the service acts; `None` if the service acts without
    /// an App.
    pub app: Option<u64>,
    /// The email address in the service's commits. The host uses this address to show the service's
    /// account as the author.
    pub email: String,
}

impl BotIdentity {
    /// Creates the identity of a service that acts with the account `id` and without a GitHub App.
    pub fn new(id: u64, login: impl Into<String>, email: impl Into<String>) -> Self {
        Self { id, login: login.into(), app: None, email: email.into() }
    }

    /// Returns the service's account as an [`Actor`] of the kind [`ActorKind::Bot`].
    #[must_use]
    pub fn account(&self) -> Actor {
        Actor { id: self.id, login: self.login.clone(), kind: ActorKind::Bot }
    }
}

setters!(BotIdentity {
    /// Sets the id of the GitHub App through which the service acts.
    with_app: app: impl Into<Option<u64>>,
});

/// The content of a pull request that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPullRequest {
    /// The name of the branch that contains the change.
    pub head: BranchName,
    /// The name of the branch that the change is to be merged into.
    pub base: String,
    /// The title of the pull request, in one line.
    pub title: String,
    /// The description of the pull request, in Markdown.
    pub body: String,
    /// Whether the pull request is opened as a draft.
    pub draft: bool,
}

/// An existing pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PullRequest {
    /// The pull request's number; `None` if the host does not support pull requests. In that case,
    /// the change is only on the branch `head`.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub number: Option<u64>,
    /// The URL of the page that shows the pull request.
    pub url: String,
    /// The name of the branch that contains the change.
    pub head: BranchName,
}

impl PullRequest {
    /// Creates a value for an existing pull request. `url` is the address of the pull request's
    /// page, and `head` is the pull request's branch. The number is `None` until the caller sets
    /// it with `with_number`.
    pub fn new(url: impl Into<String>, head: BranchName) -> Self {
        Self { number: None, url: url.into(), head }
    }
}

setters!(PullRequest {
    /// Sets the pull request's number.
    with_number: number: impl Into<Option<u64>>,
});

/// The issue or comment to which a reaction is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReactionTarget {
    /// The issue with this number.
    Issue(u64),
    /// The comment with this id on the VCS host.
    Comment(u64),
}
