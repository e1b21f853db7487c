//! The App that we are, which may change while runs go on.

use ccc_core::vcs::BotIdentity;

use super::*;
use crate::jwt::AppKey;

/// An App, and what is known of it.
#[derive(Debug)]
pub(crate) struct Us {
    pub(crate) app_id: u64,
    pub(super) key: AppKey,
    /// Caller its comments are from.
    pub(crate) bot: tokio::sync::OnceCell<BotIdentity>,
    /// Its installation on each repository, as far as it is known. A token of another one is not used.
    pub(super) installations: Mutex<HashMap<u64, u64>>,
}

impl Tokens {
    pub(crate) fn use_app(&self, app: Option<(u64, AppKey)>) {
        let us = app.map(|(app_id, key)| {
            let (bot, installations) = Default::default();
            Arc::new(Us { app_id, key, bot, installations })
        });
        *self.us.write().unwrap_or_else(PoisonError::into_inner) = us;
    }

    /// Caller we are. What is begun as somebody is ended as the same.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] while we are nobody.
    pub(crate) fn us(&self) -> Result<Arc<Us>> {
        let us = self.us.read().unwrap_or_else(PoisonError::into_inner).clone();
        us.ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "no GitHub App is configured: nothing can be asked of GitHub",
            )
        })
    }
}
