//! Repositories and who may do what in them.

use ccc_core::vcs::Permission;
use serde_json::json;

use super::super::answer::{Answer, Failure, nothing, ok};
use super::super::auth::Caller;
use super::super::render::{self, with};
use super::super::routes::Ask;
use super::super::state::Repo;

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let at = ask.allowed("metadata", false)?;
    ok(&render::repository(&ask.inner, &at.state, at.repo()?))
}

fn known(repo: &Repo, login: &str) -> Option<Permission> {
    repo.permissions.get(&login.to_ascii_lowercase()).copied()
}

pub(in super::super) async fn is_collaborator(ask: Ask) -> Answer {
    let at = ask.allowed("metadata", false)?;
    let user = at.state.user(ask.param("username")).ok_or_else(Failure::not_found)?;
    match known(at.repo()?, &user.login) {
        Some(permission) if permission > Permission::None => nothing(),
        _ => Err(Failure::not_found()),
    }
}

pub(in super::super) async fn permission(ask: Ask) -> Answer {
    // Who may do what is not told in the open, however public the repository is.
    if matches!(ask.caller, Caller::Nobody) {
        return Err(Failure::unauthorized("Requires authentication"));
    }
    let at = ask.allowed("metadata", false)?;
    let repo = at.repo()?;
    let user = at.state.user(ask.param("username")).ok_or_else(Failure::not_found)?;
    let (permission, role) = match known(repo, &user.login) {
        Some(Permission::Admin) => ("admin", "admin"),
        Some(Permission::Maintain) => ("write", "maintain"),
        Some(Permission::Write) => ("write", "write"),
        Some(Permission::Triage) => ("read", "triage"),
        Some(Permission::Read) => ("read", "read"),
        None if repo.public => ("read", "read"),
        _ => ("none", "none"),
    };
    let may = |least: &[&str]| least.contains(&role);
    let powers = json!({
        "role_name": role,
        "permissions": {
            "admin": may(&["admin"]),
            "maintain": may(&["admin", "maintain"]),
            "push": may(&["admin", "maintain", "write"]),
            "triage": may(&["admin", "maintain", "write", "triage"]),
            "pull": role != "none",
        },
    });
    let user = with(render::user(&ask.inner, user), powers);
    ok(&json!({ "permission": permission, "role_name": role, "user": user }))
}
