//! The installations of the App.

use ccc_core::event::RepoRef;
use ccc_core::{Error, Result};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use crate::client::{ApiError, Call};
use crate::errors::{not_found, permission_denied};
use crate::token::cache::lock;
use crate::token::identity::AppIdentity;
use crate::token::tokens::Tokens;

/// An installation in a REST API response.
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
    /// Returns the id of the App's installation on the repository, and whether it was already
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

    /// Requests the App's installation on the repository from GitHub.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the App is not installed there, and
    /// [`PermissionDenied`](ccc_core::ErrorKind::PermissionDenied) if the installation is
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
                    "the App is not installed on {repo}, or there is no such repository: install \
                         it on {}, under Settings > GitHub Apps > Install App, and select that \
                         repository ({error})",
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

/// Returns whether GitHub refused a call because the installation is suspended.
pub(super) fn is_suspended(error: &ApiError) -> bool {
    error.has_status(StatusCode::FORBIDDEN) && error.message_contains("suspended")
}

/// Returns the error for a suspended installation.
pub(super) fn suspended(account: &str, why: &impl std::fmt::Display) -> Error {
    permission_denied(format!(
        "the App is suspended on {account}: an owner of the account can unsuspend it under \
             Settings > GitHub Apps > Configure ({why})"
    ))
}
