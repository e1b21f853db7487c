//! The GitHub Apps of one GitHub host, as records of a credential store.

use std::fmt;
use std::sync::Arc;

use ccc_core::credential::{Precondition, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result};

use crate::app_config::record::{App, AppView};
use crate::app_config::request::AppChange;
use crate::secret_record::prefix;

/// The maximum number of attempts to write a change that conflicts with other changes of the same
/// GitHub App.
pub(super) const MAX_ATTEMPTS: usize = 20;

/// The GitHub Apps of one GitHub host, as records of a credential store. The record of an App has
/// the name `github/HOST/APP_ID`.
#[derive(Clone)]
pub struct Apps {
    store: Arc<dyn CredentialStore>,
    host: String,
}

impl fmt::Debug for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apps({})", self.host)
    }
}

impl Apps {
    /// Creates a handle to the GitHub Apps of `host` in `store`. `host` is the name that
    /// [`Endpoints::host`](crate::Endpoints::host) returns, such as `github.com`.
    pub fn new(store: Arc<dyn CredentialStore>, host: impl Into<String>) -> Self {
        Self { store, host: host.into() }
    }

    pub(super) fn key(&self, app_id: u64) -> Result<CredentialKey> {
        CredentialKey::new(format!("{}{app_id}", prefix(&self.host)))
    }

    /// Lists the ids of all stored GitHub Apps of the GitHub host, in ascending order.
    ///
    /// # Errors
    /// The errors of the credential store.
    pub async fn list(&self) -> Result<Vec<u64>> {
        let prefix = prefix(&self.host);
        let number = |key: &CredentialKey| key.as_str().strip_prefix(&prefix)?.parse().ok();
        let mut all: Vec<u64> = self.store.list().await?.iter().filter_map(number).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// Returns the stored GitHub App `app_id` with its secrets, or `None` if the App is not stored.
    ///
    /// # Errors
    /// The errors of the credential store, and [`ErrorKind::Corrupt`] if the record is not a valid
    /// App record.
    pub async fn get(&self, app_id: u64) -> Result<Option<App>> {
        Ok(self.get_versioned(app_id).await?.map(|(app, _)| app))
    }

    /// Returns the stored GitHub App `app_id` with its secrets, and the version of the App's
    /// record. Returns `None` if the App is not stored. Each change of the App changes the version.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub async fn get_versioned(&self, app_id: u64) -> Result<Option<(App, Version)>> {
        let key = self.key(app_id)?;
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let app = App::from_record(app_id, &stored.secret).ok_or_else(|| {
            let line = format!(
                "the stored credential `{key}` is not a valid record of a GitHub App: delete the \
                 stored App, and configure it again"
            );
            Error::new(ErrorKind::Corrupt, line)
        })?;
        Ok(Some((app, stored.version)))
    }

    /// Returns the public view of the stored GitHub App `app_id`, or `None` if the App is not
    /// stored. The view contains no secrets.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub async fn view(&self, app_id: u64) -> Result<Option<AppView>> {
        self.get(app_id).await?.map(|app| app.view(&self.host)).transpose()
    }

    /// Creates or changes the GitHub App that `change` names, and returns the App's public view.
    /// Fields that `change` does not set keep their stored values. A new webhook secret becomes the
    /// newest secret. The previous secrets stay valid: deliveries that are signed with them are
    /// still accepted. An App can have at most two previous secrets.
    /// [`AppChange::without_old_secrets`] removes the previous secrets.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] if a new App lacks a private key or a webhook secret, or if
    ///   the App would have more than two previous webhook secrets.
    /// - [`ErrorKind::Unavailable`] if every attempt conflicts with a change that another client
    ///   makes to the App.
    /// - The errors of [`get`](Self::get).
    pub async fn change(&self, change: &AppChange) -> Result<AppView> {
        let key = self.key(change.app_id)?;
        for _ in 0..MAX_ATTEMPTS {
            let (before, precondition) = match self.get_versioned(change.app_id).await? {
                Some((app, version)) => (Some(app), Precondition::Version(version)),
                None => (None, Precondition::Absent),
            };
            let app = change.apply(before)?;
            // The view is created before the write, so that an App without a valid view is not
            // stored.
            let view = app.view(&self.host)?;
            match self.store.put(&key, &app.to_record()?, precondition).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| view),
            }
        }
        let line = format!(
            "cannot change the GitHub App {}, because other clients change it at the same time: try \
             again",
            change.app_id
        );
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// Creates the GitHub App that `change` names, and returns `true`. If the App is already
    /// stored, changes nothing and returns `false`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `change` lacks a private key or a webhook secret, or has more
    /// than three webhook secrets, and the errors of the credential store.
    pub async fn create(&self, change: &AppChange) -> Result<bool> {
        let app = change.apply(None)?;
        let key = self.key(change.app_id)?;
        match self.store.put(&key, &app.to_record()?, Precondition::Absent).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            done => done.map(|_| true),
        }
    }

    /// Deletes the GitHub App `app_id` from the credential store. Returns whether the App was
    /// stored.
    ///
    /// # Errors
    /// The errors of the credential store.
    pub async fn clear(&self, app_id: u64) -> Result<bool> {
        let key = self.key(app_id)?;
        // An unreadable record counts as a stored App and is deleted.
        let existed = !matches!(self.store.get(&key).await, Ok(None));
        self.store.delete(&key).await.map(|()| existed)
    }
}
