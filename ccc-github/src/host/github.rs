//! The host, and what its methods share.

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

/// The most pages of 100 that are read of a list.
pub(super) const MAX_PAGES: usize = 10;

/// [`VcsHost`](ccc_core::VcsHost) for github.com and GitHub Enterprise Server, through a GitHub
/// App.
///
/// Its calls use tokens of one repository and one [`Grant`], which are cached until they expire.
/// Tokens without leases are revoked with the last [`release`](ccc_core::VcsHost::release) of the
/// repository.
///
/// A value stands for one App at a time on one host. Share it, because the tokens, the limits and
/// the names of repositories are stored in it. Several values for several Apps and hosts do not
/// affect each other.
#[derive(Debug)]
pub struct GitHub {
    pub(super) tokens: Tokens,
    pub(super) written_comments: WrittenComments,
}

impl GitHub {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens, written_comments: WrittenComments::default() }
    }

    /// Uses this App, given by its number and key, or none from the next call on. Present runs
    /// continue with the tokens that they hold. Cached tokens of another App are not used again.
    pub fn use_app(&self, app: Option<(u64, AppKey)>) {
        self.tokens.use_app(app);
    }

    /// Takes over the tokens that an earlier process with the same
    /// [holder](crate::GitHubBuilder::token_ledger) had when it was killed, and returns their
    /// number. They are used again and revoked after use. Tokens of another App are revoked now,
    /// and expired ones are removed. Call it once, before the first run, and only while no other
    /// process has that holder.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take_over(&self) -> Result<usize> {
        self.tokens.take_over().await
    }

    /// Revokes the tokens without leases. Call it at the end of a service.
    pub async fn revoke_idle(&self) {
        self.tokens.revoke_idle().await;
    }

    /// Returns the host's name, as [`RepoRef::host`] must have it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.tokens.endpoints.host()
    }

    /// Returns the addresses of the host.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.tokens.endpoints
    }

    /// Finds a repository by its name, for callers without an event that has its number.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) when the App is not installed there or there is
    /// no such repository.
    pub async fn find_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        self.find(owner, name).await
    }

    /// Returns an address below the repository under its present name.
    pub(super) fn url(&self, repo: &RepoRef, parts: &[&str]) -> Result<Url> {
        self.tokens.endpoints.repo(&self.tokens.current(repo), parts)
    }

    /// Calls for a repository with a leased token, and parses the answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: &Call,
    ) -> Result<T, ApiError> {
        parse(call, &self.tokens.send(repo, grant, call).await?)
    }

    /// Returns a list from at most [`MAX_PAGES`] pages.
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
