//! Leases of installation tokens. A leased token is not revoked until its leases end. A lease uses
//! a cached token if possible, and otherwise a new token.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result, Secret};
use jiff::Timestamp;

use crate::token::cache::{Entry, LeasedToken, MIN_VALIDITY, MintFailure, digest, lock};
use crate::token::ledger::BEFORE_USE;
use crate::token::tokens::Tokens;

impl Tokens {
    /// Leases a token for `repo` and `grant` that is valid for at least `min_ttl`. The lease ends
    /// with [`release`](Self::release). Returns the token and its expiry by the local clock.
    pub(crate) async fn lease(
        &self,
        repo: &RepoRef,
        grant: Grant,
        min_ttl: Duration,
    ) -> Result<(Secret, Timestamp)> {
        let token = self.get(repo, grant, min_ttl.max(MIN_VALIDITY)).await?.into_token();
        Ok((token.secret, self.client.to_local(token.expires_at)))
    }

    /// Leases a token for one call. The lease ends when the returned value is dropped.
    pub(super) async fn lease_for_call(&self, repo: &RepoRef, grant: Grant) -> Result<LeasedToken> {
        self.get(repo, grant, MIN_VALIDITY).await
    }

    /// Leases the newest cached token of `entry`. Returns `None` if GitHub has refused this token,
    /// the token expires within `min_ttl`, or the token does not belong to the current App and
    /// installation.
    fn cached(&self, entry: &Arc<Entry>, repo: &RepoRef, min_ttl: Duration) -> Option<LeasedToken> {
        let mut tokens = lock(&entry.tokens);
        let token = tokens.last_mut()?;
        if token.refused || !self.is_current(repo, token) || !self.lasts(token.expires_at, min_ttl)
        {
            return None;
        }
        token.leases += 1;
        token.used_at = self.client.now();
        Some(LeasedToken::new(entry, token.clone()))
    }

    /// Leases a token that is valid for at least `min_ttl`: a cached token if possible, otherwise a
    /// new token.
    async fn get(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<LeasedToken> {
        let key = (repo.id, grant);
        let entry = self.entry(key);
        let seen = entry.attempts.load(Ordering::Acquire);
        if let Some(leased) = self.cached(&entry, repo, min_ttl) {
            return Ok(leased);
        }
        let mut failure = entry.minting.lock().await;
        if let Some(leased) = self.cached(&entry, repo, min_ttl) {
            return Ok(leased);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| failure.attempt > seen) {
            return Err(failure.to_error());
        }
        let minted = self.mint(repo, grant).await;
        let attempt = entry.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let mut token = match minted {
            Ok(token) => token,
            Err(error) => {
                *failure = Some(MintFailure::new(attempt, &error));
                return Err(error);
            }
        };
        *failure = None;
        drop(failure);
        let lasts = self.lasts(token.expires_at, min_ttl);
        token.leases = usize::from(lasts);
        lock(&self.keys_by_token).insert(digest(&token.secret), key);
        let now = self.client.now();
        for expired in entry.add(token.clone(), now) {
            lock(&self.keys_by_token).remove(&digest(&expired.secret));
        }
        // The guard is created before the next `await`, so that the lease ends even if this future
        // is dropped there.
        let leased = lasts.then(|| LeasedToken::new(&entry, token.clone()));
        self.record(key, &entry, BEFORE_USE).await;
        if let Some(leased) = leased {
            return Ok(leased);
        }
        if token.expires_at <= now {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "GitHub issued a token that had already expired: check the API URL and the \
                 clock of the GitHub server",
            ));
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a token that is valid for {} seconds was requested, but GitHub's tokens are \
                 valid for one hour: request a shorter time",
                min_ttl.as_secs()
            ),
        ))
    }
}
