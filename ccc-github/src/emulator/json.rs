//! Objects as GitHub's API and its webhooks show them.

use ccc_core::event::{Actor, ActorKind};
use serde_json::{Value, json};

use super::Inner;
use super::state::{Comment, HookDelivery, Issue, PullRequest, Repo, State};

pub(super) fn user(inner: &Inner, user: &Actor) -> Value {
    let base = &inner.base_url;
    let kind = match user.kind {
        ActorKind::User => "User",
        ActorKind::Bot => "Bot",
    };
    json!({
        "login": user.login,
        "id": user.id,
        "node_id": format!("U_{}", user.id),
        "type": kind,
        "site_admin": false,
        "url": format!("{base}/users/{}", user.login),
        "html_url": format!("{base}/{}", user.login),
        "avatar_url": "",
    })
}

pub(super) fn repo(inner: &Inner, state: &State, repo: &Repo) -> Value {
    let (base, name) = (&inner.base_url, format!("{}/{}", repo.owner, repo.name));
    let owner = state.user(&repo.owner).map(|owner| user(inner, owner));
    json!({
        "id": repo.id,
        "node_id": format!("R_{}", repo.id),
        "name": repo.name,
        "full_name": name,
        "private": !repo.public,
        "visibility": if repo.public { "public" } else { "private" },
        "owner": owner,
        "html_url": format!("{base}/{name}"),
        "description": null,
        "fork": false,
        "url": format!("{base}/repos/{name}"),
        "clone_url": format!("{base}/{name}.git"),
        "git_url": format!("{base}/{name}.git"),
        "ssh_url": format!("git@{}:{name}.git", inner.host),
        "default_branch": repo.default_branch,
        "archived": repo.archived,
        "disabled": false,
        "has_issues": true,
        "open_issues_count": repo.issues.values().filter(|issue| issue.open).count(),
        "topics": [],
    })
}

pub(super) fn issue(inner: &Inner, repo: &Repo, issue: &Issue) -> Value {
    let name = format!("{}/{}", repo.owner, repo.name);
    let (base, number) = (&inner.base_url, issue.number);
    let url = format!("{base}/repos/{name}/issues/{number}");
    json!({
        "id": repo.id * 10_000 + number,
        "node_id": format!("I_{}_{number}", repo.id),
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "user": user(inner, &issue.author),
        "state": if issue.open { "open" } else { "closed" },
        "state_reason": null,
        "locked": false,
        "labels": issue.labels.iter().map(|label| json!({ "name": label })).collect::<Vec<_>>(),
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "comments": issue.comments.len(),
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": null,
        "author_association": "NONE",
        "performed_via_github_app": null,
        "url": url,
        "repository_url": format!("{base}/repos/{name}"),
        "comments_url": format!("{url}/comments"),
        "html_url": format!("{base}/{name}/issues/{number}"),
    })
}

pub(super) fn comment(inner: &Inner, repo: &Repo, number: u64, comment: &Comment) -> Value {
    let name = format!("{}/{}", repo.owner, repo.name);
    let (base, id) = (&inner.base_url, comment.id);
    json!({
        "id": id,
        "node_id": format!("IC_{id}"),
        "body": comment.body,
        "user": user(inner, &comment.author),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": "NONE",
        "performed_via_github_app": null,
        "url": format!("{base}/repos/{name}/issues/comments/{id}"),
        "issue_url": format!("{base}/repos/{name}/issues/{number}"),
        "html_url": format!("{base}/{name}/issues/{number}#issuecomment-{id}"),
    })
}

pub(super) fn pull(inner: &Inner, state: &State, found: &Repo, pull: &PullRequest) -> Value {
    let whole = repo(inner, state, found);
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("{}:{branch}", found.owner),
            "ref": branch,
            "sha": sha,
            "repo": whole,
        })
    };
    let name = format!("{}/{}", found.owner, found.name);
    json!({
        "id": found.id * 10_000 + pull.number,
        "number": pull.number,
        "title": pull.title,
        "body": pull.body,
        "state": if pull.open { "open" } else { "closed" },
        "draft": pull.draft,
        "user": state.user(&pull.author).map(|author| user(inner, author)),
        "head": side(&pull.head, &pull.head_sha),
        "base": side(&pull.base, ""),
        "html_url": pull.url,
        "url": format!("{}/repos/{name}/pulls/{}", inner.base_url, pull.number),
    })
}

pub(super) fn delivery(delivery: &HookDelivery) -> Value {
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.delivered_at,
        "redelivery": delivery.redelivery,
        "duration": 0.01,
        "status": if (200..300).contains(&delivery.status_code) { "OK" } else { "Failed" },
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": null,
        "repository_id": null,
        "throttled_at": null,
    })
}
