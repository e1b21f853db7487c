//! The VCS host port: repositories, issues, pull requests and access tokens.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Actor, RepoRef};
use crate::{BranchName, Error, ErrorKind, Result};

mod access;
mod arc;
mod records;

pub use access::{Access, Grant, Permission};
pub use records::{
    BotIdentity, Comment, Issue, NewPullRequest, PullRequest, ReactionTarget, Repository,
    RequestQuota,
};

/// A host of repositories, issues and pull requests, such as GitHub.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once.
///
/// The adapter itself creates and caches the tokens that its calls need. Each token has only the
/// permissions that the call needs. A call for one repository never uses a token of another
/// repository.
///
/// Writes are safe to repeat: a repeated write finds the result of the earlier attempt and creates
/// nothing twice.
///
/// # Call order
/// The methods can be called in any order, with one exception: [`release`](Self::release) needs a
/// value that an earlier call of [`access`](Self::access) has returned.
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): the repository, issue or other item does not exist,
///   or the service has no permission to see it.
/// - [`Unauthenticated`](crate::ErrorKind::Unauthenticated): the host refused the service's
///   credential.
/// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the credential is valid, but its
///   permissions are not sufficient.
/// - [`RateLimited`](crate::ErrorKind::RateLimited): the host asks the caller to wait, for the time
///   in [`retry_after`](crate::Error::retry_after).
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the same call can succeed later.
///
/// # Cancellation
/// The caller can drop the future of any call. The host has then performed the call completely or
/// not at all.
///
/// # Examples
///
/// This example wraps a host, and opens every pull request as a draft. Each method that is not
/// shown only calls the same method of the wrapped host. A complete implementation of a host is in
/// the file `examples/embed/custom_host.rs` of the repository.
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
/// #     async fn answer_refused(&self, repo: &RepoRef, number: u64, marker: &str, body: &str) -> Result<()> {
/// #         self.0.answer_refused(repo, number, marker, body).await
/// #     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::event::ActorKind;
/// use ccc_core::testing::conformance::vcs_host::Fixture;
/// use ccc_core::testing::FakeHost;
///
/// ccc_core::vcs_host_conformance!(@run async || {
///     let host = FakeHost::new("/srv/git/hello.git");
///     let event = host.open_issue("A title", "A body.");
///     host.set_file("README.md", b"hello");
///     let stranger = Actor { id: 4, login: "stranger".to_owned(), kind: ActorKind::User };
///     let branch = ccc_core::BranchName::new("work/1").unwrap();
///     let (issue, actors) = ((event.repo, 1), (event.actor, stranger));
///     Fixture::new(Drafts(host), issue, actors, branch, ("README.md", b"hello"))
/// })
/// .await;
/// # }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait VcsHost: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs, such as `github`.
    fn name(&self) -> &'static str;

    /// Returns the permission of `actor` in `repo`. The adapter identifies the account by
    /// [`Actor::id`], because a login can move to another account. For an account that does not
    /// exist, returns [`Permission::None`].
    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission>;

    /// Asks the host for the current name, default branch and archive state of `repo`.
    async fn repository(&self, repo: &RepoRef) -> Result<Repository>;

    /// Asks the host for the current state of the issue `number` of `repo`.
    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue>;

    /// Returns the comments on the issue `number` of `repo`, the oldest first. Omits each comment
    /// that was created or last changed at or after the time `before`.
    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>>;

    /// Returns the content of the file `path` on the default branch of `repo`, or `None` if the
    /// branch has no such file.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the file is larger than 1 MiB.
    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>>;

    /// Returns the account with which the service acts on the host. The result does not change
    /// while the same GitHub App (or account) is configured, so the adapter may ask the host once
    /// and cache the answer.
    async fn bot_identity(&self) -> Result<BotIdentity>;

    /// Returns a clone URL for `repo`, and a token if the URL needs one. The token has only the
    /// permissions of `grant`, and is valid for at least `min_ttl`.
    async fn access(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Access>;

    /// Ends the caller's use of the token in an [`Access`] that [`access`](Self::access) returned.
    /// If several callers have received the same token, only the last call of `release` revokes the
    /// token. If the token is already invalid, returns `Ok`.
    async fn release(&self, access: Access) -> Result<()>;

    /// Adds the service's reaction (emoji) to the issue or comment `target`, to show that the
    /// service received the event. A repeated call changes nothing.
    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()>;

    /// Writes `body` to the service's comment with this `marker` on the issue `number` of `repo`.
    /// Creates the comment if it does not exist, and replaces its text if it exists. `marker` is a
    /// short text without white space, by which the adapter finds the comment again.
    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()>;

    /// Answers an account that requested a run and may not start one: creates a comment with
    /// `body` on the issue `number` of `repo`. If the service's comment with this `marker` exists,
    /// changes nothing. `marker` has the form that [`upsert_comment`](Self::upsert_comment)
    /// requires.
    ///
    /// Any number of accounts can cause answers. Therefore the adapter limits them separately from
    /// all other writes, and no other write waits for an answer.
    ///
    /// # Errors
    /// [`RateLimited`](crate::ErrorKind::RateLimited) if the answer cannot be written at once. The
    /// caller does not repeat the call. [`Unsupported`](crate::ErrorKind::Unsupported) if the
    /// adapter writes no answers. The default implementation always returns this error.
    async fn answer_refused(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let _ = (repo, number, marker, body);
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the VCS host {} does not answer refused requests", self.name()),
        ))
    }

    /// Returns the pull request of the branch `new.head`. If the branch has no open or closed pull
    /// request, opens a pull request with the content of `new` first.
    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest>;

    /// Returns the open or closed pull request that the service opened for the branch `head`, or
    /// `None` if there is none. A run whose state was restored from a backup finds its own pull
    /// request with this method.
    ///
    /// The default implementation always returns `None`: the pull request is not known.
    async fn find_pull_request(
        &self,
        repo: &RepoRef,
        head: &BranchName,
    ) -> Result<Option<PullRequest>> {
        let _ = (repo, head);
        Ok(None)
    }

    /// Explains why the host refused a push, and how to resolve the refusal. The explanation has
    /// the form of an error message, without a full stop at the end. Returns `None` if `output`, the
    /// output of `git push`, contains no reason of the host. The explanation can contain lines of
    /// `output`, which are untrusted text with the secrets redacted.
    ///
    /// The default implementation always returns `None`.
    fn explain_push_refusal(&self, output: &str) -> Option<String> {
        let _ = output;
        None
    }

    /// Returns the number of requests that the host still grants the service for `repo`, as the
    /// host's last response reported it. Makes no request. Returns `None` if the number is not known,
    /// or not limited.
    ///
    /// The default implementation always returns `None`.
    fn request_quota(&self, repo: &RepoRef) -> Option<RequestQuota> {
        let _ = repo;
        None
    }
}
