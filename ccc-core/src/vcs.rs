//! The port to the place where repositories, issues and pull requests live.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::branch_name::BranchName;
use crate::event::{Actor, RepoRef};
use crate::id::DeliveryId;

mod access;

pub use access::{Access, Grant, Permission};

/// A repository as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its present identity; the name may differ from the one that was asked for.
    pub repo: RepoRef,
    /// The branch that work starts from.
    pub default_branch: String,
    /// Nothing can be pushed to it.
    pub archived: bool,
}

/// An issue as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Who wrote it.
    pub author: Actor,
    /// Whether it is open.
    pub open: bool,
    /// Whether only members may comment.
    pub locked: bool,
    /// Whether it is a pull request, on hosts where those share the numbers.
    pub is_pull_request: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A comment on an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The host's number for it.
    pub id: u64,
    /// Who wrote it.
    pub author: Actor,
    /// What it says: untrusted text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Who we are on the host, and how our commits are signed off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotIdentity {
    /// The host's number for our account.
    pub id: u64,
    /// Our login, such as `my-app[bot]`.
    pub login: String,
    /// The number of the App that we act through, on hosts that have Apps.
    pub app: Option<u64>,
    /// The address by which the host knows our commits.
    pub email: String,
}

/// What a pull request is opened with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPullRequest {
    /// The branch that holds the work.
    pub head: BranchName,
    /// The branch that it should go into.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Whether it starts as a draft.
    pub draft: bool,
}

/// A pull request that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    /// Its number; `None` where the result is a branch alone.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub number: Option<u64>,
    /// Where a person looks at it.
    pub url: String,
    /// The branch that holds the work.
    pub head: BranchName,
}

/// What a reaction is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReactionTarget {
    /// The issue with this number.
    Issue(u64),
    /// The comment with this id.
    Comment(u64),
}

/// A delivery that the host could not hand to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedDelivery {
    /// The id that the redelivery will carry.
    pub delivery: DeliveryId,
    /// The host's own handle, for [`VcsHost::redeliver`].
    pub handle: u64,
    /// When it was tried.
    pub delivered_at: Timestamp,
}

/// The place where repositories, issues and pull requests live.
///
/// # Contract
/// Safe to share and to call from many tasks at once. The adapter mints, caches and uses the tokens
/// that its own calls need, each with the least power that does; whatever is asked for one
/// repository never uses another repository's token. A write is safe to repeat: it finds what an
/// earlier attempt made. A call whose future was dropped happened or did not.
///
/// Errors: [`NotFound`](crate::ErrorKind::NotFound) for what is not there or may not be seen,
/// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) when our own credential is refused,
/// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) when it is good and not enough,
/// [`RateLimited`](crate::ErrorKind::RateLimited) with `retry_after`,
/// [`Unavailable`](crate::ErrorKind::Unavailable) for what may work later.
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait VcsHost: Debug + Send + Sync + 'static {
    /// A name for logs: `github`.
    fn name(&self) -> &'static str;

    /// What `actor` may do. By the account's id where the host allows it; an account that is not
    /// there has [`Permission::None`].
    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission>;

    /// The repository as it is now.
    async fn repository(&self, repo: &RepoRef) -> Result<Repository>;

    /// The issue as it is now.
    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue>;

    /// The comments written, and not changed since, before `before`; oldest first.
    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>>;

    /// A file of the default branch; `None` when there is none. At most 1 MiB, else
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded).
    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>>;

    /// Who we are. The same answer every time; the adapter may ask the host once.
    async fn bot_identity(&self) -> Result<BotIdentity>;

    /// A token for `repo` with the power of `grant` and no more, good for `min_ttl` at least.
    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access>;

    /// Revokes what [`access`](Self::access) gave, unless somebody else still holds the same token.
    /// `Ok` when it is no longer valid already.
    async fn release(&self, access: Access) -> Result<()>;

    /// Shows that we saw it. Repeating it changes nothing.
    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()>;

    /// Writes the comment that carries `marker`, a short token without white space: changes the one
    /// of ours that carries it, or makes it.
    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()>;

    /// Finds the pull request of the branch, whatever its state, or opens one.
    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest>;

    /// Returns one clause that explains why the host refused a push and what a person does about it,
    /// or `None` when `output` names no rule that the adapter knows. `output` is what git printed,
    /// without secrets: untrusted text.
    fn explain_push_refusal(&self, output: &str) -> Option<String>;

    /// Deliveries since `since` that did not reach us, oldest first.
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on hosts that keep no log of them.
    async fn missed_deliveries(&self, since: Timestamp) -> Result<Vec<MissedDelivery>>;

    /// Asks the host to send one of them again.
    async fn redeliver(&self, delivery: &MissedDelivery) -> Result<()>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: VcsHost + ?Sized> VcsHost for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        (**self).permission(repo, actor).await
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        (**self).repository(repo).await
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        (**self).issue(repo, number).await
    }

    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        (**self).comments(repo, number, before).await
    }

    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        (**self).file_at_default_branch(repo, path).await
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        (**self).bot_identity().await
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
        (**self).access(repo, grant, min_ttl).await
    }

    async fn release(&self, access: Access) -> Result<()> {
        (**self).release(access).await
    }

    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        (**self).react(repo, target).await
    }

    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        (**self).upsert_comment(repo, number, marker, body).await
    }

    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        (**self).open_pull_request(repo, new).await
    }

    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        (**self).explain_push_refusal(output)
    }

    async fn missed_deliveries(&self, since: Timestamp) -> Result<Vec<MissedDelivery>> {
        (**self).missed_deliveries(since).await
    }

    async fn redeliver(&self, delivery: &MissedDelivery) -> Result<()> {
        (**self).redeliver(delivery).await
    }
}
