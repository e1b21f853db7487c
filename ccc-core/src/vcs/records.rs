//! Repositories, issues, comments and pull requests, as a VCS host reports them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::branch_name::BranchName;
use crate::event::{Actor, ActorKind, RepoRef};
use crate::id::DeliveryId;
use crate::setters::setters;

/// The current state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repository {
    /// The current identity. After a rename, the name differs from the requested one.
    pub repo: RepoRef,
    /// The branch that work starts from.
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
    /// Sets the default branch.
    with_default_branch: default_branch: impl Into<String>,
    /// Sets whether the repository is archived.
    with_archived: archived: bool,
});

/// The current state of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// The issue's number.
    pub number: u64,
    /// The title: untrusted text.
    pub title: String,
    /// The description: untrusted text.
    pub body: String,
    /// The account that wrote the issue.
    pub author: Actor,
    /// Whether the issue is open.
    pub open: bool,
    /// Whether the issue is locked, so that only members may comment.
    pub locked: bool,
    /// Whether this is a pull request, on hosts where issues and pull requests share their numbers.
    pub is_pull_request: bool,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl Issue {
    /// Creates the state of an open issue without a description, last changed at the Unix epoch.
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
    /// Sets the description.
    with_body: body: impl Into<String>,
    /// Sets whether the issue is open.
    with_open: open: bool,
    /// Sets whether the issue is locked.
    with_locked: locked: bool,
    /// Sets whether this is a pull request.
    with_is_pull_request: is_pull_request: bool,
    /// Sets the time of the last change.
    with_updated_at: updated_at: Timestamp,
});

/// A comment on an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comment {
    /// The host's id of the comment.
    pub id: u64,
    /// The account that wrote the comment.
    pub author: Actor,
    /// The text: untrusted.
    pub body: String,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl Comment {
    /// Creates a comment that was not changed since its creation.
    pub fn new(id: u64, author: Actor, body: impl Into<String>, created_at: Timestamp) -> Self {
        Self { id, author, body: body.into(), created_at, updated_at: created_at }
    }
}

setters!(Comment {
    /// Sets the time of the last change.
    with_updated_at: updated_at: Timestamp,
});

/// The service's own identity on the host: its account and the author of its commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BotIdentity {
    /// The host's id of the service's account.
    pub id: u64,
    /// The account's login, such as `my-app[bot]`.
    pub login: String,
    /// The id of the App that the service acts through, on hosts that have Apps.
    pub app: Option<u64>,
    /// The email address by which the host recognises the service's commits.
    pub email: String,
}

impl BotIdentity {
    /// Creates the identity of an account that acts through no App.
    pub fn new(id: u64, login: impl Into<String>, email: impl Into<String>) -> Self {
        Self { id, login: login.into(), app: None, email: email.into() }
    }

    /// Returns the account, as the author of the service's comments.
    #[must_use]
    pub fn account(&self) -> Actor {
        Actor { id: self.id, login: self.login.clone(), kind: ActorKind::Bot }
    }
}

setters!(BotIdentity {
    /// Sets the id of the App that the service acts through.
    with_app: app: impl Into<Option<u64>>,
});

/// The content of a pull request that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPullRequest {
    /// The branch with the change.
    pub head: BranchName,
    /// The branch that the change is to be merged into.
    pub base: String,
    /// The title, one line.
    pub title: String,
    /// The description, in Markdown.
    pub body: String,
    /// Whether the pull request starts as a draft.
    pub draft: bool,
}

/// An existing pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PullRequest {
    /// The number; `None` if the host has no pull requests and the result is only a branch.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub number: Option<u64>,
    /// The URL of the page that shows the pull request.
    pub url: String,
    /// The branch with the change.
    pub head: BranchName,
}

impl PullRequest {
    /// Creates a pull request without a number.
    pub fn new(url: impl Into<String>, head: BranchName) -> Self {
        Self { number: None, url: url.into(), head }
    }
}

setters!(PullRequest {
    /// Sets the number.
    with_number: number: impl Into<Option<u64>>,
});

/// The target of a reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReactionTarget {
    /// The issue with this number.
    Issue(u64),
    /// The comment with this id.
    Comment(u64),
}

/// A delivery that did not reach the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissedDelivery {
    /// The id that the redelivery will carry.
    pub delivery: DeliveryId,
    /// The host's own id of the delivery, for [`VcsHost::redeliver`](crate::VcsHost::redeliver).
    pub handle: u64,
    /// The time of the host's attempt.
    pub delivered_at: Timestamp,
}

impl MissedDelivery {
    /// Creates a missed delivery.
    #[must_use]
    pub fn new(delivery: DeliveryId, handle: u64, delivered_at: Timestamp) -> Self {
        Self { delivery, handle, delivered_at }
    }
}
