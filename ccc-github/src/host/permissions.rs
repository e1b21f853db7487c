//! Repository permissions of accounts.

use ccc_core::Result;
use ccc_core::event::{Actor, RepoRef};
use ccc_core::vcs::{Grant, Permission};
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::User;
use crate::client::Call;
use crate::host::github::GitHub;

impl GitHub {
    /// Reads the permission of `actor` in `repo`. The field `role_name` of the response is used,
    /// because the field `permission` reports the role `triage` as `read`, and the role `maintain`
    /// as `write`. If `role_name` contains a custom role of an organization, `permission` is used
    /// (GitHub docs, "Get repository permissions for a user").
    pub(super) async fn read_permission(
        &self,
        repo: &RepoRef,
        actor: &Actor,
    ) -> Result<Permission> {
        #[derive(Deserialize)]
        struct Answer {
            permission: String,
            role_name: Option<String>,
            user: Option<User>,
        }
        let url = self.url(repo, &["collaborators", &actor.login, "permission"])?;
        if actor.login.is_empty() || matches!(actor.login.as_str(), "." | "..") {
            return Ok(Permission::None);
        }
        let answer: Answer = match self.call(repo, Grant::Read, &Call::get(url)).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                return Ok(Permission::None);
            }
            answer => answer?,
        };
        // A login can move to another account, so only the id identifies the account.
        if answer.user.map(|user| user.id) != Some(actor.id) {
            return Ok(Permission::None);
        }
        let role = answer.role_name.as_deref().and_then(level);
        Ok(role.or_else(|| level(&answer.permission)).unwrap_or(Permission::None))
    }
}

/// Returns the permission of the predefined role `role`, or `None` if `role` is a custom role.
fn level(role: &str) -> Option<Permission> {
    Some(match role {
        "admin" => Permission::Admin,
        "maintain" => Permission::Maintain,
        "write" => Permission::Write,
        "triage" => Permission::Triage,
        "read" => Permission::Read,
        "none" => Permission::None,
        _ => return None,
    })
}
