//! The cached tokens and their leases.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Secret};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::client::{Authorization, Caller};

/// The repository id and the grant.
pub(super) type Key = (u64, Grant);

/// The SHA-256 digest of a token.
pub(super) type TokenId = [u8; 32];

/// The minimum remaining validity of a leased token (spec: G1b).
pub(super) const MIN_VALIDITY: Duration = Duration::from_secs(300);

/// A minted token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// The time of its expiry by GitHub's clock.
    pub(super) expires_at: Timestamp,
    pub(super) minted_at: Timestamp,
    /// The id of the App that it was minted for.
    pub(super) app_id: u64,
    pub(super) installation: u64,
    /// Whether GitHub refused the token. A refused token is not leased again.
    pub(super) refused: bool,
    /// The number of active leases.
    pub(super) leases: usize,
}

impl Token {
    /// Returns the API caller whose rate limits the token's calls count toward.
    pub(super) fn caller(&self) -> Caller {
        Caller::Installation(self.installation)
    }

    /// Returns the authorization of a call for the repository with this id.
    pub(super) fn authorization(&self, repo: u64) -> Authorization<'_> {
        Authorization { caller: self.caller(), token: Some(&self.secret), repo: Some(repo) }
    }
}

/// A failed attempt to mint a token.
#[derive(Debug)]
pub(super) struct MintFailure {
    /// The number of the attempt.
    pub(super) attempt: u64,
    kind: ErrorKind,
    line: String,
    retry_after: Option<Duration>,
}

impl MintFailure {
    /// Copies the parts of an error that other callers need.
    pub(super) fn new(attempt: u64, error: &Error) -> Self {
        let line = error.message().to_owned();
        Self { attempt, kind: error.kind(), line, retry_after: error.retry_after() }
    }

    /// Recreates the error.
    pub(super) fn to_error(&self) -> Error {
        let error = Error::new(self.kind, self.line.clone());
        match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

/// The tokens of one repository and grant. New leases use only the newest token. The other tokens
/// stay until their last leases end.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) tokens: Mutex<Vec<Token>>,
    /// The failure of the last mint, which is returned to the callers that waited for it. The mutex
    /// is locked during a mint.
    pub(super) minting: tokio::sync::Mutex<Option<MintFailure>>,
    /// The number of completed mints, successful or not.
    pub(super) attempts: AtomicU64,
    /// The lock for a write to the ledger, which ensures that the last write contains the current
    /// tokens.
    pub(super) recording: tokio::sync::Mutex<()>,
}

impl Entry {
    /// Ends one lease of a token.
    pub(super) fn end_lease(&self, id: &TokenId) {
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == *id) {
            token.leases = token.leases.saturating_sub(1);
        }
    }

    /// Adds a new token, and removes and returns the expired tokens, including leased ones.
    pub(super) fn add(&self, token: Token, now: Timestamp) -> Vec<Token> {
        let mut tokens = lock(&self.tokens);
        let expired = tokens.extract_if(.., |token| token.expires_at <= now).collect();
        tokens.push(token);
        expired
    }

    /// Removes and returns a token that has no leases. Both happen under one lock, so that the
    /// token cannot be leased in between.
    pub(super) fn remove_idle(&self, id: &TokenId) -> Option<Token> {
        let mut tokens = lock(&self.tokens);
        let idle = |token: &Token| token.leases == 0 && digest(&token.secret) == *id;
        let at = tokens.iter().position(idle)?;
        Some(tokens.remove(at))
    }

    /// Marks a token as refused, so that it is not leased again. Its existing leases continue.
    pub(super) fn refuse(&self, secret: &Secret) {
        let id = digest(secret);
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == id) {
            token.refused = true;
        }
    }

    /// Returns whether any of the tokens is leased.
    pub(super) fn is_leased(&self) -> bool {
        lock(&self.tokens).iter().any(|token| token.leases > 0)
    }
}

/// A lease that ends when it is dropped. It ensures that the token is not revoked during a call.
pub(super) struct LeasedToken {
    pub(super) entry: Arc<Entry>,
    pub(super) token: Token,
    transferred: bool,
}

impl LeasedToken {
    /// Creates the guard of one lease. The caller has already counted it in [`Token::leases`].
    pub(super) fn new(entry: &Arc<Entry>, token: Token) -> Self {
        Self { entry: Arc::clone(entry), token, transferred: false }
    }

    /// Returns the token without ending the lease. The caller must end it.
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

/// Locks a mutex, even if it is poisoned. The data is consistent after each critical section, also
/// if another thread panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the id of a token.
pub(super) fn digest(secret: &Secret) -> TokenId {
    Sha256::digest(secret.expose()).into()
}
