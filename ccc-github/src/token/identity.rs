//! The App that the calls are made as. It may change during runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ccc_core::vcs::BotIdentity;
use ccc_core::{Error, ErrorKind, Result};

use crate::app_key::AppKey;

/// An App with its key, and with what GitHub reported of it. Callers keep the `Arc`, so that a call
/// finishes under one App.
#[derive(Debug)]
pub(crate) struct AppIdentity {
    pub(crate) app_id: u64,
    pub(super) key: AppKey,
    /// The account that its comments are from.
    pub(crate) bot: tokio::sync::OnceCell<BotIdentity>,
    /// The ids of its installations by the number of the repository, as far as they are known. A
    /// token of another installation is not used.
    pub(super) installations: Mutex<HashMap<u64, u64>>,
}

/// The present App, or none.
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
    /// [`ErrorKind::Unauthenticated`] without one.
    pub(super) fn get(&self) -> Result<Arc<AppIdentity>> {
        let app = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        app.ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "no GitHub App is configured: nothing can be asked of GitHub",
            )
        })
    }
}
