//! GitHub accounts and names in webhook payloads and REST API responses.

use ccc_core::event::{Actor, ActorKind};
use serde::Deserialize;

/// An account in a REST API response.
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

/// Returns the kind of an account. Only the account type `User` is a user; all others are bots
/// (spec: G9).
pub(crate) fn actor_kind(kind: Option<&str>) -> ActorKind {
    match kind {
        Some("User") => ActorKind::User,
        _ => ActorKind::Bot,
    }
}

/// Returns the account that GitHub shows in place of a deleted account (GitHub docs, "Deleting your
/// personal account").
pub(crate) fn ghost() -> Actor {
    Actor { id: 10_137, login: "ghost".to_owned(), kind: ActorKind::Bot }
}

/// Checks that the text is a valid name of an account or a repository. Such a name cannot change
/// the structure of a URL or a path.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
