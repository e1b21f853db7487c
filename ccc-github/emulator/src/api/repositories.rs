//! Repositories, and the roles of accounts in them.

use serde_json::json;

use crate::account::Permission;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::model::Repo;
use crate::render::{self, merge};
use crate::request::ApiRequest;
use crate::response::{Answer, nothing, ok};

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let access = request.authorize("metadata", false)?;
    ok(&render::repository(&request.inner, &access.state, access.repo()?))
}

fn known(repo: &Repo, login: &str) -> Option<Permission> {
    repo.permissions.get(&login.to_ascii_lowercase()).copied()
}

pub(crate) async fn is_collaborator(request: ApiRequest) -> Answer {
    let access = request.authorize("metadata", false)?;
    let user = access.state.user(request.path_param("username")).ok_or_else(Failure::not_found)?;
    match known(access.repo()?, &user.login) {
        Some(permission) if permission > Permission::None => nothing(),
        _ => Err(Failure::not_found()),
    }
}

pub(crate) async fn permission(request: ApiRequest) -> Answer {
    // Roles are not public, even if the repository is public.
    if matches!(request.caller, Caller::Nobody) {
        return Err(Failure::unauthorized("Requires authentication"));
    }
    let access = request.authorize("metadata", false)?;
    let repo = access.repo()?;
    let user = access.state.user(request.path_param("username")).ok_or_else(Failure::not_found)?;
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
    let user = merge(render::user(&request.inner, user), powers);
    ok(&json!({ "permission": permission, "role_name": role, "user": user }))
}
