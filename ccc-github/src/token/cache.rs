//! The cached installation tokens and their leases.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Secret};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::client::{Authorization, Caller};

/// The key of a cache entry: the id of the repository, and the grant, which determines the
/// permissions of the token.
pub(super) type Key = (u64, Grant);

/// The SHA-256 digest of a token, which identifies the token in the cache.
pub(super) type TokenId = [u8; 32];

/// The minimum time for which a token must still be valid when it is leased (spec: G1b).
pub(super) const MIN_VALIDITY: Duration = Duration::from_secs(300);

/// A minted installation token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// The time at which the token expires, by GitHub's clock.
    pub(super) expires_at: Timestamp,
    pub(super) minted_at: Timestamp,
    /// The id of the GitHub App for which the token was minted.
    pub(super) app_id: u64,
    pub(super) installation: u64,
    /// Whether GitHub refused the token, or can refuse it because an earlier process had it. Such a
    /// token is not leased again.
    pub(super) refused: bool,
    /// The number of active leases.
    pub(super) leases: usize,
    /// The time of the newest lease, by GitHub's clock.
    pub(super) used_at: Timestamp,
}

impl Token {
    /// Returns the [`Caller`] whose rate limits apply to calls with this token.
    pub(super) fn caller(&self) -> Caller {
        Caller::Installation(self.installation)
    }

    /// Returns the authorization of a call with this token for the repository with the id `repo`.
    pub(super) fn authorization(&self, repo: u64) -> Authorization<'_> {
        Authorization { caller: self.caller(), token: Some(&self.secret), repo: Some(repo) }
    }
}

/// A failed attempt to mint a token.
#[derive(Debug)]
pub(super) struct MintFailure {
    /// The number of the attempt, counted from 1 in each [`Entry`].
    pub(super) attempt: u64,
    kind: ErrorKind,
    line: String,
    retry_after: Option<Duration>,
}

impl MintFailure {
    /// Copies the kind, the message and the retry wait of `error`. All callers that waited for this
    /// attempt can then return an equal error.
    pub(super) fn new(attempt: u64, error: &Error) -> Self {
        let line = error.message().to_owned();
        Self { attempt, kind: error.kind(), line, retry_after: error.retry_after() }
    }

    /// Creates an error with the stored kind, message and retry wait.
    pub(super) fn to_error(&self) -> Error {
        let error = Error::new(self.kind, self.line.clone());
        match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

/// The tokens of one repository and grant. New leases use only the newest token. Older tokens stay
/// in the cache until their last leases end.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) tokens: Mutex<Vec<Token>>,
    /// The failure of the last attempt to mint a token, or `None` if that attempt succeeded.
    /// Callers that waited for this attempt return the failure. The mutex is locked during an
    /// attempt.
    pub(super) minting: tokio::sync::Mutex<Option<MintFailure>>,
    /// The number of completed attempts to mint a token, including failed attempts.
    pub(super) attempts: AtomicU64,
    /// The lock for writes of this entry to the token ledger. Only one write runs at a time, so
    /// that the last write contains the current tokens.
    pub(super) recording: tokio::sync::Mutex<()>,
}

impl Entry {
    /// Ends one lease of the token `id`.
    pub(super) fn end_lease(&self, id: &TokenId) {
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == *id) {
            token.leases = token.leases.saturating_sub(1);
        }
    }

    /// Adds `token`. Removes and returns the tokens that have expired at the time `now`, even if
    /// they are leased.
    pub(super) fn add(&self, token: Token, now: Timestamp) -> Vec<Token> {
        let mut tokens = lock(&self.tokens);
        let expired = tokens.extract_if(.., |token| token.expires_at <= now).collect();
        tokens.push(token);
        expired
    }

    /// Removes and returns the token `id` if it has no leases. The check and the removal happen
    /// under one lock, so that the token cannot be leased in between.
    pub(super) fn remove_idle(&self, id: &TokenId) -> Option<Token> {
        let mut tokens = lock(&self.tokens);
        let idle = |token: &Token| token.leases == 0 && digest(&token.secret) == *id;
        let at = tokens.iter().position(idle)?;
        Some(tokens.remove(at))
    }

    /// Marks the token `secret` as refused by GitHub, so that it is not leased again. Existing
    /// leases of the token continue.
    pub(super) fn refuse(&self, secret: &Secret) {
        let id = digest(secret);
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == id) {
            token.refused = true;
        }
    }

    /// Returns whether any token of this entry is leased.
    pub(super) fn is_leased(&self) -> bool {
        lock(&self.tokens).iter().any(|token| token.leases > 0)
    }
}

/// The lease of one token, which ends when this value is dropped. A leased token is not revoked, so
/// the holder of this value can use the token safely.
pub(super) struct LeasedToken {
    pub(super) entry: Arc<Entry>,
    pub(super) token: Token,
    transferred: bool,
}

impl LeasedToken {
    /// Creates a value that ends one lease of `token` when the value is dropped. Before this call,
    /// the caller must count the lease in [`Token::leases`].
    pub(super) fn new(entry: &Arc<Entry>, token: Token) -> Self {
        Self { entry: Arc::clone(entry), token, transferred: false }
    }

    /// Returns the token without ending the lease. The caller must later end the lease with
    /// [`Entry::end_lease`].
    pub(super) fn into_token(mut self) -> Token {
        self.transferred = true;
        self.token.clone()
    }
}

impl Drop for LeasedToken {
    fn drop(&mut self) {
        if !self.transferred {
            self.entry.end_lease(&digest(&self.token.secret));
        }
    }
}

/// Locks `mutex`, even if another thread panicked while holding the lock. This is safe, because the
/// data is consistent at every point where a thread can panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the id of the token `secret`: the SHA-256 digest of the token.
pub(super) fn digest(secret: &Secret) -> TokenId {
    Sha256::digest(secret.expose()).into()
}
