//! The identity of a repository.

use serde::{Deserialize, Serialize};

/// A handle on a repository of the emulator.
///
/// The number is the identity: owner and name are the ones that the repository was made with, and
/// differ from the current ones after a rename or a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The emulator's address and port.
    pub host: String,
    /// The repository's number.
    pub id: u64,
    /// The account that owns the repository.
    pub owner: String,
    /// The repository's name within the account.
    pub name: String,
}

impl std::fmt::Display for RepoRef {
    /// Writes `owner/name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Returns whether an account or a repository can have this name: it changes neither a URL nor a
/// path.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
