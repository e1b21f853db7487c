//! Minting of installation tokens, including the check of each token's scope before its first use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result, Secret};
use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::client::{ApiError, Call, Caller};
use crate::errors::{not_found, permission_denied};
use crate::token::cache::{Token, lock};
use crate::token::identity::AppIdentity;
use crate::token::installation::{Installation, is_suspended, suspended};
use crate::token::scope::{Repository, Scope, mismatch, permissions};
use crate::token::tokens::Tokens;

/// An installation token that is used for one call and can only read repository metadata.
pub(super) struct MetadataToken {
    pub(super) secret: Secret,
    pub(super) caller: Caller,
}

#[derive(Serialize)]
struct MintRequest {
    repository_ids: [u64; 1],
    permissions: BTreeMap<&'static str, &'static str>,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    repository_selection: Option<String>,
    #[serde(default)]
    repositories: Vec<Repository>,
}

impl Tokens {
    /// Mints a token for `repo` with the permissions of `grant`. If GitHub issues a token with a
    /// different scope, revokes that token and returns an error.
    pub(super) async fn mint(&self, repo: &RepoRef, grant: Grant) -> Result<Token> {
        let app = &self.app()?;
        let (mut installation, cached) = self.installation(app, repo).await?;
        let answer = match self.request_for(app, installation, repo, grant).await {
            // The App was reinstalled, which changed the id of its installation (spec: G2c).
            Err(error) if cached && error.has_status(StatusCode::NOT_FOUND) => {
                lock(&app.installations).remove(&repo.id);
                installation = self.installation(app, repo).await?.0;
                self.request_for(app, installation, repo, grant).await
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| {
            // The cached installation id can be wrong, so the next mint requests it again.
            lock(&app.installations).remove(&repo.id);
            explain(error, repo, grant)
        })?;
        let secret = Secret::from(answer.token);
        let scope = Scope {
            permissions: answer.permissions,
            repository_selection: answer.repository_selection,
            repositories: answer.repositories,
        };
        if let Some(what) = mismatch(repo.id, grant, &scope) {
            self.revoke_or_warn(&secret, Caller::Installation(installation)).await;
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "the server at the API URL issued a token for {repo}, but the token {what}: \
                     the token was not used, and its revocation was requested; check that the API \
                     URL belongs to a GitHub server"
                ),
            ));
        }
        Ok(Token {
            secret,
            expires_at: answer.expires_at,
            minted_at: self.client.now(),
            used_at: self.client.now(),
            app_id: app.app_id,
            installation,
            refused: false,
            leases: 0,
        })
    }

    fn tokens_of(&self, installation: u64) -> url::Url {
        let id = installation.to_string();
        self.endpoints.api(&["app", "installations", &id, "access_tokens"])
    }

    /// Requests a token of `installation` from GitHub. `body` is sent as JSON. If a response is
    /// lost, the token in the response is never used. Therefore, the request can safely be
    /// repeated.
    async fn request(
        &self,
        app: &AppIdentity,
        installation: u64,
        body: &impl Serialize,
    ) -> Result<Answer, ApiError> {
        let call = Call::json(Method::POST, self.tokens_of(installation), body)?;
        self.ask_as(app, &call.idempotent().without_write_limits()).await
    }

    async fn request_for(
        &self,
        app: &AppIdentity,
        installation: u64,
        repo: &RepoRef,
        grant: Grant,
    ) -> Result<Answer, ApiError> {
        let body = MintRequest { repository_ids: [repo.id], permissions: permissions(grant) };
        self.request(app, installation, &body).await
    }

    /// Mints a token that can only read metadata, for the first installation of the GitHub App that
    /// is not suspended. Returns `None` if the App has no installation, or if all its installations
    /// are suspended.
    pub(super) async fn mint_metadata_token(&self) -> Result<Option<MetadataToken>, ApiError> {
        let mut url = self.endpoints.api(&["app", "installations"]);
        url.query_pairs_mut().append_pair("per_page", "100");
        let app = &self.app()?;
        let all: Vec<Installation> = self.ask_as(app, &Call::get(url)).await?;
        let Some(found) = all.iter().find(|found| found.suspended_at.is_none()) else {
            return Ok(None);
        };
        let body = json!({ "permissions": { "metadata": "read" } });
        let answer = self.request(app, found.id, &body).await?;
        Ok(Some(self.check_metadata_only(answer, found.id).await?))
    }

    /// Mints a token that can only read the metadata of `repo`. Only the owner and the name in
    /// `repo` are used, so the id can be unknown.
    pub(super) async fn mint_metadata_token_by_name(
        &self,
        repo: &RepoRef,
    ) -> Result<MetadataToken, ApiError> {
        let app = &self.app()?;
        let found = self.find_installation(app, repo).await?;
        let body = json!({ "repositories": [repo.name], "permissions": { "metadata": "read" } });
        let answer = self.request(app, found.id, &body).await?;
        Ok(self.check_metadata_only(answer, found.id).await?)
    }

    /// Returns the token of `answer` if the token can only read metadata (spec: G4). Otherwise
    /// revokes the token and returns an error.
    async fn check_metadata_only(
        &self,
        answer: Answer,
        installation: u64,
    ) -> Result<MetadataToken> {
        let (secret, caller) = (Secret::from(answer.token), Caller::Installation(installation));
        let granted = answer.permissions;
        if granted.iter().all(|(name, level)| name == "metadata" && level == "read") {
            return Ok(MetadataToken { secret, caller });
        }
        self.revoke_or_warn(&secret, caller).await;
        Err(Error::new(
            ErrorKind::Refused,
            "the server at the API URL issued a token with more permissions than `metadata: read`: \
             the token was not used, and its revocation was requested; check that the API URL \
             belongs to a GitHub server",
        ))
    }
}

/// Converts the error of a failed request for a token to an error with instructions for the
/// operator.
fn explain(error: ApiError, repo: &RepoRef, grant: Grant) -> Error {
    if is_suspended(&error) {
        return suspended(&repo.owner, &error);
    }
    match error.status() {
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.message_contains("does not exist") => {
            not_found(format!(
                "the repository {repo} was deleted, or the GitHub App's installation does not \
                 include it: select the repository under Settings > GitHub Apps > Configure \
                 ({error})"
            ))
        }
        Some(StatusCode::UNPROCESSABLE_ENTITY) => {
            let wanted: Vec<_> =
                permissions(grant).iter().map(|(name, level)| format!("{name}: {level}")).collect();
            permission_denied(format!(
                "the GitHub App's installation for {repo} lacks at least one of the permissions \
                 that the service needs, which are {}: add the missing permissions on the App's \
                 settings page, and then accept them on the installation's page; GitHub's error: \
                 {error}",
                wanted.join(", ")
            ))
        }
        Some(StatusCode::NOT_FOUND) => not_found(format!(
            "the GitHub App is no longer installed on {repo}: install the App again ({error})"
        )),
        _ => error.into(),
    }
}
