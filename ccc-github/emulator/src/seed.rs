//! Creation of repositories and Apps.

use std::collections::BTreeMap;
use std::path::Path;

use crate::account::{ActorKind, Permission};
use crate::app::Manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::key_pair::KeyPair;
use crate::model::Repo;
use crate::repo_ref::{RepoRef, is_name};
use crate::state::Inner;

/// Creates the public repository `owner/name` with the content of `seed`, and installs the first
/// GitHub App on the account `owner`. The repository is empty if `seed` is `None`.
pub(crate) async fn add_repository(
    inner: &Inner,
    owner: &str,
    name: &str,
    seed: Option<&Path>,
) -> Result<RepoRef> {
    if !is_name(owner) || !is_name(name) || name.ends_with(".git") {
        let line = format!(
            "`{owner}/{name}` is not a valid repository name: use at most 100 letters, digits, \
             `-`, `_` and `.` for each part, and do not end the name with `.git`"
        );
        return Err(Error::new(ErrorKind::InvalidInput, line.escape_default().to_string()));
    }
    let taken = || {
        let line = format!("the repository {owner}/{name} already exists: choose another name");
        Error::new(ErrorKind::AlreadyExists, line)
    };
    let id = {
        let mut state = inner.state();
        if state.repos.iter().any(|repo| repo.is_named(owner, name)) {
            return Err(taken());
        }
        state.add_user(owner, ActorKind::User);
        state.install(inner.app_id, owner, inner.now());
        state.next_id()
    };
    let default_branch = inner.git(id).seed(seed).await?;
    let mut state = inner.state();
    if state.repos.iter().any(|repo| repo.is_named(owner, name)) {
        return Err(taken());
    }
    state.repos.push(Repo {
        id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        former: Vec::new(),
        public: true,
        archived: false,
        default_branch,
        permissions: BTreeMap::from([(owner.to_ascii_lowercase(), Permission::Admin)]),
        issues: BTreeMap::new(),
        labels: Vec::new(),
        last_number: 0,
        created_at: inner.now(),
    });
    Ok(RepoRef { host: inner.host.clone(), id, owner: owner.to_owned(), name: name.to_owned() })
}

/// Registers the GitHub App that `manifest` describes, with a new key and new secrets. The account
/// `owner` owns the App. Returns the App's ID.
pub(crate) async fn add_app(inner: &Inner, manifest: Manifest, owner: &str) -> Result<u64> {
    // The creation of a key takes a noticeable time, so it happens before the state is locked.
    // GitHub creates the key later.
    let key = KeyPair::new(None).await?;
    let mut state = inner.state();
    let id = state.next_id();
    let slug = manifest.slug(id);
    let taken = state.apps.iter().any(|app| app.slug == slug);
    if slug.is_empty() || slug.len() > 34 || taken {
        let line = "the name of the App is invalid or already used: choose another name of at \
                    most 34 characters";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    state.add_user(owner, ActorKind::User);
    state.add_user(&format!("{slug}[bot]"), ActorKind::Bot);
    let app = manifest.into_app(id, owner, key, inner.now());
    state.apps.push(app);
    Ok(id)
}
