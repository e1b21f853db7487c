//! The rule for a configured credential that differs from the stored credential.

use ccc_core::{Error, ErrorKind, Remedy};

/// The rule for a configured credential that differs from the stored credential. The rule applies
/// to the private key and the webhook secrets of the GitHub App, and to the credential of the
/// model.
///
/// # Examples
///
/// ```
/// use ccc::{Config, Service, StoredCredentials};
///
/// let config = Config::default();
/// let builder = Service::builder(&config).stored_credentials(StoredCredentials::Replace);
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoredCredentials {
    /// The service uses the stored credentials. If a configured credential differs from the stored
    /// credential, the service logs a warning, and `/health` reports this warning.
    #[default]
    Prefer,
    /// The configured credentials replace the stored credentials. A stored webhook secret that is
    /// not configured becomes invalid.
    Replace,
    /// If a configured credential differs from the stored credential,
    /// [`ServiceBuilder::build`](crate::ServiceBuilder::build) fails with [`ErrorKind::Conflict`]
    /// and the remedy [`Remedy::ReplaceStored`].
    Refuse,
}

/// Returns the warning that the configured credential `name` is not used, because the credential
/// differs from the stored credential. If `stored` is [`StoredCredentials::Refuse`], returns an
/// error instead.
pub(crate) fn difference(name: &str, stored: StoredCredentials) -> Result<String, Error> {
    match stored {
        StoredCredentials::Refuse => {
            let text = format!("{name} differs between the configuration and the credential store");
            Err(Error::new(ErrorKind::Conflict, text).with_remedy(Remedy::ReplaceStored))
        }
        _ => Ok(warning(name)),
    }
}

/// Returns the warning that the configured credential `name` is not used.
pub(crate) fn warning(name: &str) -> String {
    format!(
        "{name} differs between the configuration and the credential store; the stored value is used"
    )
}
