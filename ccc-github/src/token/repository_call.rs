//! API calls that use an installation token to access a repository, and API calls for public data
//! that belongs to no repository.

use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use http::StatusCode;

use crate::client::{ApiError, Authorization, Call, NEW_TOKEN_AGE, NEW_TOKEN_RETRIES};
use crate::token::installation::{is_suspended, suspended};
use crate::token::mint::MetadataToken;
use crate::token::tokens::Tokens;

type Sent = Result<http::Response<bytes::Bytes>, ApiError>;

impl Tokens {
    /// Sends `call` with a leased token for `repo` and `grant`. If GitHub refuses the token, the
    /// call is repeated once with a new token. If the token is only a few seconds old, the call is
    /// first repeated with the same token. Some of GitHub's servers might not know this token yet
    /// (spec: G2a, G2b).
    pub(crate) async fn send(&self, repo: &RepoRef, grant: Grant, call: &Call) -> Sent {
        let (mut replaced, mut waited) = (false, 0);
        loop {
            let leased = self.lease_for_call(repo, grant).await?;
            let token = &leased.token;
            let error = match self.client.send(call, token.authorization(repo.id)).await {
                Err(error) if error.has_status(StatusCode::UNAUTHORIZED) => error,
                Err(error) if is_suspended(&error) => {
                    return Err(suspended(&repo.owner, &error).into());
                }
                answer => return answer,
            };
            let age = self.client.now().duration_since(token.minted_at);
            if age < NEW_TOKEN_AGE && waited < NEW_TOKEN_RETRIES {
                self.client.sleep(Duration::from_secs(1 << waited)).await;
                waited += 1;
                continue;
            }
            leased.entry.refuse(&token.secret);
            if replaced {
                return Err(error);
            }
            replaced = true;
        }
    }

    /// Sends `call` without authorization. The call must read public data that belongs to no
    /// repository. If GitHub refuses the call, the call is repeated with a token that can only read
    /// metadata, and this token is then revoked. GitHub can refuse the call because a private
    /// Enterprise Server requires authorization, or because the rate limit of the client's IP
    /// address is exhausted.
    pub(crate) async fn send_public(&self, call: &Call) -> Sent {
        let refused = |error: &ApiError| {
            error.rate_limit_wait().is_some()
                || error.has_status(StatusCode::UNAUTHORIZED)
                || error.has_status(StatusCode::FORBIDDEN)
        };
        match self.client.once(call, Authorization::ANONYMOUS).await {
            Err(error) if refused(&error) => {}
            Err(error) if error.is_transient() => {
                return self.client.send(call, Authorization::ANONYMOUS).await;
            }
            answer => return answer,
        }
        match self.mint_metadata_token().await? {
            Some(token) => self.send_and_revoke(call, token).await,
            None => self.client.send(call, Authorization::ANONYMOUS).await,
        }
    }

    /// Sends `call` for `repo`, whose id can be unknown. The call uses a token that can only read
    /// the metadata of that repository, and this token is then revoked.
    pub(crate) async fn send_by_name(&self, repo: &RepoRef, call: &Call) -> Sent {
        let token = self.mint_metadata_token_by_name(repo).await?;
        self.send_and_revoke(call, token).await
    }

    async fn send_and_revoke(&self, call: &Call, token: MetadataToken) -> Sent {
        let MetadataToken { secret, caller } = token;
        let authorization = Authorization { caller, token: Some(&secret), repo: None };
        let answer = self.client.send(call, authorization).await;
        self.revoke_or_warn(&secret, caller).await;
        answer
    }
}
