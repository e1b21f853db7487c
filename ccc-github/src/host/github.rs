//! The type [`GitHub`], and methods that several modules of this directory use.

use std::time::Duration;

use bytes::Bytes;
use ccc_core::Result;
use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use http::Response;
use serde::de::DeserializeOwned;
use url::Url;

use crate::app_key::AppKey;
use crate::client::{ApiError, Call, page, parse};
use crate::endpoints::Endpoints;
use crate::host::written_comments::WrittenComments;
use crate::token::Tokens;

/// The maximum number of pages that are read from a list. Each page has 100 entries.
pub(super) const MAX_PAGES: usize = 10;

/// The time after which the unused tokens of a repository are revoked.
const UNUSED: Duration = Duration::from_secs(15 * 60);

/// The [`VcsHost`](ccc_core::VcsHost) for github.com and GitHub Enterprise Server. It authenticates
/// as a GitHub App.
///
/// Each installation token is for one repository and one [`Grant`], and is cached until it expires
/// or is revoked. When [`release`](ccc_core::VcsHost::release) ends the last lease on a repository,
/// all tokens of this repository are revoked.
///
/// A `GitHub` value uses one host and one App. [`use_app`](Self::use_app) replaces the App. The
/// value contains the tokens, the state of the rate limits and the known repository names.
/// Therefore, create one value and share it. Values for different Apps or hosts share no state.
#[derive(Debug)]
pub struct GitHub {
    pub(super) tokens: Tokens,
    pub(super) written_comments: WrittenComments,
}

impl GitHub {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens, written_comments: WrittenComments::default() }
    }

    /// Replaces the GitHub App. `app` is the id and the private key of the new App, or `None` to
    /// use no App. Tokens of the former App that active runs have leased stay usable until the
    /// leases end. New calls and new leases use only the new App.
    pub fn use_app(&self, app: Option<(u64, AppKey)>) {
        self.tokens.use_app(app);
    }

    /// Takes over the unrevoked tokens of a killed process that had the same
    /// [holder](crate::GitHubBuilder::token_ledger) as this process. Tokens of the current GitHub
    /// App are not used again. They are revoked when a token of the same repository is released, or by
    /// [`revoke_idle`](Self::revoke_idle). Tokens of other Apps are revoked immediately, and expired
    /// tokens are removed. Returns the number of tokens that are still to be revoked.
    ///
    /// Call this method once, before the first run, and only if no other process uses the same
    /// holder.
    ///
    /// # Errors
    /// The errors of the credential store.
    pub async fn take_over(&self) -> Result<usize> {
        self.tokens.take_over().await
    }

    /// Revokes the cached tokens of each repository that has no leased token. Call this method when
    /// the service ends.
    pub async fn revoke_idle(&self) {
        self.tokens.revoke_idle(Duration::ZERO).await;
    }

    /// Revokes the cached tokens of each repository that has no leased token, and whose tokens were
    /// not used for 15 minutes. Call this method about once a minute while the service is in use.
    /// The check of an actor's permission uses a token without a lease, so that the next checks use
    /// the same token.
    pub async fn revoke_unused(&self) {
        self.tokens.revoke_idle(UNUSED).await;
    }

    /// Returns the name of the GitHub host, such as `github.com`, in the form that
    /// [`RepoRef::host`] must have.
    #[must_use]
    pub fn host(&self) -> &str {
        self.tokens.endpoints.host()
    }

    /// Returns the addresses of the GitHub host.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.tokens.endpoints
    }

    /// Finds the repository `owner`/`name`. Use this method if no event supplies the repository's
    /// id.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the repository does not exist or the GitHub
    /// App is not installed on the repository.
    pub async fn find_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        self.find(owner, name).await
    }

    /// Returns the URL of an API endpoint of `repo`, with the repository's current name. `parts`
    /// are the path segments after the name, such as `issues`.
    pub(super) fn url(&self, repo: &RepoRef, parts: &[&str]) -> Result<Url> {
        self.tokens.endpoints.repo(&self.tokens.current(repo), parts)
    }

    /// Sends `call` with a leased token for `repo` and `grant`, and parses the response.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: &Call,
    ) -> Result<T, ApiError> {
        parse(call, &self.tokens.send(repo, grant, call).await?)
    }

    /// Reads the entries of the list at `url`, from at most [`MAX_PAGES`] pages.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        mut url: Url,
    ) -> Result<Vec<T>, ApiError> {
        url.query_pairs_mut().append_pair("per_page", "100");
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let call = Call::get(url.clone());
            let response: Response<Bytes> = self.tokens.send(repo, grant, &call).await?;
            all.append(&mut parse(&call, &response)?);
            match page("next", &url, &response, Some(repo.id)) {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(all)
    }
}
