//! What people and programs do to issues and pull requests, and the webhooks that tell of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::Doer;
use super::git::Git;
use super::hooks::{Hook, deliver_later, to_apps};
use super::render::{self, with};
use super::state::{Comment, Issue, Label, Place, Pull, Repo, State};
use super::{Inner, apps};

/// The longest text of an issue, a pull request or a comment, in characters.
pub(super) const MAX_TEXT: usize = 65_536;

/// What an issue or a pull request is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct New {
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) assignees: Vec<String>,
    pub(super) pull: Option<Pull>,
}

/// Tells of something that happened to an issue or a pull request.
pub(super) fn told(
    inner: &Inner,
    state: &State,
    (repo, number): (u64, u64),
    action: &str,
    doer: &Doer,
    more: Value,
) -> Vec<Hook> {
    let (Some(found), Some(issue)) = (state.repo(repo), state.issue(repo, number)) else {
        return Vec::new();
    };
    let whole = json!({
        "action": action,
        "repository": render::repository(inner, state, found),
        "sender": render::user(inner, &doer.actor),
    });
    let whole = with(whole, more);
    match &issue.pull {
        Some(pull) => {
            let shown = render::pull_in_full(inner, state, (found, issue, pull), &pull.stat);
            let about = json!({ "number": number, "pull_request": shown });
            to_apps(state, repo, "pull_request", &with(whole, about))
        }
        None => {
            let about = json!({ "issue": render::issue(inner, state, found, issue) });
            to_apps(state, repo, "issues", &with(whole, about))
        }
    }
}

/// Opens an issue or a pull request; `None` when the repository is not there.
pub(super) fn open(
    inner: &Inner,
    state: &mut State,
    repo: u64,
    doer: &Doer,
    new: New,
) -> Option<(u64, Vec<Hook>)> {
    let now = inner.now();
    let id = state.next_id();
    for label in &new.labels {
        need_label(state, repo, label)?;
    }
    let assignees = new.assignees.iter().filter_map(|login| state.user(login).cloned()).collect();
    let found = state.repo_mut(repo)?;
    found.last_number += 1;
    let number = found.last_number;
    let issue = Issue {
        id,
        number,
        title: new.title,
        body: new.body,
        author: doer.actor.clone(),
        via: doer.via,
        open: true,
        state_reason: None,
        locked: false,
        lock_reason: None,
        place: Place::Here,
        labels: new.labels,
        assignees,
        created_at: now,
        updated_at: now,
        closed_at: None,
        comments: Vec::new(),
        reactions: Vec::new(),
        pull: new.pull,
    };
    found.issues.insert(number, issue);
    let at = (repo, number);
    let mut hooks = told(inner, state, at, "opened", doer, json!({}));
    // Each label and assignee is told of on its own as well.
    let (issue, found) = (state.issue(repo, number)?, state.repo(repo)?);
    for label in issue.labels.iter().filter_map(|name| found.label(name)) {
        let more = json!({ "label": render::label(inner, found, label) });
        hooks.extend(told(inner, state, at, "labeled", doer, more));
    }
    for person in &issue.assignees {
        let more = json!({ "assignee": render::user(inner, person) });
        hooks.extend(told(inner, state, at, "assigned", doer, more));
    }
    Some((number, hooks))
}

/// Makes sure that the repository has the label, as GitHub does when one is put on an issue.
pub(super) fn need_label(state: &mut State, repo: u64, name: &str) -> Option<Label> {
    if let Some(label) = state.repo(repo)?.label(name) {
        return Some(label.clone());
    }
    let id = state.next_id();
    let label = Label { id, name: name.to_owned(), color: "ededed".to_owned(), description: None };
    state.repo_mut(repo)?.labels.push(label.clone());
    Some(label)
}

/// Puts a label on; nothing happens when it is there.
pub(super) fn label(
    inner: &Inner,
    state: &mut State,
    at: (u64, u64),
    doer: &Doer,
    name: &str,
) -> Option<Vec<Hook>> {
    let (repo, number) = at;
    let label = need_label(state, repo, name)?;
    let issue = state.issue_mut(repo, number)?;
    if issue.labels.iter().any(|had| had.eq_ignore_ascii_case(name)) {
        return Some(Vec::new());
    }
    issue.labels.push(label.name.clone());
    issue.updated_at = inner.now();
    let shown = render::label(inner, state.repo(repo)?, &label);
    Some(told(inner, state, at, "labeled", doer, json!({ "label": shown })))
}

/// Takes a label off; `None` when it is not on.
pub(super) fn unlabel(
    inner: &Inner,
    state: &mut State,
    at: (u64, u64),
    doer: &Doer,
    name: &str,
) -> Option<Vec<Hook>> {
    let (repo, number) = at;
    let issue = state.issue_mut(repo, number)?;
    let index = issue.labels.iter().position(|had| had.eq_ignore_ascii_case(name))?;
    let name = issue.labels.remove(index);
    issue.updated_at = inner.now();
    let found = state.repo(repo)?;
    let shown = found.label(&name).map(|label| render::label(inner, found, label));
    Some(told(inner, state, at, "unlabeled", doer, json!({ "label": shown })))
}

/// Assigns somebody, or takes somebody off.
pub(super) fn assign(
    inner: &Inner,
    state: &mut State,
    at: (u64, u64),
    doer: &Doer,
    (login, on): (&str, bool),
) -> Option<Vec<Hook>> {
    let person = state.user(login)?.clone();
    let issue = state.issue_mut(at.0, at.1)?;
    let had = issue.assignees.iter().position(|had| had.id == person.id);
    match (had, on) {
        (Some(index), false) => drop(issue.assignees.remove(index)),
        (None, true) => issue.assignees.push(person.clone()),
        _ => return Some(Vec::new()),
    }
    issue.updated_at = inner.now();
    let more = json!({ "assignee": render::user(inner, &person) });
    let action = if on { "assigned" } else { "unassigned" };
    Some(told(inner, state, at, action, doer, more))
}

/// Closes it, or opens it again.
pub(super) fn set_open(
    inner: &Inner,
    state: &mut State,
    at: (u64, u64),
    doer: &Doer,
    (open, reason): (bool, Option<&str>),
) -> Option<Vec<Hook>> {
    let now = inner.now();
    let issue = state.issue_mut(at.0, at.1)?;
    if issue.open == open {
        return Some(Vec::new());
    }
    issue.open = open;
    issue.closed_at = (!open).then_some(now);
    let why = reason.unwrap_or(if open { "reopened" } else { "completed" });
    issue.state_reason = issue.pull.is_none().then(|| why.to_owned());
    issue.updated_at = now;
    let action = if open { "reopened" } else { "closed" };
    Some(told(inner, state, at, action, doer, json!({})))
}

/// Writes a comment; gives its id.
pub(super) fn comment(
    inner: &Inner,
    state: &mut State,
    at: (u64, u64),
    doer: &Doer,
    body: &str,
) -> Option<(u64, Vec<Hook>)> {
    let now = inner.now();
    let id = state.next_id();
    let issue = state.issue_mut(at.0, at.1)?;
    issue.updated_at = now;
    issue.comments.push(Comment {
        id,
        author: doer.actor.clone(),
        via: doer.via,
        body: body.to_owned(),
        created_at: now,
        updated_at: now,
        reactions: Vec::new(),
    });
    Some((id, about_comment(inner, state, at, id, "created", doer, json!({}))))
}

/// Tells of something that happened to a comment.
pub(super) fn about_comment(
    inner: &Inner,
    state: &State,
    (repo, number): (u64, u64),
    id: u64,
    action: &str,
    doer: &Doer,
    more: Value,
) -> Vec<Hook> {
    let (Some(found), Some(issue)) = (state.repo(repo), state.issue(repo, number)) else {
        return Vec::new();
    };
    let Some(comment) = issue.comments.iter().find(|comment| comment.id == id) else {
        return Vec::new();
    };
    let whole = json!({
        "action": action,
        "issue": render::issue(inner, state, found, issue),
        "comment": render::comment(inner, state, (found, issue), comment),
        "repository": render::repository(inner, state, found),
        "sender": render::user(inner, &doer.actor),
    });
    to_apps(state, repo, "issue_comment", &with(whole, more))
}

/// Tells an App of its installation.
pub(super) fn about_installation(
    inner: &Inner,
    state: &State,
    installation: u64,
    action: &str,
) -> Vec<Hook> {
    let Some(found) = state.installation(installation) else { return Vec::new() };
    let mine = |repo: &&Repo| {
        repo.owner.eq_ignore_ascii_case(&found.account) && !found.without.contains(&repo.id)
    };
    let repositories: Vec<_> = state
        .repos
        .iter()
        .filter(mine)
        .map(|repo| json!({ "id": repo.id, "node_id": format!("R_{}", repo.id), "name": repo.name, "full_name": repo.full_name(), "private": !repo.public }))
        .collect();
    let payload = json!({
        "action": action,
        "installation": render::installation(inner, state, found),
        "repositories": repositories,
        "sender": render::known_user(inner, state, &found.account),
    });
    vec![Hook::to_app(found.app, Some(installation), None, "installation", &payload)]
}

/// The first delivery to a new address (GitHub docs, "Webhook events and payloads": ping).
pub(super) fn ping(app: &apps::App) -> Hook {
    let payload = json!({
        "zen": "Keep it logically awesome.",
        "hook_id": app.id,
        "hook": {
            "type": "App", "id": app.id, "app_id": app.id, "name": "web", "active": true,
            "events": app.events, "created_at": app.created_at, "updated_at": app.created_at,
            "config": { "content_type": "json", "insecure_ssl": "0", "url": app.webhook_url },
        },
    });
    Hook::to_app(app.id, None, None, "ping", &payload)
}

/// Takes in that branches moved: open pull requests show what their branches have.
pub(super) async fn branches_moved(inner: &Arc<Inner>, repo: u64) {
    let git = Git::of(inner, repo);
    let refs = git.refs("refs/heads/").await;
    let at = |branch: &str| {
        let name = format!("refs/heads/{branch}");
        refs.iter().find(|(found, _)| *found == name).map(|(_, sha)| sha.clone())
    };
    let moved: Vec<_> = {
        let state = inner.state();
        let Some(found) = state.repo(repo) else { return };
        let open = found.issues.values().filter(|issue| issue.open);
        let pulls = open.filter_map(|issue| Some((issue, issue.pull.as_ref()?)));
        let moved = pulls.filter_map(|(issue, pull)| {
            let sha = at(&pull.head).filter(|sha| *sha != pull.head_sha)?;
            Some((issue.number, issue.author.clone(), pull.base_sha.clone(), sha))
        });
        moved.collect()
    };
    let mut hooks = Vec::new();
    for (number, actor, base, after) in moved {
        let stat = git.stat(&base, &after).await;
        let mut state = inner.state();
        let pull = state.issue_mut(repo, number).and_then(|issue| issue.pull.as_mut());
        let Some(pull) = pull else { continue };
        pull.stat = stat;
        let before = std::mem::replace(&mut pull.head_sha, after.clone());
        let more = json!({ "before": before, "after": after });
        let doer = Doer { actor, via: None };
        hooks.extend(told(inner, &state, (repo, number), "synchronize", &doer, more));
    }
    deliver_later(inner, hooks);
}

/// Whether the text is one that GitHub takes.
pub(super) fn fits(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT
}

/// Whether something was changed since a moment.
pub(super) fn since(asked: Option<&str>, changed: Timestamp) -> bool {
    asked.and_then(|since| since.parse::<Timestamp>().ok()).is_none_or(|since| changed >= since)
}
