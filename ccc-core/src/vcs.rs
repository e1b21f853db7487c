//! The VCS host port: repositories, issues, pull requests and access tokens.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Actor, RepoRef};
use crate::{Error, ErrorKind, Result};

mod access;
mod records;

pub use access::{Access, Grant, Permission};
pub use records::{
    BotIdentity, Comment, Issue, MissedDelivery, NewPullRequest, PullRequest, ReactionTarget,
    Repository,
};

/// A host of repositories, issues and pull requests, such as GitHub.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once.
///
/// The adapter creates, caches and uses the tokens for its own calls. Each token has the least
/// permissions that the call needs. A call for one repository never uses the token of another
/// repository.
///
/// Writes are safe to repeat: a repeated write finds the result of an earlier attempt.
///
/// # Call order
/// The methods can be called in any order, with one exception: [`release`](Self::release) follows
/// [`access`](Self::access).
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): the object does not exist, or the service may not
///   see it.
/// - [`Unauthenticated`](crate::ErrorKind::Unauthenticated): the host refused the service's
///   credential.
/// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the credential is valid, but its
///   permissions are not sufficient.
/// - [`RateLimited`](crate::ErrorKind::RateLimited): the host asks the caller to wait for
///   [`retry_after`](crate::Error::retry_after).
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the same call can succeed later.
///
/// # Cancellation
/// The caller can drop the future of any call. The host has then performed the call completely or
/// not at all.
///
/// # Examples
///
/// A host that marks the pull requests of another one as drafts. The other methods call the same method of
/// the other host and are not shown; `examples/embed/custom_host.rs` in the repository has a whole host.
///
/// ```
/// use std::time::Duration;
///
/// use ccc_core::event::{Actor, RepoRef};
/// use ccc_core::vcs::{
///     Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
///     ReactionTarget, Repository,
/// };
/// use ccc_core::{Result, VcsHost, async_trait};
/// use jiff::Timestamp;
///
/// #[derive(Debug)]
/// struct Drafts<H>(H);
///
/// #[async_trait]
/// impl<H: VcsHost> VcsHost for Drafts<H> {
///     fn name(&self) -> &'static str {
///         self.0.name()
///     }
///
///     async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
///         let new = NewPullRequest { draft: true, ..new.clone() };
///         self.0.open_pull_request(repo, &new).await
///     }
///
///     async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access> {
///         self.0.access(repo, grant, min_ttl).await
///     }
/// #     async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
/// #         self.0.permission(repo, actor).await
/// #     }
/// #     async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
/// #         self.0.repository(repo).await
/// #     }
/// #     async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
/// #         self.0.issue(repo, number).await
/// #     }
/// #     async fn comments(&self, repo: &RepoRef, number: u64, before: Timestamp) -> Result<Vec<Comment>> {
/// #         self.0.comments(repo, number, before).await
/// #     }
/// #     async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
/// #         self.0.file_at_default_branch(repo, path).await
/// #     }
/// #     async fn bot_identity(&self) -> Result<BotIdentity> {
/// #         self.0.bot_identity().await
/// #     }
/// #     async fn release(&self, access: Access) -> Result<()> {
/// #         self.0.release(access).await
/// #     }
/// #     async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
/// #         self.0.react(repo, target).await
/// #     }
/// #     async fn upsert_comment(&self, repo: &RepoRef, number: u64, marker: &str, body: &str) -> Result<()> {
/// #         self.0.upsert_comment(repo, number, marker, body).await
/// #     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::event::ActorKind;
/// use ccc_core::testing::conformance::vcs_host::Fixture;
/// use ccc_core::testing::{FakeHost, Fakes};
///
/// ccc_core::vcs_host_conformance!(@run async || {
///     let host = FakeHost::new("/srv/git/hello.git");
///     let event = host.open_issue("A title", "A body.");
///     host.set_file("README.md", b"hello");
///     let stranger = Actor { id: 4, login: "stranger".to_owned(), kind: ActorKind::User };
///     let branch = "work/1".parse().unwrap();
///     let (issue, actors) = ((event.repo, 1), (event.actor, stranger));
///     Fixture::new(Drafts(host), issue, actors, branch, ("README.md", b"hello"))
/// })
/// .await;
/// # }
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait VcsHost: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs, such as `github`.
    fn name(&self) -> &'static str;

    /// Returns the permission of `actor` in the repository. The account's id identifies the actor,
    /// because a login can move to another account. An account that does not exist has
    /// [`Permission::None`].
    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission>;

    /// Returns the current state of the repository.
    async fn repository(&self, repo: &RepoRef) -> Result<Repository>;

    /// Returns the current state of the issue.
    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue>;

    /// Returns the comments that were written, and last changed, before `before`; the oldest first.
    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>>;

    /// Returns the content of a file on the default branch, or `None` when the branch has no such
    /// file.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) when the file is larger than 1 MiB.
    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>>;

    /// Returns the service's own identity on the host. The answer stays the same while the same App
    /// is configured, so the adapter may ask the host only once.
    async fn bot_identity(&self) -> Result<BotIdentity>;

    /// Returns access to `repo` with the permissions of `grant` only. It is valid for at least
    /// `min_ttl`.
    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access>;

    /// Revokes the token that [`access`](Self::access) returned, unless another caller still holds
    /// the same token. Returns `Ok` if the token is already invalid.
    async fn release(&self, access: Access) -> Result<()>;

    /// Adds the service's reaction to `target`, to show that it saw the request. A repeated call
    /// changes nothing.
    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()>;

    /// Creates the service's comment that carries `marker`, or replaces its text if the comment
    /// exists. `marker` is a short token without white space.
    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()>;

    /// Returns the pull request of the branch in any state, open or closed, or opens one if there
    /// is none.
    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest>;

    /// Returns one clause that explains why the host refused a push and how to resolve it, or
    /// `None` when `output` names no rule that the adapter knows. `output` is the output of git
    /// without secrets: untrusted text. By default, the adapter knows no rule.
    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        let _ = output;
        None
    }

    /// Returns the deliveries since `since` that did not reach the service, the oldest first.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the host has no log of deliveries, which
    /// is the default.
    async fn missed_deliveries(&self, since: Timestamp) -> Result<Vec<MissedDelivery>> {
        let _ = since;
        Err(no_delivery_log(self.name()))
    }

    /// Asks the host to send a missed delivery again.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) as [`missed_deliveries`](Self::missed_deliveries).
    async fn redeliver(&self, delivery: &MissedDelivery) -> Result<()> {
        let _ = delivery;
        Err(no_delivery_log(self.name()))
    }
}

fn no_delivery_log(host: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the host {host} has no log of deliveries"))
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
