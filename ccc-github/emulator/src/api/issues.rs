//! Issues: creation, reading, changes, assignment and locking.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::account::Permission;
use crate::activity::{self, NewIssue};
use crate::api::fields::{check_text, strings};
use crate::api::labels;
use crate::failure::Failure;
use crate::model::{Issue, IssueLocation};
use crate::render;
use crate::request::{ApiRequest, Authorized};
use crate::response::{Answer, nothing, ok, page, reply};
use crate::webhooks::{PendingDelivery, deliver_later};

fn shown(request: &ApiRequest, access: &Authorized<'_>, number: u64) -> Result<Value, Failure> {
    Ok(render::issue(&request.inner, &access.state, access.repo()?, access.issue(number)?))
}

pub(crate) async fn list(request: ApiRequest) -> Answer {
    let all: Vec<Value> = {
        let access = request.authorize("issues", false)?;
        let state = request.query_param("state").unwrap_or("open");
        let creator = request.query_param("creator");
        let labels: Vec<_> =
            request.query_param("labels").map(|all| all.split(',').collect()).unwrap_or_default();
        let wanted = |issue: &&Issue| {
            issue.location == IssueLocation::Here
                && (state == "all" || (state == "open") == issue.open)
                && creator.is_none_or(|login| issue.author.login.eq_ignore_ascii_case(login))
                && labels.iter().all(|name| issue.labels.iter().any(|had| had == name))
                && request.is_since(issue.updated_at)
        };
        let repo = access.repo()?;
        let mut found: Vec<_> = repo.issues.values().filter(wanted).collect();
        if request.query_param("direction") != Some("asc") {
            found.reverse();
        }
        found
            .into_iter()
            .map(|issue| render::issue(&request.inner, &access.state, repo, issue))
            .collect()
    };
    page(&request, &all)
}

pub(crate) async fn open(request: ApiRequest) -> Answer {
    let mut access = request.authorize("issues", true)?;
    let title = match &request.body["title"] {
        Value::Number(number) => number.to_string(),
        title => title.as_str().unwrap_or_default().to_owned(),
    };
    let body = request.text("body").map(str::to_owned);
    check_text("Issue", "title", &title)?;
    check_text("Issue", "body", body.as_deref().unwrap_or_default())?;
    let new = NewIssue {
        title,
        body,
        labels: strings(&request.body["labels"], "name"),
        assignees: strings(&request.body["assignees"], "login"),
        pull: None,
    };
    let sender = access.sender.clone();
    let (number, hooks) =
        activity::open_issue(&request.inner, &mut access.state, request.repo, &sender, new)
            .ok_or_else(Failure::not_found)?;
    let body = shown(&request, &access, number)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let (access, number) = request.authorize_issue(false)?;
    ok(&shown(&request, &access, number)?)
}

pub(crate) async fn change(request: ApiRequest) -> Answer {
    let (mut access, number) = request.authorize_issue(true)?;
    // The author may edit and close the issue. All other changes require the role Triage.
    let sorts = request.body["labels"].is_array() || request.body["assignees"].is_array();
    if sorts || access.issue(number)?.author.id != access.sender.actor.id {
        access.require(&request, Permission::Triage)?;
    }
    let (inner, sender, key) = (&request.inner, access.sender.clone(), request.issue_key(number));
    for field in ["title", "body"] {
        if let Some(text) = request.text(field) {
            check_text("Issue", field, text)?;
        }
    }
    let mut hooks = edit(&request, &mut access, number)?;
    if request.body["labels"].is_array() {
        let wanted = strings(&request.body["labels"], "name");
        hooks.extend(labels::replace(&request, &mut access, number, &wanted)?);
    }
    if request.body["assignees"].is_array() {
        let wanted = strings(&request.body["assignees"], "login");
        let had: Vec<_> = access.issue(number)?.assignees.iter().map(|a| a.login.clone()).collect();
        let off = had.iter().filter(|login| !wanted.contains(login)).map(|login| (login, false));
        for (login, on) in off.chain(wanted.iter().map(|login| (login, true))) {
            let assigned =
                activity::set_assigned(inner, &mut access.state, key, &sender, login, on);
            hooks.extend(assigned.unwrap_or_default());
        }
    }
    if let Some(state) = request.text("state") {
        let (open, reason) = (state == "open", request.text("state_reason"));
        let changed = activity::set_open(inner, &mut access.state, key, &sender, open, reason);
        hooks.extend(changed.ok_or_else(Failure::not_found)?);
    }
    let body = shown(&request, &access, number)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    ok(&body)
}

/// Changes the title and the body of the issue `number` to the texts in the request body. Returns
/// the webhook deliveries to send.
pub(crate) fn edit(
    request: &ApiRequest,
    access: &mut Authorized<'_>,
    number: u64,
) -> Result<Vec<PendingDelivery>, Failure> {
    let now = request.inner.now();
    let issue = access.issue_mut(number)?;
    let mut changes = json!({});
    if let Some(title) = request.text("title").filter(|title| *title != issue.title) {
        changes["title"] = json!({ "from": issue.title });
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = request.text("body").filter(|body| Some(*body) != issue.body.as_deref()) {
        changes["body"] = json!({ "from": issue.body });
        issue.body = Some(body.to_owned());
    }
    if changes == json!({}) {
        return Ok(Vec::new());
    }
    issue.updated_at = now;
    let sender = access.sender.clone();
    let more = json!({ "changes": changes });
    Ok(activity::issue_event(
        &request.inner,
        &access.state,
        request.issue_key(number),
        "edited",
        &sender,
        more,
    ))
}

pub(crate) async fn assign(request: ApiRequest) -> Answer {
    set_assigned(&request, true, StatusCode::CREATED)
}

pub(crate) async fn unassign(request: ApiRequest) -> Answer {
    set_assigned(&request, false, StatusCode::OK)
}

fn set_assigned(request: &ApiRequest, on: bool, status: StatusCode) -> Answer {
    let (mut access, number) = request.authorize_issue(true)?;
    access.require(request, Permission::Triage)?;
    let sender = access.sender.clone();
    let mut hooks = Vec::new();
    for login in strings(&request.body["assignees"], "login") {
        // GitHub ignores accounts that cannot be assigned.
        let key = request.issue_key(number);
        let assigned =
            activity::set_assigned(&request.inner, &mut access.state, key, &sender, &login, on);
        hooks.extend(assigned.unwrap_or_default());
    }
    let body = shown(request, &access, number)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    reply(status, &body)
}

pub(crate) async fn lock(request: ApiRequest) -> Answer {
    set_locked(&request, true)
}

pub(crate) async fn unlock(request: ApiRequest) -> Answer {
    set_locked(&request, false)
}

fn set_locked(request: &ApiRequest, is: bool) -> Answer {
    let (mut access, number) = request.authorize_issue(true)?;
    access.require(request, Permission::Write)?;
    let reason = request.text("lock_reason").map(str::to_owned);
    let known = ["off-topic", "too heated", "resolved", "spam"];
    if reason.as_deref().is_some_and(|reason| !known.contains(&reason)) {
        return Err(Failure::field("Issue", "lock_reason", "invalid"));
    }
    let issue = access.issue_mut(number)?;
    issue.locked = is;
    issue.lock_reason = reason.filter(|_| is);
    let sender = access.sender.clone();
    let action = if is { "locked" } else { "unlocked" };
    let hooks = activity::issue_event(
        &request.inner,
        &access.state,
        request.issue_key(number),
        action,
        &sender,
        json!({}),
    );
    drop(access);
    deliver_later(&request.inner, hooks);
    nothing()
}
