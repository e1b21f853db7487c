//! What people do: repositories, issues, labels, comments.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ccc_core::event::{Actor, ActorKind, RepoRef};
use ccc_core::vcs::Permission;
use ccc_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::hooks::Hook;
use super::state::{Comment, Issue, Repo, State};
use super::{Inner, git, json as render};
use crate::payload::is_name;

pub(super) async fn add_repository(
    inner: &Arc<Inner>,
    owner: &str,
    name: &str,
    seed: &Path,
) -> Result<RepoRef> {
    if !is_name(owner) || !is_name(name) || name.ends_with(".git") {
        let line = format!("`{owner}/{name}` is no repository's name: expected OWNER/NAME");
        return Err(Error::new(ErrorKind::InvalidInput, line.escape_default().to_string()));
    }
    let id = {
        let mut state = inner.state();
        // A former name is free again, as on GitHub.
        let taken = state.repo_named(owner, name);
        if taken.is_some_and(|repo| repo.name.eq_ignore_ascii_case(name)) {
            let line = format!("{owner}/{name} is there already");
            return Err(Error::new(ErrorKind::AlreadyExists, line));
        }
        state.add_user(owner, ActorKind::User);
        if !state.installations.contains_key(&owner.to_ascii_lowercase()) {
            let installation = state.next_id();
            state.installations.insert(owner.to_ascii_lowercase(), installation);
        }
        state.next_id()
    };
    let default_branch = git::seed(inner, id, seed).await?;
    inner.state().repos.push(Repo {
        id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        former: Vec::new(),
        public: true,
        archived: false,
        installed: true,
        default_branch,
        permissions: BTreeMap::from([(owner.to_ascii_lowercase(), Permission::Admin)]),
        issues: BTreeMap::new(),
        pulls: BTreeMap::new(),
        last_number: 0,
    });
    Ok(RepoRef { host: inner.host.clone(), id, owner: owner.to_owned(), name: name.to_owned() })
}

fn known(state: &State, login: &str) -> Result<Actor> {
    state.user(login).cloned().ok_or_else(|| {
        let line = format!("the emulator knows no user {}: add it first", login.escape_default());
        Error::new(ErrorKind::NotFound, line)
    })
}

fn no_issue() -> Error {
    Error::new(ErrorKind::NotFound, "the emulator has no such repository or issue")
}

fn payload(
    inner: &Inner,
    state: &State,
    repo: &Repo,
    action: &str,
    issue: &Issue,
    by: &Actor,
) -> Value {
    json!({
        "action": action,
        "issue": render::issue(inner, repo, issue),
        "repository": render::repo(inner, state, repo),
        "sender": render::user(inner, by),
    })
}

pub(super) fn open_issue(
    inner: &Inner,
    repo: u64,
    login: &str,
    title: &str,
    body: &str,
) -> Result<(u64, Hook)> {
    let now = inner.now();
    let mut state = inner.state();
    let author = known(&state, login)?;
    let found = state.repo_mut(repo).ok_or_else(no_issue)?;
    found.last_number += 1;
    let number = found.last_number;
    found.issues.insert(
        number,
        Issue {
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.clone(),
            open: true,
            labels: Vec::new(),
            created_at: now,
            updated_at: now,
            comments: Vec::new(),
            reactions: Vec::new(),
        },
    );
    let found = state.repo(repo).ok_or_else(no_issue)?;
    let issue = found.issues.get(&number).ok_or_else(no_issue)?;
    let payload = payload(inner, &state, found, "opened", issue, &author);
    Ok((number, Hook::new("issues", &payload)))
}

pub(super) fn label_issue(
    inner: &Inner,
    repo: u64,
    number: u64,
    login: &str,
    label: &str,
) -> Result<Hook> {
    let now = inner.now();
    let mut state = inner.state();
    let actor = known(&state, login)?;
    let issue = state.issue_mut(repo, number).ok_or_else(no_issue)?;
    issue.labels.push(label.to_owned());
    issue.updated_at = now;
    let found = state.repo(repo).ok_or_else(no_issue)?;
    let issue = found.issues.get(&number).ok_or_else(no_issue)?;
    let mut payload = payload(inner, &state, found, "labeled", issue, &actor);
    payload["label"] = json!({ "id": 1, "name": label, "color": "ededed", "default": false });
    Ok(Hook::new("issues", &payload))
}

pub(super) fn comment(
    inner: &Inner,
    repo: u64,
    number: u64,
    login: &str,
    body: &str,
) -> Result<(u64, Hook)> {
    let now = inner.now();
    let mut state = inner.state();
    let author = known(&state, login)?;
    let id = state.next_id();
    let issue = state.issue_mut(repo, number).ok_or_else(no_issue)?;
    issue.updated_at = now;
    issue.comments.push(Comment {
        id,
        author: author.clone(),
        body: body.to_owned(),
        created_at: now,
        updated_at: now,
        reactions: Vec::new(),
    });
    let found = state.repo(repo).ok_or_else(no_issue)?;
    let issue = found.issues.get(&number).ok_or_else(no_issue)?;
    let comment = issue.comments.last().ok_or_else(no_issue)?;
    let mut payload = payload(inner, &state, found, "created", issue, &author);
    payload["comment"] = render::comment(inner, found, number, comment);
    Ok((id, Hook::new("issue_comment", &payload)))
}
