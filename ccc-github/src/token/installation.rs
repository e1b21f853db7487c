//! Lookup of the GitHub App's installations.

use ccc_core::event::RepoRef;
use ccc_core::vcs::RequestQuota;
use ccc_core::{Error, Result};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use crate::client::{ApiError, Call, Caller};
use crate::errors::{not_found, permission_denied};
use crate::token::cache::lock;
use crate::token::identity::AppIdentity;
use crate::token::tokens::Tokens;

/// An installation of a GitHub App in a REST API response.
#[derive(Deserialize)]
pub(super) struct Installation {
    pub(super) id: u64,
    account: Option<Account>,
    pub(super) suspended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    login: String,
}

impl Tokens {
    /// Returns the id of the installation of `app` on `repo`, and whether the id was already
    /// cached.
    pub(super) async fn installation(
        &self,
        app: &AppIdentity,
        repo: &RepoRef,
    ) -> Result<(u64, bool)> {
        if let Some(id) = lock(&app.installations).get(&repo.id) {
            return Ok((*id, true));
        }
        let found = self.find_installation(app, repo).await?;
        lock(&app.installations).insert(repo.id, found.id);
        Ok((found.id, false))
    }

    /// Returns the newest hourly rate limit that GitHub reported for the App's installation on
    /// `repo`. Returns `None` if the installation or the limit is not known.
    pub(crate) fn quota(&self, repo: &RepoRef) -> Option<RequestQuota> {
        let app = self.app().ok()?;
        let installation = *lock(&app.installations).get(&repo.id)?;
        self.client.quota(Caller::Installation(installation))
    }

    /// Requests the installation of `app` on `repo` from GitHub.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the App is not installed on the repository,
    /// and [`PermissionDenied`](ccc_core::ErrorKind::PermissionDenied) if the installation is
    /// suspended.
    pub(super) async fn find_installation(
        &self,
        app: &AppIdentity,
        repo: &RepoRef,
    ) -> Result<Installation> {
        let call = Call::get(self.endpoints.repo(&self.current(repo), &["installation"])?);
        let found: Installation = self.ask_as(app, &call).await.map_err(|error| {
            if error.has_status(StatusCode::NOT_FOUND) {
                return not_found(format!(
                    "the GitHub App is not installed on {repo}, or there is no such repository: \
                     install the App on {}, under Settings > GitHub Apps > Install App, and \
                     select this repository ({error})",
                    self.endpoints.web_url()
                ));
            }
            error.into()
        })?;
        if let Some(since) = found.suspended_at {
            let account = found.account.as_ref().map_or(repo.owner.as_str(), |on| &on.login);
            return Err(suspended(account, &format!("since {since}")));
        }
        Ok(found)
    }
}

/// Returns whether `error` means that GitHub refused a call because the App's installation is
/// suspended.
pub(super) fn is_suspended(error: &ApiError) -> bool {
    error.has_status(StatusCode::FORBIDDEN) && error.message_contains("suspended")
}

/// Creates the error for an installation that is suspended on `account`. The message shows `why` in
/// parentheses, for example the time of the suspension.
pub(super) fn suspended(account: &str, why: &impl std::fmt::Display) -> Error {
    permission_denied(format!(
        "the GitHub App is suspended on {account} ({why}): an owner of this account can unsuspend \
         the App under Settings > GitHub Apps > Configure"
    ))
}
