//! New repositories and Apps.

use std::collections::BTreeMap;
use std::path::Path;

use crate::account::{ActorKind, Permission};
use crate::app::Manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::key_pair::KeyPair;
use crate::model::Repo;
use crate::repo_ref::{RepoRef, is_name};
use crate::state::Inner;

/// Makes a public repository with the first App installed; empty without a seed.
pub(crate) async fn add_repository(
    inner: &Inner,
    owner: &str,
    name: &str,
    seed: Option<&Path>,
) -> Result<RepoRef> {
    if !is_name(owner) || !is_name(name) || name.ends_with(".git") {
        let line = format!("`{owner}/{name}` is no repository's name: expected OWNER/NAME");
        return Err(Error::new(ErrorKind::InvalidInput, line.escape_default().to_string()));
    }
    let taken = || {
        let line = format!("{owner}/{name} is there already");
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

/// Registers an App with a key and secrets of its own; returns its number.
pub(crate) async fn add_app(inner: &Inner, manifest: Manifest, owner: &str) -> Result<u64> {
    // GitHub makes the key later; here it takes a moment, and the routes do not wait.
    let key = KeyPair::new(None).await?;
    let mut state = inner.state();
    let id = state.next_id();
    let slug = manifest.slug(id);
    let taken = state.apps.iter().any(|app| app.slug == slug);
    if slug.is_empty() || slug.len() > 34 || taken {
        let line = "an App's name has letters or digits, 34 characters at most, and is not taken";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    state.add_user(owner, ActorKind::User);
    state.add_user(&format!("{slug}[bot]"), ActorKind::Bot);
    let app = manifest.into_app(id, owner, key, inner.now());
    state.apps.push(app);
    Ok(id)
}
