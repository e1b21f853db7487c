//! GitHub accounts in webhook payloads and REST API responses, and the check of account and
//! repository names.

use ccc_core::event::{Actor, ActorKind};
use serde::Deserialize;

/// A GitHub account in a REST API response.
#[derive(Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl From<User> for Actor {
    fn from(user: User) -> Self {
        Self { kind: actor_kind(user.kind.as_deref()), id: user.id, login: user.login }
    }
}

/// Converts GitHub's account type `kind` to an [`ActorKind`]. Only the type `User` is a user. Every
/// other type, or a missing type, counts as a bot (spec: G9).
pub(crate) fn actor_kind(kind: Option<&str>) -> ActorKind {
    match kind {
        Some("User") => ActorKind::User,
        _ => ActorKind::Bot,
    }
}

/// Returns the account `ghost`, which GitHub shows in place of a deleted account (GitHub docs,
/// "Deleting your personal account").
pub(crate) fn ghost() -> Actor {
    Actor { id: 10_137, login: "ghost".to_owned(), kind: ActorKind::Bot }
}

/// Returns whether `name` is a valid name of an account or a repository: 1 to 100 ASCII letters,
/// digits, `-`, `_` and `.`, but neither `.` nor `..`. Such a name cannot change the structure of a
/// URL or path that contains it.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
