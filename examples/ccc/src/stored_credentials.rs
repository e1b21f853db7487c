//! The treatment of configured credentials that differ from the stored ones.

use ccc_core::{Error, ErrorKind, Remedy};

/// The treatment of configured credentials that differ from the stored ones. It applies to the key
/// and the webhook secrets of the GitHub App, and to the credential of the model.
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
    /// The stored credentials are used. A warning is logged, and `/health` reports it.
    #[default]
    Prefer,
    /// The configured credentials replace the stored ones. A stored webhook secret that is not
    /// configured becomes invalid.
    Replace,
    /// Building the service fails with [`ErrorKind::Conflict`] and [`Remedy::ReplaceStored`].
    Refuse,
}

/// Returns the warning, or under [`StoredCredentials::Refuse`] the error, for a configured
/// credential that is not used.
pub(crate) fn difference(name: &str, stored: StoredCredentials) -> Result<String, Error> {
    let line = format!("{name} in the configuration differs from the stored one, which is used");
    match stored {
        StoredCredentials::Refuse => {
            Err(Error::new(ErrorKind::Conflict, line).with_remedy(Remedy::ReplaceStored))
        }
        _ => Ok(line),
    }
}
