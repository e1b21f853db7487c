//! Issues: opened, read, changed, assigned, locked.

use axum::http::StatusCode;
use ccc_core::vcs::Permission;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, nothing, ok, page, reply};
use super::super::hooks::deliver_later;
use super::super::routes::{Allowed, Ask};
use super::super::state::{Issue, Place};
use super::super::{render, work};

fn shown(ask: &Ask, at: &Allowed<'_>, number: u64) -> Result<Value, Failure> {
    Ok(render::issue(&ask.inner, &at.state, at.repo()?, at.issue(number)?))
}

/// The strings of a list, which GitHub also takes as objects with that field.
pub(super) fn strings(list: &Value, field: &str) -> Vec<String> {
    let one = |item: &Value| item.as_str().or_else(|| item[field].as_str()).map(str::to_owned);
    list.as_array().map(|all| all.iter().filter_map(one).collect()).unwrap_or_default()
}

/// A title or a body that GitHub takes.
pub(super) fn checked(resource: &str, field: &str, text: &str) -> Result<(), Failure> {
    if field == "title" && (text.is_empty() || text.chars().count() > 256) {
        let code = if text.is_empty() { "missing_field" } else { "too_long" };
        return Err(Failure::field(resource, field, code));
    }
    if !work::fits(text) {
        let why = format!("{field} is too long (maximum is {} characters)", work::MAX_TEXT);
        return Err(Failure::custom(resource, &why));
    }
    Ok(())
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let all: Vec<Value> = {
        let at = ask.allowed("issues", false)?;
        let state = ask.ask("state").unwrap_or("open");
        let creator = ask.ask("creator");
        let labels: Vec<_> =
            ask.ask("labels").map(|all| all.split(',').collect()).unwrap_or_default();
        let wanted = |issue: &&Issue| {
            issue.place == Place::Here
                && (state == "all" || (state == "open") == issue.open)
                && creator.is_none_or(|login| issue.author.login.eq_ignore_ascii_case(login))
                && labels.iter().all(|name| issue.labels.iter().any(|had| had == name))
                && work::since(ask.ask("since"), issue.updated_at)
        };
        let repo = at.repo()?;
        let mut found: Vec<_> = repo.issues.values().filter(wanted).collect();
        if ask.ask("direction") != Some("asc") {
            found.reverse();
        }
        found.into_iter().map(|issue| render::issue(&ask.inner, &at.state, repo, issue)).collect()
    };
    page(&ask, &all)
}

pub(in super::super) async fn open(ask: Ask) -> Answer {
    let mut at = ask.allowed("issues", true)?;
    let title = match &ask.body["title"] {
        Value::Number(number) => number.to_string(),
        title => title.as_str().unwrap_or_default().to_owned(),
    };
    let body = ask.text("body").map(str::to_owned);
    checked("Issue", "title", &title)?;
    checked("Issue", "body", body.as_deref().unwrap_or_default())?;
    let new = work::New {
        title,
        body,
        labels: strings(&ask.body["labels"], "name"),
        assignees: strings(&ask.body["assignees"], "login"),
        pull: None,
    };
    let doer = at.doer.clone();
    let (number, hooks) = work::open(&ask.inner, &mut at.state, ask.repo, &doer, new)
        .ok_or_else(Failure::not_found)?;
    let body = shown(&ask, &at, number)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let (at, number) = ask.allowed_at_issue(false)?;
    ok(&shown(&ask, &at, number)?)
}

pub(in super::super) async fn change(ask: Ask) -> Answer {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    // Who wrote it may word it anew and close it; who sorts issues may do all of this.
    let sorts = ask.body["labels"].is_array() || ask.body["assignees"].is_array();
    if sorts || at.issue(number)?.author.id != at.doer.actor.id {
        at.require(&ask, Permission::Triage)?;
    }
    let (inner, doer, place) = (&ask.inner, at.doer.clone(), (ask.repo, number));
    for field in ["title", "body"] {
        if let Some(text) = ask.text(field) {
            checked("Issue", field, text)?;
        }
    }
    let mut hooks = edit(&ask, &mut at, number)?;
    if ask.body["labels"].is_array() {
        let wanted = strings(&ask.body["labels"], "name");
        hooks.extend(super::labels::replace(&ask, &mut at, number, &wanted)?);
    }
    if ask.body["assignees"].is_array() {
        let wanted = strings(&ask.body["assignees"], "login");
        let had: Vec<_> = at.issue(number)?.assignees.iter().map(|a| a.login.clone()).collect();
        let off = had.iter().filter(|login| !wanted.contains(login)).map(|login| (login, false));
        for (login, on) in off.chain(wanted.iter().map(|login| (login, true))) {
            let told = work::assign(inner, &mut at.state, place, &doer, (login, on));
            hooks.extend(told.unwrap_or_default());
        }
    }
    if let Some(state) = ask.text("state") {
        let how = (state == "open", ask.text("state_reason"));
        let told = work::set_open(inner, &mut at.state, place, &doer, how);
        hooks.extend(told.ok_or_else(Failure::not_found)?);
    }
    let body = shown(&ask, &at, number)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    ok(&body)
}

/// A new title or body.
pub(super) fn edit(
    ask: &Ask,
    at: &mut Allowed<'_>,
    number: u64,
) -> Result<Vec<super::super::hooks::Hook>, Failure> {
    let now = ask.inner.now();
    let issue = at.issue_mut(number)?;
    let mut changes = json!({});
    if let Some(title) = ask.text("title").filter(|title| *title != issue.title) {
        changes["title"] = json!({ "from": issue.title });
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = ask.text("body").filter(|body| Some(*body) != issue.body.as_deref()) {
        changes["body"] = json!({ "from": issue.body });
        issue.body = Some(body.to_owned());
    }
    if changes == json!({}) {
        return Ok(Vec::new());
    }
    issue.updated_at = now;
    let doer = at.doer.clone();
    let more = json!({ "changes": changes });
    Ok(work::told(&ask.inner, &at.state, (ask.repo, number), "edited", &doer, more))
}

pub(in super::super) async fn assign(ask: Ask) -> Answer {
    set_assigned(&ask, true, StatusCode::CREATED)
}

pub(in super::super) async fn unassign(ask: Ask) -> Answer {
    set_assigned(&ask, false, StatusCode::OK)
}

fn set_assigned(ask: &Ask, on: bool, status: StatusCode) -> Answer {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    at.require(ask, Permission::Triage)?;
    let doer = at.doer.clone();
    let mut hooks = Vec::new();
    for login in strings(&ask.body["assignees"], "login") {
        // GitHub passes over whoever cannot be assigned.
        let place = (ask.repo, number);
        let told = work::assign(&ask.inner, &mut at.state, place, &doer, (&login, on));
        hooks.extend(told.unwrap_or_default());
    }
    let body = shown(ask, &at, number)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    reply(status, &body)
}

pub(in super::super) async fn lock(ask: Ask) -> Answer {
    set_locked(&ask, true)
}

pub(in super::super) async fn unlock(ask: Ask) -> Answer {
    set_locked(&ask, false)
}

fn set_locked(ask: &Ask, is: bool) -> Answer {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    at.require(ask, Permission::Write)?;
    let reason = ask.text("lock_reason").map(str::to_owned);
    let known = ["off-topic", "too heated", "resolved", "spam"];
    if reason.as_deref().is_some_and(|reason| !known.contains(&reason)) {
        return Err(Failure::field("Issue", "lock_reason", "invalid"));
    }
    let issue = at.issue_mut(number)?;
    issue.locked = is;
    issue.lock_reason = reason.filter(|_| is);
    let doer = at.doer.clone();
    let action = if is { "locked" } else { "unlocked" };
    let hooks = work::told(&ask.inner, &at.state, (ask.repo, number), action, &doer, json!({}));
    drop(at);
    deliver_later(&ask.inner, hooks);
    nothing()
}
