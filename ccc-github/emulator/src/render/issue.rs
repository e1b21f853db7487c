//! JSON of issues, comments and labels, in the format of GitHub's API.

use serde_json::{Value, json};

use crate::model::{Comment, Issue, Label, Repo};
use crate::render::account::user;
use crate::render::app::app;
use crate::render::reaction::rollup;
use crate::render::repository::{repo_api, repo_web};
use crate::state::{Inner, State};

fn through(inner: &Inner, state: &State, via: Option<u64>) -> Value {
    via.and_then(|id| state.app(id)).map_or(Value::Null, |found| app(inner, state, found))
}

/// Returns the value of GitHub's field `author_association`, such as `OWNER`: the relation of the
/// account `login` to the repository.
pub(crate) fn association(repo: &Repo, login: &str) -> &'static str {
    if repo.owner.eq_ignore_ascii_case(login) {
        return "OWNER";
    }
    let known = repo.permissions.contains_key(&login.to_ascii_lowercase());
    if known { "COLLABORATOR" } else { "NONE" }
}

/// Renders a label as JSON in the format of GitHub's API.
pub(crate) fn label(inner: &Inner, repo: &Repo, label: &Label) -> Value {
    json!({
        "id": label.id,
        "node_id": format!("LA_{}", label.id),
        "url": repo_api(inner, repo, &format!("/labels/{}", label.name)),
        "name": label.name,
        // Never null: GitHub's OpenAPI description of a listed pull request does not permit null.
        "description": label.description.as_deref().unwrap_or_default(),
        "color": label.color,
        "default": false,
    })
}

/// Renders the labels of an issue as a JSON array in the format of GitHub's API.
pub(crate) fn labels(inner: &Inner, repo: &Repo, issue: &Issue) -> Value {
    let all = issue.labels.iter().filter_map(|name| repo.label(name));
    all.map(|found| label(inner, repo, found)).collect()
}

/// Renders an issue as JSON in the format of GitHub's API.
pub(crate) fn issue(inner: &Inner, state: &State, repo: &Repo, issue: &Issue) -> Value {
    let number = issue.number;
    let url = repo_api(inner, repo, &format!("/issues/{number}"));
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    let html = repo_web(inner, repo, &format!("/{kind}/{number}"));
    let people: Vec<_> = issue.assignees.iter().map(|person| user(inner, person)).collect();
    let mut shown = json!({
        "id": issue.id,
        "node_id": format!("I_{}", issue.id),
        "url": url,
        "repository_url": repo_api(inner, repo, ""),
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"),
        "html_url": html,
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "user": user(inner, &issue.author),
        "state": if issue.open { "open" } else { "closed" },
        "state_reason": issue.state_reason,
        "locked": issue.locked,
        "active_lock_reason": issue.lock_reason,
        "labels": labels(inner, repo, issue),
        "assignee": people.first(),
        "assignees": people,
        "milestone": null,
        "comments": issue.comments.len(),
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "author_association": association(repo, &issue.author.login),
        "performed_via_github_app": through(inner, state, issue.via),
        "reactions": rollup(&issue.reactions, &url),
    });
    if let Some(pull) = &issue.pull {
        shown["draft"] = pull.draft.into();
        shown["pull_request"] = json!({
            "url": repo_api(inner, repo, &format!("/pulls/{number}")),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "merged_at": null,
        });
    }
    shown
}

/// Renders a comment on an issue or a pull request as JSON in the format of GitHub's API.
pub(crate) fn comment(
    inner: &Inner,
    state: &State,
    repo: &Repo,
    issue: &Issue,
    comment: &Comment,
) -> Value {
    let (id, number) = (comment.id, issue.number);
    let url = repo_api(inner, repo, &format!("/issues/comments/{id}"));
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    json!({
        "id": id,
        "node_id": format!("IC_{id}"),
        "url": url,
        "html_url": repo_web(inner, repo, &format!("/{kind}/{number}#issuecomment-{id}")),
        "issue_url": repo_api(inner, repo, &format!("/issues/{number}")),
        "user": user(inner, &comment.author),
        "body": comment.body,
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": association(repo, &comment.author.login),
        "performed_via_github_app": through(inner, state, comment.via),
        "reactions": rollup(&comment.reactions, &url),
    })
}
