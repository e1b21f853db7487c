//! The access tokens that a run has acquired. Cleanup releases the tokens that no earlier stage has
//! released.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bounded::catch_panic;
use crate::event::RepoRef;
use crate::observe::Redactor;
use crate::vcs::{Access, Grant};
use crate::{Result, VcsHost};

/// The access tokens that one run has acquired for its repository.
#[derive(Debug)]
pub(super) struct RunTokens {
    host: Arc<dyn VcsHost>,
    unreleased: Mutex<Vec<Access>>,
}

impl RunTokens {
    pub(super) fn new(host: Arc<dyn VcsHost>) -> Self {
        Self { host, unreleased: Mutex::default() }
    }

    /// Acquires a token for `grant`. The token is valid for at least `min_ttl`. Adds the token to
    /// the secrets that `redactor` redacts.
    pub(super) async fn acquire(
        &self,
        repo: &RepoRef,
        grant: Grant,
        min_ttl: Duration,
        redactor: &Redactor,
    ) -> Result<Access> {
        let access = self.host.access(repo, grant, min_ttl).await?;
        for secret in access.token.iter().chain(&access.authorization) {
            redactor.add(secret);
        }
        self.lock().push(access.clone());
        Ok(access)
    }

    /// Releases the tokens that were acquired for `grant`, or all tokens if `grant` is `None`.
    /// Tries to release each token, and returns the first error.
    pub(super) async fn release(&self, grant: Option<Grant>) -> Result<()> {
        let mut result = Ok(());
        loop {
            // The token is removed only after the host has answered. Therefore, if the future of a
            // release is dropped, the next call releases the token again.
            let next = self
                .lock()
                .iter()
                .find(|access| grant.is_none_or(|grant| access.grant == grant))
                .cloned();
            let Some(access) = next else { return result };
            let released = catch_panic(self.host.release(access.clone())).await;
            let mut unreleased = self.lock();
            if let Some(at) = unreleased.iter().position(|other| other.is_same(&access)) {
                unreleased.remove(at);
            }
            result = result.and(released);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Access>> {
        self.unreleased.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
