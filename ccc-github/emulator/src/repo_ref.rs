//! References to repositories.

use serde::{Deserialize, Serialize};

/// A reference to a repository of the emulator.
///
/// The ID identifies the repository. `owner` and `name` are the owner and the name that the
/// repository had at its creation. After a rename or a transfer, they are outdated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The address and port of the emulator, such as `127.0.0.1:8080`.
    pub host: String,
    /// The ID of the repository, which never changes.
    pub id: u64,
    /// The login of the account that owned the repository at its creation.
    pub owner: String,
    /// The name of the repository at its creation.
    pub name: String,
}

impl std::fmt::Display for RepoRef {
    /// Writes `owner/name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Returns whether `name` is a valid name of an account or a repository: 1 to 100 letters, digits,
/// `-`, `_` and `.`, but not `.` or `..`. A valid name is one segment of a URL or a path.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
