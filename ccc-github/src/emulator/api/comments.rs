//! Comments on issues and pull requests.

use axum::http::StatusCode;
use ccc_core::vcs::Permission;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, nothing, ok, page, reply};
use super::super::hooks::deliver_later;
use super::super::routes::{Allowed, Ask};
use super::super::state::{Comment, Issue};
use super::super::{render, work};
use super::issues::checked;

const POWER: &str = "issues|pull_requests";

/// The issue that has the comment of the path, and the comment.
pub(super) fn find<'a>(
    ask: &Ask,
    at: &'a Allowed<'_>,
) -> Result<(&'a Issue, &'a Comment), Failure> {
    let id = ask.id("comment_id");
    let mut all = at.repo()?.issues.values();
    let found = all.find_map(|issue| {
        issue.comments.iter().find(|comment| comment.id == id).map(|comment| (issue, comment))
    });
    found.ok_or_else(Failure::not_found)
}

fn shown(ask: &Ask, at: &Allowed<'_>) -> Result<Value, Failure> {
    let (issue, comment) = find(ask, at)?;
    Ok(render::comment(&ask.inner, &at.state, (at.repo()?, issue), comment))
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let all = {
        let (at, number) = ask.allowed_at_issue(false)?;
        of(&ask, &at, &[at.issue(number)?])?
    };
    page(&ask, &all)
}

pub(in super::super) async fn of_repository(ask: Ask) -> Answer {
    let all = {
        let at = ask.allowed(POWER, false)?;
        of(&ask, &at, &at.repo()?.issues.values().collect::<Vec<_>>())?
    };
    page(&ask, &all)
}

fn of(ask: &Ask, at: &Allowed<'_>, issues: &[&Issue]) -> Result<Vec<Value>, Failure> {
    let repo = at.repo()?;
    let comments = issues.iter().flat_map(|issue| issue.comments.iter().map(move |c| (issue, c)));
    Ok(comments
        .filter(|(_, comment)| work::since(ask.ask("since"), comment.updated_at))
        .map(|(issue, comment)| render::comment(&ask.inner, &at.state, (repo, issue), comment))
        .collect())
}

pub(in super::super) async fn write(ask: Ask) -> Answer {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    let text = ask.text("body").unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Failure::field("IssueComment", "body", "missing_field"));
    }
    checked("IssueComment", "body", text)?;
    let doer = at.doer.clone();
    if at.issue(number)?.locked {
        let repo = at.repo()?;
        let known = repo.permissions.get(&doer.actor.login.to_ascii_lowercase());
        // Only who may write may comment; an App never counts as a collaborator.
        if known.is_none_or(|permission| *permission < Permission::Write) {
            return Err(Failure::forbidden("Unable to create comment because issue is locked."));
        }
    }
    let place = (ask.repo, number);
    let (id, hooks) = work::comment(&ask.inner, &mut at.state, place, &doer, text)
        .ok_or_else(Failure::not_found)?;
    let issue = at.issue(number)?;
    let comment = issue.comments.iter().find(|comment| comment.id == id);
    let comment = comment.ok_or_else(Failure::not_found)?;
    let body = render::comment(&ask.inner, &at.state, (at.repo()?, issue), comment);
    drop(at);
    deliver_later(&ask.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let at = ask.allowed(POWER, false)?;
    ok(&shown(&ask, &at)?)
}

pub(in super::super) async fn change(ask: Ask) -> Answer {
    let text = ask.text("body").unwrap_or_default();
    checked("IssueComment", "body", text)?;
    let mut at = ask.allowed(POWER, true)?;
    let (number, id, before) = {
        let (issue, comment) = find(&ask, &at)?;
        (issue.number, comment.id, comment.body.clone())
    };
    let (now, doer) = (ask.inner.now(), at.doer.clone());
    if let Some(comment) = at.issue_mut(number)?.comments.iter_mut().find(|c| c.id == id) {
        text.clone_into(&mut comment.body);
        comment.updated_at = now;
    }
    let more = json!({ "changes": { "body": { "from": before } } });
    let place = (ask.repo, number);
    let hooks = work::about_comment(&ask.inner, &at.state, place, id, "edited", &doer, more);
    let body = shown(&ask, &at)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    ok(&body)
}

pub(in super::super) async fn delete(ask: Ask) -> Answer {
    let mut at = ask.allowed(POWER, true)?;
    let (number, id) = {
        let (issue, comment) = find(&ask, &at)?;
        (issue.number, comment.id)
    };
    let (doer, place) = (at.doer.clone(), (ask.repo, number));
    let hooks = work::about_comment(&ask.inner, &at.state, place, id, "deleted", &doer, json!({}));
    at.issue_mut(number)?.comments.retain(|comment| comment.id != id);
    drop(at);
    deliver_later(&ask.inner, hooks);
    nothing()
}
