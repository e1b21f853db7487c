//! GitHub's JSON for what the emulator knows.

use serde_json::{Value, json};

use super::state::{Comment, HookDelivery, Issue, Pull, Repository, State, User};

pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "login": user.login,
        "type": user.kind,
        "site_admin": false,
    })
}

pub(super) fn repository(base: &str, repository: &Repository) -> Value {
    let full_name = repository.full_name();
    json!({
        "id": repository.id,
        "name": repository.name,
        "full_name": full_name,
        "private": false,
        "owner": { "id": repository.id, "login": repository.owner, "type": "Organization" },
        "html_url": format!("{base}/{full_name}"),
        "url": format!("{base}/repos/{full_name}"),
        "clone_url": format!("{base}/{full_name}.git"),
        "default_branch": repository.default_branch,
        "archived": repository.archived,
        "disabled": false,
        "fork": false,
    })
}

pub(super) fn issue(base: &str, state: &State, of: &Repository, issue: &Issue) -> Value {
    let full_name = of.full_name();
    let number = issue.number;
    let labels: Vec<Value> = issue.labels.iter().map(|name| label(name)).collect();
    let comments = of.comments.iter().filter(|comment| comment.issue == number).count();
    json!({
        "id": issue.id,
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "user": user(&state.user_by_id(issue.author)),
        "state": if issue.open { "open" } else { "closed" },
        "locked": false,
        "labels": labels,
        "assignee": null,
        "assignees": [],
        "comments": comments,
        "author_association": "CONTRIBUTOR",
        "html_url": format!("{base}/{full_name}/issues/{number}"),
        "url": format!("{base}/repos/{full_name}/issues/{number}"),
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": null,
        "performed_via_github_app": null,
    })
}

pub(super) fn label(name: &str) -> Value {
    json!({ "id": 1, "name": name, "color": "ededed", "default": false, "description": null })
}

pub(super) fn comment(base: &str, state: &State, of: &Repository, comment: &Comment) -> Value {
    let full_name = of.full_name();
    let (issue, id) = (comment.issue, comment.id);
    json!({
        "id": id,
        "body": comment.body,
        "user": user(&state.user_by_id(comment.author)),
        "html_url": format!("{base}/{full_name}/issues/{issue}#issuecomment-{id}"),
        "url": format!("{base}/repos/{full_name}/issues/comments/{id}"),
        "issue_url": format!("{base}/repos/{full_name}/issues/{issue}"),
        "author_association": "NONE",
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "performed_via_github_app": null,
    })
}

pub(super) fn pull(base: &str, state: &State, of: &Repository, pull: &Pull) -> Value {
    let full_name = of.full_name();
    let number = pull.number;
    let shown = repository(base, of);
    json!({
        "id": number,
        "number": number,
        "title": pull.title,
        "body": pull.body,
        "state": "open",
        "draft": pull.draft,
        "user": user(&state.user_by_id(pull.author)),
        "head": { "ref": pull.head, "label": format!("{}:{}", of.owner, pull.head), "repo": shown },
        "base": { "ref": pull.base, "label": format!("{}:{}", of.owner, pull.base), "repo": shown },
        "html_url": format!("{base}/{full_name}/pull/{number}"),
        "url": format!("{base}/repos/{full_name}/pulls/{number}"),
        "created_at": pull.created_at,
        "updated_at": pull.created_at,
    })
}

pub(super) fn delivery(delivery: &HookDelivery) -> Value {
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.delivered_at,
        "redelivery": false,
        "duration": 0.01,
        "status": if (200..300).contains(&delivery.status) { "OK" } else { "failed" },
        "status_code": delivery.status,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": null,
        "repository_id": null,
        "throttled_at": null,
    })
}
