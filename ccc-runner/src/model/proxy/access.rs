//! Access of one run to its model.

use std::sync::Arc;

#[cfg(any(feature = "claude-code", feature = "command"))]
use ccc_core::CancellationToken;
use ccc_core::Secret;
use ccc_core::agent::ModelUsage;
use tokio::sync::mpsc;
#[cfg(any(feature = "claude-code", feature = "command"))]
use tokio::sync::watch;

use crate::lock::lock;
use crate::model::proxy::budget::{Account, ModelNotice};
#[cfg(any(feature = "claude-code", feature = "command"))]
use crate::model::proxy::budget::{CallFailure, Shortfall};
use crate::model::proxy::state::{Shared, digest};

/// The access of one run to the model through a [`ModelProxy`](crate::ModelProxy). When this value
/// is dropped, the run's secret becomes invalid, and responses in progress end.
#[derive(Debug)]
pub struct ModelAccess {
    shared: Arc<Shared>,
    secret: Secret,
    account: Arc<Account>,
    notices: mpsc::Receiver<ModelNotice>,
}

impl ModelAccess {
    pub(crate) fn new(
        shared: Arc<Shared>,
        secret: Secret,
        account: Arc<Account>,
        notices: mpsc::Receiver<ModelNotice>,
    ) -> Self {
        Self { shared, secret, account, notices }
    }

    /// Returns the secret that the run's programs send to the proxy, as `x-api-key` or
    /// `Authorization: Bearer`.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the money that the run has spent so far, in millionths of a US dollar, and the usage
    /// of each model.
    #[must_use]
    pub fn spent(&self) -> (u64, Vec<ModelUsage>) {
        self.account.spent()
    }

    /// Returns whether the run has reached its spending limit.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.account.exhausted.is_cancelled()
    }

    /// Waits for the next notice about the run's requests to the model.
    pub async fn notice(&mut self) -> ModelNotice {
        match self.notices.recv().await {
            Some(notice) => notice,
            // The channel never closes, because the account also has a sender.
            None => std::future::pending().await,
        }
    }
}

#[cfg(any(feature = "claude-code", feature = "command"))]
impl ModelAccess {
    /// Returns a token that is cancelled when the run reaches its spending limit.
    pub(crate) fn exhausted(&self) -> CancellationToken {
        self.account.exhausted.clone()
    }

    /// Returns a token that is cancelled when the model's API rejects the run's credential.
    pub(crate) fn refused(&self) -> CancellationToken {
        self.account.refused.clone()
    }

    /// Returns a receiver that is notified of every forwarded piece of a response.
    pub(crate) fn alive(&self) -> watch::Receiver<()> {
        self.account.alive.subscribe()
    }

    /// Returns the last failure of a call to the API, unless a later call to the same model
    /// succeeded.
    pub(crate) fn last_failure(&self) -> Option<CallFailure> {
        self.account.last_failure()
    }

    /// Returns why the last request did not fit within the rest of the spending limit, unless a
    /// later call to the same model succeeded.
    pub(crate) fn unaffordable(&self) -> Option<Shortfall> {
        self.account.unaffordable()
    }
}

impl Drop for ModelAccess {
    fn drop(&mut self) {
        lock(&self.shared.gates).remove(&digest(self.secret.expose()));
        self.account.closed.cancel();
    }
}
