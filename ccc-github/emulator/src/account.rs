//! Accounts, and their permissions in a repository.

use serde::{Deserialize, Serialize};

/// The kind of an [`Actor`]: a person or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The account of a person.
    User,
    /// The account of a GitHub App or of another program.
    Bot,
}

/// An account on the emulated GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account's ID, which never changes.
    pub id: u64,
    /// The account's user name, which GitHub also uses in URLs.
    pub login: String,
    /// Whether the account belongs to a person or to a program.
    pub kind: ActorKind,
}

impl Actor {
    /// Returns the account `ghost`, which GitHub shows in place of a deleted account (GitHub docs,
    /// "Deleting your personal account").
    pub(crate) fn ghost() -> Self {
        Self { id: 10_137, login: "ghost".to_owned(), kind: ActorKind::Bot }
    }
}

/// The permission level of an account in a repository. GitHub also calls a permission level a role.
/// Each level includes the permissions of the levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// No access to the repository.
    None,
    /// Read access to the repository.
    Read,
    /// Read access, and management of issues and pull requests.
    Triage,
    /// Permission to push to the repository.
    Write,
    /// Permission to manage the repository, except for destructive actions.
    Maintain,
    /// Full access to the repository.
    Admin,
}

impl std::fmt::Display for Permission {
    /// Writes GitHub's name of the permission level, such as `maintain`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        })
    }
}
