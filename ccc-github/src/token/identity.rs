//! The GitHub App that authenticates API calls. The App can be replaced while runs are in progress.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ccc_core::vcs::BotIdentity;
use ccc_core::{Error, ErrorKind, Result};

use crate::app_key::AppKey;

/// A GitHub App with its private key, and cached data from GitHub about the App. Each call holds an
/// `Arc` of this value, so that a replacement of the App does not affect calls in progress.
#[derive(Debug)]
pub(crate) struct AppIdentity {
    pub(crate) app_id: u64,
    pub(super) key: AppKey,
    /// The bot account of the App: the author of the App's comments and commits.
    pub(crate) bot: tokio::sync::OnceCell<BotIdentity>,
    /// The id of the App's installation on each repository, by repository id. If the installation
    /// on a repository is known, cached tokens for this repository are used only if they belong to
    /// this installation.
    pub(super) installations: Mutex<HashMap<u64, u64>>,
}

/// The GitHub App that new calls use, if one is configured.
#[derive(Debug, Default)]
pub(super) struct CurrentApp(RwLock<Option<Arc<AppIdentity>>>);

impl CurrentApp {
    /// Replaces the current GitHub App by the App with the id and the key in `app`. `None` removes
    /// the App.
    pub(super) fn set(&self, app: Option<(u64, AppKey)>) {
        let app = app.map(|(app_id, key)| {
            let (bot, installations) = Default::default();
            Arc::new(AppIdentity { app_id, key, bot, installations })
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = app;
    }

    /// Returns the current GitHub App.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] if no App is set.
    pub(super) fn get(&self) -> Result<Arc<AppIdentity>> {
        let app = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        app.ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "no GitHub App is configured: configure the id and the private key of an App",
            )
        })
    }
}
