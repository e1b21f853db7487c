//! The rule for configured credentials that differ from the stored ones.

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
    /// The service uses the stored credentials. A warning is logged, and `/health` reports it.
    #[default]
    Prefer,
    /// The configured credentials replace the stored ones. A stored webhook secret that is not
    /// configured becomes invalid.
    Replace,
    /// [`ServiceBuilder::build`](crate::ServiceBuilder::build) fails with [`ErrorKind::Conflict`]
    /// and [`Remedy::ReplaceStored`].
    Refuse,
}

/// Returns the warning that the configured credential `name` is not used, because it differs from
/// the stored one. Under [`StoredCredentials::Refuse`], returns an error instead.
pub(crate) fn difference(name: &str, stored: StoredCredentials) -> Result<String, Error> {
    match stored {
        StoredCredentials::Refuse => {
            let text = format!("{name} in the configuration differs from the stored one");
            Err(Error::new(ErrorKind::Conflict, text).with_remedy(Remedy::ReplaceStored))
        }
        _ => Ok(warning(name)),
    }
}

/// Returns the warning that the configured credential `name` is not used.
pub(crate) fn warning(name: &str) -> String {
    format!("{name} in the configuration differs from the stored one, which is used")
}
