//! Token revocation.

use std::collections::BTreeSet;
use std::sync::Arc;

use ccc_core::vcs::Grant;
use ccc_core::{Error, Result, Secret};
use http::{Method, StatusCode};

use crate::client::{ApiError, Authorization, Call, Caller};
use crate::token::cache::{Entry, Key, TokenId, digest, lock};
use crate::token::ledger::AFTER_USE;
use crate::token::tokens::Tokens;

/// The warning that a token was not revoked.
const NOT_REVOKED: &str = "a token could not be revoked; it expires within the hour";

impl Tokens {
    /// Ends a lease. Revokes the token if this was its last lease, and all tokens of the repository
    /// if none of them is leased.
    pub(crate) async fn release(&self, secret: &Secret) -> Result<()> {
        let id = digest(secret);
        let key = lock(&self.owners).get(&id).copied();
        let Some(key) = key else {
            // The token was released before and its revocation failed, or it was not leased here.
            return self.revoke(secret, Caller::Anonymous).await.map_err(Error::from);
        };
        let entry = self.entry(key);
        entry.end_lease(&id);
        let revoked = self.revoke_if_idle(key, &entry, id).await.map_err(Error::from);
        self.revoke_idle_of(key.0).await;
        revoked
    }

    /// Removes a token without leases from the cache and revokes it. If GitHub's rate limits
    /// prevent the revocation, the token returns to the cache and is used again.
    async fn revoke_if_idle(&self, key: Key, entry: &Entry, id: TokenId) -> Result<(), ApiError> {
        let Some(token) = entry.remove_idle(&id) else { return Ok(()) };
        lock(&self.owners).remove(&id);
        let revoked = self.revoke(&token.secret, token.caller()).await;
        if revoked
            .as_ref()
            .is_err_and(|error| error.rate_limit_wait().is_some() || error.was_not_sent())
        {
            lock(&self.owners).insert(id, key);
            // At the start, so that a newer token remains the last. Only the last token is leased.
            lock(&entry.tokens).insert(0, token);
        }
        self.record(key, entry, AFTER_USE).await;
        revoked
    }

    /// Revokes all tokens of each repository of which no token is leased.
    pub(crate) async fn revoke_idle(&self) {
        let repos: BTreeSet<u64> = lock(&self.entries).keys().map(|(repo, _)| *repo).collect();
        for repo in repos {
            self.revoke_idle_of(repo).await;
        }
    }

    /// Revokes all tokens of a repository, unless one of them is leased.
    async fn revoke_idle_of(&self, repo: u64) {
        let entries: Vec<_> = [Grant::Read, Grant::Discuss, Grant::Publish]
            .into_iter()
            .filter_map(|grant| {
                let entry = lock(&self.entries).get(&(repo, grant)).map(Arc::clone)?;
                Some(((repo, grant), entry))
            })
            .collect();
        if entries.iter().any(|(_, entry)| entry.is_leased()) {
            return;
        }
        for (key, entry) in entries {
            let all: Vec<_> =
                lock(&entry.tokens).iter().map(|token| digest(&token.secret)).collect();
            for id in all {
                if let Err(error) = self.revoke_if_idle(key, &entry, id).await {
                    tracing::warn!(%error, "{NOT_REVOKED}");
                }
            }
        }
    }

    /// Revokes a token with `DELETE /installation/token`. An invalid token counts as revoked.
    async fn revoke(&self, secret: &Secret, caller: Caller) -> Result<(), ApiError> {
        let url = self.endpoints.api(&["installation", "token"]);
        let call = Call::new(Method::DELETE, url).unpaced().prompt();
        let authorization = Authorization { caller, token: Some(secret), repo: None };
        match self.client.send(&call, authorization).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.status(),
                    Some(StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Revokes a token, and logs a warning if that fails.
    pub(super) async fn revoke_or_warn(&self, secret: &Secret, caller: Caller) {
        if let Err(error) = self.revoke(secret, caller).await {
            tracing::warn!(%error, "{NOT_REVOKED}");
        }
    }
}
