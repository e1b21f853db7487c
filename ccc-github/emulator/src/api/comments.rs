//! Comments on issues and pull requests.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::account::Permission;
use crate::activity;
use crate::api::fields::check_text;
use crate::failure::Failure;
use crate::model::{Comment, Issue};
use crate::render;
use crate::request::{ApiRequest, Authorized};
use crate::response::{Answer, nothing, ok, page, reply};
use crate::webhooks::deliver_later;

const REQUIRED_PERMISSION: &str = "issues|pull_requests";

/// Returns the comment whose ID is the path parameter `comment_id`, and the issue that the comment
/// belongs to.
pub(crate) fn find<'a>(
    request: &ApiRequest,
    access: &'a Authorized<'_>,
) -> Result<(&'a Issue, &'a Comment), Failure> {
    let id = request.id("comment_id");
    let mut all = access.repo()?.issues.values();
    let found = all.find_map(|issue| {
        issue.comments.iter().find(|comment| comment.id == id).map(|comment| (issue, comment))
    });
    found.ok_or_else(Failure::not_found)
}

fn shown(request: &ApiRequest, access: &Authorized<'_>) -> Result<Value, Failure> {
    let (issue, comment) = find(request, access)?;
    Ok(render::comment(&request.inner, &access.state, access.repo()?, issue, comment))
}

pub(crate) async fn list(request: ApiRequest) -> Answer {
    let all = {
        let (access, number) = request.authorize_issue(false)?;
        of(&request, &access, &[access.issue(number)?])?
    };
    page(&request, &all)
}

pub(crate) async fn of_repository(request: ApiRequest) -> Answer {
    let all = {
        let access = request.authorize(REQUIRED_PERMISSION, false)?;
        of(&request, &access, &access.repo()?.issues.values().collect::<Vec<_>>())?
    };
    page(&request, &all)
}

fn of(
    request: &ApiRequest,
    access: &Authorized<'_>,
    issues: &[&Issue],
) -> Result<Vec<Value>, Failure> {
    let repo = access.repo()?;
    let comments = issues.iter().flat_map(|issue| issue.comments.iter().map(move |c| (issue, c)));
    Ok(comments
        .filter(|(_, comment)| request.is_since(comment.updated_at))
        .map(|(issue, comment)| {
            render::comment(&request.inner, &access.state, repo, issue, comment)
        })
        .collect())
}

pub(crate) async fn write(request: ApiRequest) -> Answer {
    let (mut access, number) = request.authorize_issue(true)?;
    let text = request.text("body").unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Failure::field("IssueComment", "body", "missing_field"));
    }
    check_text("IssueComment", "body", text)?;
    let sender = access.sender.clone();
    if access.issue(number)?.locked {
        let repo = access.repo()?;
        let known = repo.permissions.get(&sender.actor.login.to_ascii_lowercase());
        // Only accounts with push access may comment on a locked issue. An App never counts as a
        // collaborator.
        if known.is_none_or(|permission| *permission < Permission::Write) {
            return Err(Failure::forbidden("Unable to create comment because issue is locked."));
        }
    }
    let key = request.issue_key(number);
    let (id, hooks) = activity::add_comment(&request.inner, &mut access.state, key, &sender, text)
        .ok_or_else(Failure::not_found)?;
    let issue = access.issue(number)?;
    let comment = issue.comments.iter().find(|comment| comment.id == id);
    let comment = comment.ok_or_else(Failure::not_found)?;
    let body = render::comment(&request.inner, &access.state, access.repo()?, issue, comment);
    drop(access);
    deliver_later(&request.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let access = request.authorize(REQUIRED_PERMISSION, false)?;
    ok(&shown(&request, &access)?)
}

pub(crate) async fn change(request: ApiRequest) -> Answer {
    let text = request.text("body").unwrap_or_default();
    check_text("IssueComment", "body", text)?;
    let mut access = request.authorize(REQUIRED_PERMISSION, true)?;
    let (number, id, before) = {
        let (issue, comment) = find(&request, &access)?;
        (issue.number, comment.id, comment.body.clone())
    };
    let (now, sender) = (request.inner.now(), access.sender.clone());
    if let Some(comment) = access.issue_mut(number)?.comments.iter_mut().find(|c| c.id == id) {
        text.clone_into(&mut comment.body);
        comment.updated_at = now;
    }
    let more = json!({ "changes": { "body": { "from": before } } });
    let key = request.issue_key(number);
    let hooks =
        activity::comment_event(&request.inner, &access.state, key, id, "edited", &sender, more);
    let body = shown(&request, &access)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    ok(&body)
}

pub(crate) async fn delete(request: ApiRequest) -> Answer {
    let mut access = request.authorize(REQUIRED_PERMISSION, true)?;
    let (number, id) = {
        let (issue, comment) = find(&request, &access)?;
        (issue.number, comment.id)
    };
    let (sender, key) = (access.sender.clone(), request.issue_key(number));
    let hooks = activity::comment_event(
        &request.inner,
        &access.state,
        key,
        id,
        "deleted",
        &sender,
        json!({}),
    );
    access.issue_mut(number)?.comments.retain(|comment| comment.id != id);
    drop(access);
    deliver_later(&request.inner, hooks);
    nothing()
}
