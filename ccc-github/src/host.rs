//! GitHub as the pipeline sees it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ccc_core::event::{Actor, RepoRef};
use ccc_core::vcs::{BotIdentity, Grant};
use ccc_core::{Clock, CredentialStore, Error, ErrorKind, Result};
use http::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::accounts::User;
use crate::client::{ApiError, Call, Client, RateLimits, Retry, page, parse};
use crate::endpoints::Endpoints;
use crate::errors::{not_found, permission_denied};
#[cfg(target_arch = "wasm32")]
use crate::http::FetchHttp;
use crate::http::Http;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::ReqwestHttp;
use crate::jwt::AppKey;
use crate::token::{AppIdentity, TokenLedger, Tokens};

mod comments;
mod deliveries;
mod pulls;
mod push_refusal;
mod repositories;
mod vcs;

/// How many pages of 100 are read of anything.
const MAX_PAGES: usize = 10;

/// How to reach a GitHub.
#[derive(Debug)]
#[must_use]
pub struct GitHubBuilder {
    app: Option<(u64, AppKey)>,
    clock: Arc<dyn Clock>,
    api_url: String,
    http: Option<Arc<dyn Http>>,
    rate_limits: RateLimits,
    retry: Retry,
    kept: Option<(Arc<dyn CredentialStore>, String)>,
}

impl GitHubBuilder {
    /// Where the REST API is; see [`Endpoints::from_api_url`]. Without it, `https://api.github.com`.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// What sends the requests. Without it, `ReqwestHttp`, and `FetchHttp` on wasm.
    pub fn http(mut self, http: Arc<dyn Http>) -> Self {
        self.http = Some(http);
        self
    }

    /// Sets the rate limits. The default is below github.com's limits.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Sets the retries of calls that fail temporarily.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Keeps the tokens that are not revoked yet in that store, under the name of whoever holds them: one who is
    /// gone when somebody else starts under it, such as a service and its data directory. See
    /// [`GitHub::take_over`]. Without it, what a process held when it was killed lives on for its hour.
    pub fn keep_tokens(
        mut self,
        store: Arc<dyn CredentialStore>,
        holder: impl Into<String>,
    ) -> Self {
        self.kept = Some((store, holder.into()));
        self
    }

    /// Puts it together. Asks GitHub nothing.
    ///
    /// # Errors
    /// As [`Endpoints::from_api_url`]; [`ErrorKind::Unavailable`] when TLS cannot be set up;
    /// [`ErrorKind::InvalidInput`] for a holder of tokens that is no name.
    pub fn build(self) -> Result<GitHub> {
        let endpoints = Endpoints::from_api_url(&self.api_url)?;
        let http = match self.http {
            Some(http) => http,
            None => default_http(&endpoints)?,
        };
        let client = Client::new(http, self.clock, self.rate_limits, self.retry);
        let kept =
            self.kept.map(|(store, holder)| TokenLedger::new(store, endpoints.host(), &holder));
        let tokens = Tokens::new(client, endpoints, kept.transpose()?);
        tokens.use_app(self.app);
        Ok(GitHub { tokens, written: Mutex::default(), writing: comments::Writing::default() })
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn default_http(endpoints: &Endpoints) -> Result<Arc<dyn Http>> {
    let http = if endpoints.is_loopback() { ReqwestHttp::direct() } else { ReqwestHttp::new() };
    Ok(Arc::new(http?))
}

#[cfg(target_arch = "wasm32")]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn default_http(_endpoints: &Endpoints) -> Result<Arc<dyn Http>> {
    Ok(Arc::new(FetchHttp))
}

/// [`VcsHost`](ccc_core::VcsHost) for github.com and GitHub Enterprise Server, through a GitHub App.
///
/// Its own calls use tokens of one repository and one [`Grant`], kept as long as they last; those that
/// nobody holds any more are revoked with the last
/// [`release`](ccc_core::VcsHost::release) of the repository.
///
/// One of these is one App at a time on one host. Share it: the tokens, the limits and what is known of
/// repositories are in it, and in it alone, so that several Apps and hosts can be used side by side.
#[derive(Debug)]
pub struct GitHub {
    tokens: Tokens,
    /// The comments that we wrote last, so that the next change of one need not look for it.
    written: Mutex<VecDeque<comments::Written>>,
    writing: comments::Writing,
}

impl GitHub {
    /// Starts with the App's number and private key, from its settings page.
    pub fn builder(app_id: u64, key: AppKey, clock: Arc<dyn Clock>) -> GitHubBuilder {
        GitHubBuilder { app: Some((app_id, key)), ..Self::waiting(clock) }
    }

    /// Starts without an App: whatever needs one is an error until [`use_app`](Self::use_app).
    pub fn waiting(clock: Arc<dyn Clock>) -> GitHubBuilder {
        GitHubBuilder {
            app: None,
            clock,
            api_url: "https://api.github.com".to_owned(),
            http: None,
            rate_limits: RateLimits::default(),
            retry: Retry::default(),
            kept: None,
        }
    }

    /// Is this App from the next call on, or none. Runs that are under way go on with the tokens that they hold; a
    /// token of another App is handed out no more.
    pub fn use_app(&self, app: Option<(u64, AppKey)>) {
        self.tokens.use_app(app);
    }

    /// Takes over the tokens that whoever was the [holder](GitHubBuilder::keep_tokens) before us had when it was
    /// killed: they are used again, and revoked when a run of theirs is over. Those of another App are revoked now,
    /// and what is past its time is forgotten. Says how many are used again. Call it once, before the first run, and
    /// only when nobody else is that holder.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take_over(&self) -> Result<usize> {
        self.tokens.take_over().await
    }

    /// Revokes the tokens that nobody holds. For the end of a service.
    pub async fn revoke_idle(&self) {
        self.tokens.sweep_all().await;
    }

    /// The host's name, as [`RepoRef::host`] must have it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.tokens.endpoints.host()
    }

    /// All its addresses.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.tokens.endpoints
    }

    /// Looks a repository up by its name, for whoever has no event that tells its number: as the App,
    /// because every token needs the number.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the App is not installed there or there is no such repository.
    pub async fn find_repository(&self, owner: &str, name: &str) -> Result<RepoRef> {
        self.find(owner, name).await
    }

    fn url(&self, repo: &RepoRef, parts: &[&str]) -> Result<Url> {
        self.tokens.endpoints.repo(&self.tokens.current(repo), parts)
    }

    /// One call for one repository, with a token of our own.
    async fn call<T: DeserializeOwned>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: &Call,
    ) -> Result<T, ApiError> {
        parse(call, &self.tokens.send(repo, grant, call).await?)
    }

    /// As [`call`](Self::call), and what comes after it, at most [`MAX_PAGES`].
    async fn pages<T: DeserializeOwned>(
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

    async fn identity(&self, app: &AppIdentity) -> Result<BotIdentity> {
        #[derive(Deserialize)]
        struct App {
            id: u64,
            slug: String,
        }
        let endpoints = &self.tokens.endpoints;
        let call = Call::get(endpoints.api(&["app"]));
        let shown: App = parse(&call, &self.tokens.send_as(app, &call).await?)?;
        let login = format!("{}[bot]", shown.slug);
        let call = Call::get(endpoints.api(&["users", &login]));
        let account: User = parse(&call, &self.tokens.send_anywhere(&call).await?)?;
        Ok(BotIdentity {
            id: account.id,
            email: format!("{}+{login}@{}", account.id, endpoints.noreply_domain()),
            login,
            app: Some(shown.id),
        })
    }
}

/// The text, at most `limit` characters of it; what is left out is said (GitHub takes 65 536; spec:
/// X13b).
fn fitted(text: &str, limit: usize) -> String {
    const CUT: &str = "\n\n*The rest did not fit here.*";
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(CUT.len())).collect();
    kept + CUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        // spec: X13b
        assert_eq!(fitted("aäb", 3), "aäb");
        let cut = fitted(&"ä".repeat(101), 100);
        assert_eq!(cut.chars().count(), 100);
        assert!(cut.starts_with("ää") && cut.ends_with("did not fit here.*"), "{cut}");
        assert_eq!(fitted(&"ä".repeat(100), 100), "ä".repeat(100));
    }
}
