//! The type [`GitHub`], and the helper methods that its modules share.

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

/// The maximum number of pages that are read from a list, with 100 entries each.
pub(super) const MAX_PAGES: usize = 10;

/// The [`VcsHost`](ccc_core::VcsHost) for github.com and GitHub Enterprise Server, which
/// authenticates as a GitHub App.
///
/// Each token is for one repository and one [`Grant`], and is cached until it expires. When
/// [`release`](ccc_core::VcsHost::release) ends the last lease on a repository, all its tokens are
/// revoked.
///
/// A value uses one host and, at a time, one App. It contains the tokens, the state of the rate
/// limits and the known repository names, so create one value and share it. Values for different
/// Apps or hosts are independent.
#[derive(Debug)]
pub struct GitHub {
    pub(super) tokens: Tokens,
    pub(super) written_comments: WrittenComments,
}

impl GitHub {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens, written_comments: WrittenComments::default() }
    }

    /// Replaces the App, given by its id and key, from the next call on. `None` removes it. Active
    /// runs continue with the tokens that they have leased. Cached tokens of another App are not
    /// leased again.
    pub fn use_app(&self, app: Option<(u64, AppKey)>) {
        self.tokens.use_app(app);
    }

    /// Takes over the tokens that an earlier process with the same
    /// [holder](crate::GitHubBuilder::token_ledger) left when it was killed, and returns their
    /// number. They are used again, and revoked after use. Tokens of another App are revoked
    /// immediately, and expired tokens are removed.
    ///
    /// Call it once, before the first run, and only if no other process uses that holder.
    ///
    /// # Errors
    /// Those of the credential store.
    pub async fn take_over(&self) -> Result<usize> {
        self.tokens.take_over().await
    }

    /// Revokes the tokens of all repositories without leases. Call it when the service ends.
    pub async fn revoke_idle(&self) {
        self.tokens.revoke_idle().await;
    }

    /// Returns the name of the host, as it must be in [`RepoRef::host`].
    #[must_use]
    pub fn host(&self) -> &str {
        self.tokens.endpoints.host()
    }

    /// Returns the addresses of the host.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.tokens.endpoints
    }

    /// Finds a repository by its name, for callers without an event that contains its id.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the repository does not exist or the App is
    /// not installed on it.
    pub async fn find_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        self.find(owner, name).await
    }

    /// Returns an API address below the repository, with the repository's current name.
    pub(super) fn url(&self, repo: &RepoRef, parts: &[&str]) -> Result<Url> {
        self.tokens.endpoints.repo(&self.tokens.current(repo), parts)
    }

    /// Calls for a repository with a leased token, and parses the response.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: &Call,
    ) -> Result<T, ApiError> {
        parse(call, &self.tokens.send(repo, grant, call).await?)
    }

    /// Reads a list of at most [`MAX_PAGES`] pages.
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
