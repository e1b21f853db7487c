//! The scope of an installation token: its permissions and repositories.

use std::collections::BTreeMap;

use ccc_core::vcs::Grant;
use serde::Deserialize;

/// The scope of an installation token in GitHub's response.
pub(super) struct Scope {
    /// The access level of each permission, such as `read`, by the name of the permission.
    pub(super) permissions: BTreeMap<String, String>,
    /// `all` if the token is for all repositories of the installation, or `selected` if the token
    /// is only for [`repositories`](Self::repositories).
    pub(super) repository_selection: Option<String>,
    pub(super) repositories: Vec<Repository>,
}

/// A repository in the scope of a token.
#[derive(Deserialize)]
pub(super) struct Repository {
    id: u64,
}

/// Returns the permissions that are requested from GitHub for `grant`, with their access levels
/// (GitHub docs, "Permissions required for GitHub Apps").
pub(super) fn permissions(grant: Grant) -> BTreeMap<&'static str, &'static str> {
    let power: &[(&str, &str)] = match grant {
        Grant::Read => &[("contents", "read"), ("issues", "read")],
        Grant::Discuss => &[("issues", "write")],
        Grant::Publish => &[("contents", "write"), ("pull_requests", "write")],
    };
    power.iter().copied().chain([("metadata", "read")]).collect()
}

/// Returns how the scope of a token differs from the scope that was requested for `repo` and
/// `grant`, or `None` if both are equal (spec: G4). The result is the end of a sentence that begins
/// with "the token".
pub(super) fn mismatch(repo: u64, grant: Grant, scope: &Scope) -> Option<String> {
    if scope.repository_selection.as_deref() != Some("selected") {
        return Some("is not limited to selected repositories".to_owned());
    }
    if !matches!(&scope.repositories[..], [only] if only.id == repo) {
        return Some("is not only for this repository".to_owned());
    }
    let asked = permissions(grant);
    let wider = scope.permissions.iter().find_map(|(name, level)| {
        let narrow = match asked.get(name.as_str()) {
            Some(&"write") => matches!(level.as_str(), "read" | "write"),
            Some(_) => level == "read",
            None => false,
        };
        let shown: String = format!("{name}: {level}").chars().take(80).collect();
        (!narrow).then(|| {
            format!("has the permission `{}`, which was not requested", shown.escape_default())
        })
    });
    wider.or_else(|| {
        let lacks = |(name, level): &(&&str, &&str)| {
            let had = scope.permissions.get(**name).map_or("", String::as_str);
            had != **level && had != "write"
        };
        let (name, level) = asked.iter().find(lacks)?;
        Some(format!("lacks the requested permission `{name}: {level}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_that_differs_from_the_requested_one_is_reported() {
        // spec: G4
        let granted = |power: &[(&str, &str)]| -> BTreeMap<String, String> {
            power.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
        };
        let publish = [("contents", "write"), ("metadata", "read"), ("pull_requests", "write")];
        let selected = Some("selected");
        for (power, selection, repositories, expected) in [
            (&publish[..], selected, vec![7], None),
            (&publish[..], Some("all"), vec![7], Some("is not limited")),
            (&publish[..], None, vec![7], Some("is not limited")),
            (&publish[..], selected, vec![8], Some("only for this repository")),
            (&publish[..], selected, vec![7, 8], Some("only for this repository")),
            (&publish[..], selected, vec![], Some("only for this repository")),
            (
                &publish[..2],
                selected,
                vec![7],
                Some("lacks the requested permission `pull_requests"),
            ),
            (
                &[("contents", "read"), publish[1], publish[2]],
                selected,
                vec![7],
                Some("lacks the requested permission `contents: write`"),
            ),
            (
                &[publish[0], publish[1], publish[2], ("workflows", "write")],
                selected,
                vec![7],
                Some("has the permission `workflows: write`, which was not requested"),
            ),
            (
                &[("contents", "admin"), publish[1], publish[2]],
                selected,
                vec![7],
                Some("has the permission `contents: admin`, which was not requested"),
            ),
        ] {
            let repositories: Vec<_> =
                repositories.iter().map(|id| Repository { id: *id }).collect();
            let scope = Scope {
                permissions: granted(power),
                repository_selection: selection.map(str::to_owned),
                repositories,
            };
            let found = mismatch(7, Grant::Publish, &scope);
            let fits = match expected {
                None => found.is_none(),
                Some(text) => found.as_deref().is_some_and(|found| found.contains(text)),
            };
            assert!(fits, "{power:?} {selection:?}: {found:?}");
        }
    }
}
