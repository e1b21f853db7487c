//! The reference to a repository.

use serde::{Deserialize, Serialize};

/// A reference to a repository of the emulator.
///
/// The ID identifies the repository. `owner` and `name` are those at its creation; after a rename
/// or a transfer, they differ from the current ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The emulator's address and port.
    pub host: String,
    /// The repository's ID.
    pub id: u64,
    /// The login of the account that owned the repository at its creation.
    pub owner: String,
    /// The repository's name at its creation.
    pub name: String,
}

impl std::fmt::Display for RepoRef {
    /// Writes `owner/name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Returns whether this is a valid name of an account or a repository. A valid name is one segment
/// of a URL or a path.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
