//! Revocation of installation tokens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::vcs::Grant;
use ccc_core::{Error, Result, Secret};
use http::{Method, StatusCode};

use crate::client::{ApiError, Authorization, Call, Caller};
use crate::token::cache::{Entry, Key, Token, TokenId, digest, lock};
use crate::token::ledger::AFTER_USE;
use crate::token::tokens::Tokens;

/// The text of the warning that an installation token was not revoked.
const NOT_REVOKED: &str =
    "an installation token could not be revoked: the token stays valid for at most one hour";

impl Tokens {
    /// Ends one lease of the token `secret`. If the token has no other lease, revokes the token. If
    /// no token of the repository is leased any longer, also revokes all cached tokens of this
    /// repository.
    pub(crate) async fn release(&self, secret: &Secret) -> Result<()> {
        let id = digest(secret);
        let key = lock(&self.keys_by_token).get(&id).copied();
        let Some(key) = key else {
            // The token is not in the cache: an earlier call revoked the token or tried to, the
            // token expired, or this process did not lease the token.
            return self.revoke(secret, Caller::Anonymous).await.map_err(Error::from);
        };
        let entry = self.entry(key);
        entry.end_lease(&id);
        let revoked = self.revoke_if_idle(key, &entry, id).await.map_err(Error::from);
        self.revoke_idle_of(key.0).await;
        revoked
    }

    /// Removes the token `id` from the cache and revokes the token. Does nothing if the token is
    /// leased. If a rate limit of GitHub prevents the revocation, the token returns to the cache,
    /// so that it can be leased or revoked later.
    async fn revoke_if_idle(&self, key: Key, entry: &Entry, id: TokenId) -> Result<(), ApiError> {
        let Some(token) = entry.remove_idle(&id) else { return Ok(()) };
        lock(&self.keys_by_token).remove(&id);
        let revoked = self.revoke(&token.secret, token.caller()).await;
        if revoked
            .as_ref()
            .is_err_and(|error| error.rate_limit_wait().is_some() || error.was_not_sent())
        {
            lock(&self.keys_by_token).insert(id, key);
            // The token is inserted at the start, so that a newer token remains the last one. Only
            // the last token is leased.
            lock(&entry.tokens).insert(0, token);
        }
        self.record(key, entry, AFTER_USE).await;
        revoked
    }

    /// Revokes all tokens of each repository that has no leased token, and whose tokens were not
    /// leased within the time `unused`.
    pub(crate) async fn revoke_idle(&self, unused: Duration) {
        let repos: BTreeSet<u64> = lock(&self.entries).keys().map(|(repo, _)| *repo).collect();
        for repo in repos {
            if self.is_unused(repo, unused) {
                self.revoke_idle_of(repo).await;
            }
        }
    }

    /// Returns whether no token of the repository with the id `repo` was leased within the time
    /// `unused`.
    fn is_unused(&self, repo: u64, unused: Duration) -> bool {
        let now = self.client.now();
        let is_unused = |token: &Token| now.duration_since(token.used_at).unsigned_abs() >= unused;
        self.entries_of(repo).iter().all(|(_, entry)| lock(&entry.tokens).iter().all(is_unused))
    }

    /// Returns the cache entries of the repository with the id `repo`.
    fn entries_of(&self, repo: u64) -> Vec<(Key, Arc<Entry>)> {
        let grants = [Grant::Read, Grant::Discuss, Grant::Publish].into_iter();
        let entries = lock(&self.entries);
        let entry = |grant| Some(((repo, grant), entries.get(&(repo, grant)).map(Arc::clone)?));
        grants.filter_map(entry).collect()
    }

    /// Revokes all tokens of the repository with the id `repo`, unless one of these tokens is
    /// leased.
    async fn revoke_idle_of(&self, repo: u64) {
        let entries = self.entries_of(repo);
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

    /// Revokes the token `secret` with `DELETE /installation/token`. A token that GitHub no longer
    /// accepts counts as revoked.
    async fn revoke(&self, secret: &Secret, caller: Caller) -> Result<(), ApiError> {
        let url = self.endpoints.api(&["installation", "token"]);
        let call = Call::new(Method::DELETE, url).without_write_limits().fail_if_delayed();
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

    /// Revokes the token `secret`, and logs a warning if the revocation fails.
    pub(super) async fn revoke_or_warn(&self, secret: &Secret, caller: Caller) {
        if let Err(error) = self.revoke(secret, caller).await {
            tracing::warn!(%error, "{NOT_REVOKED}");
        }
    }
}
