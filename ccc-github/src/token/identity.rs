//! The App that authenticates the calls. It can be replaced during runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ccc_core::vcs::BotIdentity;
use ccc_core::{Error, ErrorKind, Result};

use crate::app_key::AppKey;

/// An App with its key and the cached data that GitHub returned for it. A call holds the `Arc`, so
/// that it uses the same App until it ends.
#[derive(Debug)]
pub(crate) struct AppIdentity {
    pub(crate) app_id: u64,
    pub(super) key: AppKey,
    /// The account of the App, which writes its comments.
    pub(crate) bot: tokio::sync::OnceCell<BotIdentity>,
    /// The known ids of its installations by repository id. A token of another installation is not
    /// used.
    pub(super) installations: Mutex<HashMap<u64, u64>>,
}

/// The current App, if there is one.
#[derive(Debug, Default)]
pub(super) struct CurrentApp(RwLock<Option<Arc<AppIdentity>>>);

impl CurrentApp {
    /// Replaces the App.
    pub(super) fn set(&self, app: Option<(u64, AppKey)>) {
        let app = app.map(|(app_id, key)| {
            let (bot, installations) = Default::default();
            Arc::new(AppIdentity { app_id, key, bot, installations })
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = app;
    }

    /// Returns the App.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] if no App is set.
    pub(super) fn get(&self) -> Result<Arc<AppIdentity>> {
        let app = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        app.ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "no GitHub App is configured: configure an App to call GitHub",
            )
        })
    }
}
