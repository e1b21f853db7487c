//! Actions on issues and pull requests.

use serde_json::json;

use crate::activity::events::issue_event;
use crate::caller::Sender;
use crate::model::{Issue, IssueKey, IssueLocation, Label, Pull};
use crate::render;
use crate::state::{Inner, State};
use crate::webhooks::PendingDelivery;

/// The content of a new issue or pull request.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewIssue {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) pull: Option<Pull>,
}

/// Opens an issue or a pull request in the repository `repo`. Returns the number of the new issue
/// or pull request and the webhook deliveries to send, or `None` if the repository does not exist.
pub(crate) fn open_issue(
    inner: &Inner,
    state: &mut State,
    repo: u64,
    sender: &Sender,
    new: NewIssue,
) -> Option<(u64, Vec<PendingDelivery>)> {
    let now = inner.now();
    let id = state.next_id();
    for label in &new.labels {
        ensure_label(state, repo, label)?;
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
        author: sender.actor.clone(),
        via: sender.via,
        open: true,
        state_reason: None,
        locked: false,
        lock_reason: None,
        location: IssueLocation::Here,
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
    let key = IssueKey { repo, number };
    let mut hooks = issue_event(inner, state, key, "opened", sender, json!({}));
    // GitHub delivers an additional event for each label and each assignee.
    let (issue, found) = (state.issue(key)?, state.repo(repo)?);
    for label in issue.labels.iter().filter_map(|name| found.label(name)) {
        let more = json!({ "label": render::label(inner, found, label) });
        hooks.extend(issue_event(inner, state, key, "labeled", sender, more));
    }
    for person in &issue.assignees {
        let more = json!({ "assignee": render::user(inner, person) });
        hooks.extend(issue_event(inner, state, key, "assigned", sender, more));
    }
    Some((number, hooks))
}

/// Returns the label `name` of the repository `repo`. Creates the label if the repository does not
/// have it. Returns `None` if the repository does not exist.
pub(crate) fn ensure_label(state: &mut State, repo: u64, name: &str) -> Option<Label> {
    if let Some(label) = state.repo(repo)?.label(name) {
        return Some(label.clone());
    }
    let id = state.next_id();
    let label = Label { id, name: name.to_owned(), color: "ededed".to_owned(), description: None };
    state.repo_mut(repo)?.labels.push(label.clone());
    Some(label)
}

/// Adds the label `name` to the issue `key`, unless the issue already has this label. Returns the
/// webhook deliveries to send, or `None` if the issue does not exist.
pub(crate) fn add_label(
    inner: &Inner,
    state: &mut State,
    key: IssueKey,
    sender: &Sender,
    name: &str,
) -> Option<Vec<PendingDelivery>> {
    let label = ensure_label(state, key.repo, name)?;
    let issue = state.issue_mut(key)?;
    if issue.labels.iter().any(|had| had.eq_ignore_ascii_case(name)) {
        return Some(Vec::new());
    }
    issue.labels.push(label.name.clone());
    issue.updated_at = inner.now();
    let shown = render::label(inner, state.repo(key.repo)?, &label);
    Some(issue_event(inner, state, key, "labeled", sender, json!({ "label": shown })))
}

/// Removes the label `name` from the issue `key`. Returns the webhook deliveries to send, or `None`
/// if the issue does not exist or does not have the label.
pub(crate) fn remove_label(
    inner: &Inner,
    state: &mut State,
    key: IssueKey,
    sender: &Sender,
    name: &str,
) -> Option<Vec<PendingDelivery>> {
    let issue = state.issue_mut(key)?;
    let index = issue.labels.iter().position(|had| had.eq_ignore_ascii_case(name))?;
    let name = issue.labels.remove(index);
    issue.updated_at = inner.now();
    let found = state.repo(key.repo)?;
    let shown = found.label(&name).map(|label| render::label(inner, found, label));
    Some(issue_event(inner, state, key, "unlabeled", sender, json!({ "label": shown })))
}

/// Assigns the account `login` to the issue `key` if `on` is true, and otherwise removes the
/// assignment. Returns the webhook deliveries to send, or `None` if the account or the issue does
/// not exist.
pub(crate) fn set_assigned(
    inner: &Inner,
    state: &mut State,
    key: IssueKey,
    sender: &Sender,
    login: &str,
    on: bool,
) -> Option<Vec<PendingDelivery>> {
    let person = state.user(login)?.clone();
    let issue = state.issue_mut(key)?;
    let had = issue.assignees.iter().position(|had| had.id == person.id);
    match (had, on) {
        (Some(index), false) => drop(issue.assignees.remove(index)),
        (None, true) => issue.assignees.push(person.clone()),
        _ => return Some(Vec::new()),
    }
    issue.updated_at = inner.now();
    let more = json!({ "assignee": render::user(inner, &person) });
    let action = if on { "assigned" } else { "unassigned" };
    Some(issue_event(inner, state, key, action, sender, more))
}

/// Reopens the issue or pull request `key` if `open` is true, and otherwise closes it. `reason` is
/// the value of GitHub's field `state_reason`, such as `completed`. Returns the webhook deliveries
/// to send, or `None` if the issue does not exist.
pub(crate) fn set_open(
    inner: &Inner,
    state: &mut State,
    key: IssueKey,
    sender: &Sender,
    open: bool,
    reason: Option<&str>,
) -> Option<Vec<PendingDelivery>> {
    let now = inner.now();
    let issue = state.issue_mut(key)?;
    if issue.open == open {
        return Some(Vec::new());
    }
    issue.open = open;
    issue.closed_at = (!open).then_some(now);
    let why = reason.unwrap_or(if open { "reopened" } else { "completed" });
    issue.state_reason = issue.pull.is_none().then(|| why.to_owned());
    issue.updated_at = now;
    let action = if open { "reopened" } else { "closed" };
    Some(issue_event(inner, state, key, action, sender, json!({})))
}
