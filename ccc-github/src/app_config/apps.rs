//! The Apps of one host in a credential store.

use std::fmt;
use std::sync::Arc;

use ccc_core::credential::{Precondition, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result};

use crate::app_config::record::{App, AppView};
use crate::app_config::request::AppChange;
use crate::secret_record::prefix;

/// The maximum number of attempts of a change that conflicts with other changes of the same App.
pub(super) const MAX_ATTEMPTS: usize = 20;

/// The Apps of one host in a credential store. Each App is a record `github/HOST/APP_ID`.
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
    /// Creates a view of the Apps of a host. [`Endpoints::host`](crate::Endpoints::host) returns
    /// the host's name.
    pub fn new(store: Arc<dyn CredentialStore>, host: impl Into<String>) -> Self {
        Self { store, host: host.into() }
    }

    pub(super) fn key(&self, app_id: u64) -> Result<CredentialKey> {
        CredentialKey::new(format!("{}{app_id}", prefix(&self.host)))
    }

    /// Lists the ids of all Apps in ascending order.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> Result<Vec<u64>> {
        let prefix = prefix(&self.host);
        let number = |key: &CredentialKey| key.as_str().strip_prefix(&prefix)?.parse().ok();
        let mut all: Vec<u64> = self.store.list().await?.iter().filter_map(number).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// Returns an App with its secrets.
    ///
    /// # Errors
    /// Those of the store, and [`ErrorKind::Corrupt`] if the record is not a valid App record.
    pub async fn get(&self, app_id: u64) -> Result<Option<App>> {
        Ok(self.get_versioned(app_id).await?.map(|(app, _)| app))
    }

    /// Returns an App with its secrets, and its version, which changes with each change of the App.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn get_versioned(&self, app_id: u64) -> Result<Option<(App, Version)>> {
        let key = self.key(app_id)?;
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let app = App::from_record(app_id, &stored.secret).ok_or_else(|| {
            let line = format!(
                "the credential `{key}` is not a valid App record, and stays unchanged until it is \
                 cleared"
            );
            Error::new(ErrorKind::Corrupt, line)
        })?;
        Ok(Some((app, stored.version)))
    }

    /// Returns the public view of an App.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn view(&self, app_id: u64) -> Result<Option<AppView>> {
        self.get(app_id).await?.map(|app| app.view(&self.host)).transpose()
    }

    /// Creates or changes an App. Fields that the change does not set keep their values. Up to two
    /// previous webhook secrets stay valid until [`AppChange::without_old_secrets`].
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] for a new App without a private key or webhook secret, and for
    ///   a third previous secret.
    /// - [`ErrorKind::Unavailable`] if other changes of the App conflict with all attempts.
    /// - Those of [`get`](Self::get).
    pub async fn change(&self, change: &AppChange) -> Result<AppView> {
        let key = self.key(change.app_id)?;
        for _ in 0..MAX_ATTEMPTS {
            let (before, precondition) = match self.get_versioned(change.app_id).await? {
                Some((app, version)) => (Some(app), Precondition::Version(version)),
                None => (None, Precondition::Absent),
            };
            let app = change.apply(before)?;
            // Created before the write, so that an App without a valid view is not stored.
            let view = app.view(&self.host)?;
            match self.store.put(&key, &app.to_record()?, precondition).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| view),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "other clients change this App at the same time: try again",
        ))
    }

    /// Creates an App. Returns `false` and changes nothing if the App already exists.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] as for [`change`](Self::change), and those of the store.
    pub async fn make(&self, change: &AppChange) -> Result<bool> {
        let app = change.apply(None)?;
        let key = self.key(change.app_id)?;
        match self.store.put(&key, &app.to_record()?, Precondition::Absent).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            done => done.map(|_| true),
        }
    }

    /// Removes an App. Returns whether it existed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn clear(&self, app_id: u64) -> Result<bool> {
        let key = self.key(app_id)?;
        // An unreadable record counts as existing, and is also removed.
        let existed = !matches!(self.store.get(&key).await, Ok(None));
        self.store.delete(&key).await.map(|()| existed)
    }
}
