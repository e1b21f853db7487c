//! The access of one run to its model.

use std::sync::Arc;

#[cfg(any(feature = "claude-code", feature = "command"))]
use ccc_core::CancellationToken;
use ccc_core::Secret;
use ccc_core::agent::ModelUsage;
use tokio::sync::mpsc;
#[cfg(any(feature = "claude-code", feature = "command"))]
use tokio::sync::watch;

use crate::lock::lock;
#[cfg(any(feature = "claude-code", feature = "command"))]
use crate::model::proxy::budget::Trouble;
use crate::model::proxy::budget::{Account, ModelNotice};
use crate::model::proxy::state::{Shared, digest};

/// One run's access. When it is dropped, the secret is worth nothing, and answers that are under
/// way end.
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

    /// What the run's programs show to the proxy, as `x-api-key` or `Authorization: Bearer`.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What was spent until now, in millionths of a US dollar, and on which models.
    #[must_use]
    pub fn spent(&self) -> (u64, Vec<ModelUsage>) {
        self.account.spent()
    }

    /// Whether the money is used up.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.account.exhausted.is_cancelled()
    }

    /// The next thing that a person who watches should know.
    pub async fn notice(&mut self) -> ModelNotice {
        match self.notices.recv().await {
            Some(notice) => notice,
            // We hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}

#[cfg(any(feature = "claude-code", feature = "command"))]
impl ModelAccess {
    /// Ends when the money is used up.
    pub(crate) fn exhausted(&self) -> CancellationToken {
        self.account.exhausted.clone()
    }

    /// Ends when the API does not know our credential.
    pub(crate) fn refused(&self) -> CancellationToken {
        self.account.refused.clone()
    }

    /// Told of every piece of an answer that goes by.
    pub(crate) fn alive(&self) -> watch::Receiver<()> {
        self.account.alive.subscribe()
    }

    /// What stood in the way of the last call.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.account.trouble()
    }
}

impl Drop for ModelAccess {
    fn drop(&mut self) {
        lock(&self.shared.gates).remove(&digest(self.secret.expose()));
        self.account.closed.cancel();
    }
}
