//! Issues, comments, reactions, labels, pull requests.

use serde_json::{Map, Value, json};

use super::super::Inner;
use super::super::git::Stat;
use super::super::state::{Comment, Issue, Label, Pull, Reaction, Repo, State};
use super::{app, known_user, repository, user, with};

pub(in super::super) const REACTIONS: [&str; 8] =
    ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

fn api(inner: &Inner, repo: &Repo, path: &str) -> String {
    inner.api(&format!("/repos/{}{path}", repo.full_name()))
}

fn web(inner: &Inner, repo: &Repo, path: &str) -> String {
    inner.web(&format!("/{}{path}", repo.full_name()))
}

fn through(inner: &Inner, state: &State, via: Option<u64>) -> Value {
    via.and_then(|id| state.app(id)).map_or(Value::Null, |found| app(inner, state, found))
}

fn association(repo: &Repo, login: &str) -> &'static str {
    if repo.owner.eq_ignore_ascii_case(login) {
        return "OWNER";
    }
    let known = repo.permissions.contains_key(&login.to_ascii_lowercase());
    if known { "COLLABORATOR" } else { "NONE" }
}

fn rollup(reactions: &[Reaction], url: &str) -> Value {
    let mut all = Map::from_iter([
        ("url".to_owned(), Value::from(format!("{url}/reactions"))),
        ("total_count".to_owned(), reactions.len().into()),
    ]);
    for content in REACTIONS {
        let count = reactions.iter().filter(|reaction| reaction.content == content).count();
        all.insert(content.to_owned(), count.into());
    }
    Value::Object(all)
}

pub(in super::super) fn label(inner: &Inner, repo: &Repo, label: &Label) -> Value {
    json!({
        "id": label.id,
        "node_id": format!("LA_{}", label.id),
        "url": api(inner, repo, &format!("/labels/{}", label.name)),
        "name": label.name,
        // Not null: GitHub's description of a pull request in a list does not have it so.
        "description": label.description.as_deref().unwrap_or_default(),
        "color": label.color,
        "default": false,
    })
}

fn labels(inner: &Inner, repo: &Repo, issue: &Issue) -> Value {
    let all = issue.labels.iter().filter_map(|name| repo.label(name));
    all.map(|found| label(inner, repo, found)).collect()
}

pub(in super::super) fn issue(inner: &Inner, state: &State, repo: &Repo, issue: &Issue) -> Value {
    let number = issue.number;
    let url = api(inner, repo, &format!("/issues/{number}"));
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    let html = web(inner, repo, &format!("/{kind}/{number}"));
    let people: Vec<_> = issue.assignees.iter().map(|person| user(inner, person)).collect();
    let mut shown = json!({
        "id": issue.id,
        "node_id": format!("I_{}", issue.id),
        "url": url,
        "repository_url": api(inner, repo, ""),
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
            "url": api(inner, repo, &format!("/pulls/{number}")),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "merged_at": null,
        });
    }
    shown
}

pub(in super::super) fn comment(
    inner: &Inner,
    state: &State,
    (repo, issue): (&Repo, &Issue),
    comment: &Comment,
) -> Value {
    let (id, number) = (comment.id, issue.number);
    let url = api(inner, repo, &format!("/issues/comments/{id}"));
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    json!({
        "id": id,
        "node_id": format!("IC_{id}"),
        "url": url,
        "html_url": web(inner, repo, &format!("/{kind}/{number}#issuecomment-{id}")),
        "issue_url": api(inner, repo, &format!("/issues/{number}")),
        "user": user(inner, &comment.author),
        "body": comment.body,
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": association(repo, &comment.author.login),
        "performed_via_github_app": through(inner, state, comment.via),
        "reactions": rollup(&comment.reactions, &url),
    })
}

pub(in super::super) fn reaction(inner: &Inner, reaction: &Reaction) -> Value {
    json!({
        "id": reaction.id,
        "node_id": format!("REA_{}", reaction.id),
        "user": user(inner, &reaction.user),
        "content": reaction.content,
        "created_at": reaction.created_at,
    })
}

/// As the list shows it.
pub(in super::super) fn pull(
    inner: &Inner,
    state: &State,
    (found, issue, pull): (&Repo, &Issue, &Pull),
) -> Value {
    let whole = repository(inner, state, found);
    let owner = known_user(inner, state, &found.owner);
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("{}:{branch}", found.owner),
            "ref": branch,
            "sha": sha,
            "user": owner,
            "repo": whole,
        })
    };
    let number = issue.number;
    let html = web(inner, found, &format!("/pull/{number}"));
    let url = api(inner, found, &format!("/pulls/{number}"));
    let issue_url = api(inner, found, &format!("/issues/{number}"));
    let statuses = api(inner, found, &format!("/statuses/{}", pull.head_sha));
    let review_comment = api(inner, found, "/pulls/comments") + "{/number}";
    let link = |href: String| json!({ "href": href });
    let links = json!({
        "self": link(url.clone()),
        "html": link(html.clone()),
        "issue": link(issue_url.clone()),
        "comments": link(format!("{issue_url}/comments")),
        "review_comments": link(format!("{url}/comments")),
        "review_comment": link(review_comment.clone()),
        "commits": link(format!("{url}/commits")),
        "statuses": link(statuses.clone()),
    });
    let people: Vec<_> = issue.assignees.iter().map(|person| user(inner, person)).collect();
    json!({
        "id": issue.id,
        "node_id": format!("PR_{}", issue.id),
        "url": url,
        "html_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "issue_url": issue_url,
        "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": review_comment,
        "comments_url": format!("{issue_url}/comments"),
        "statuses_url": statuses,
        "number": number,
        "state": if issue.open { "open" } else { "closed" },
        "locked": issue.locked,
        "active_lock_reason": issue.lock_reason,
        "title": issue.title,
        "body": issue.body,
        "user": user(inner, &issue.author),
        "labels": labels(inner, found, issue),
        "milestone": null,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "merged_at": null,
        "merge_commit_sha": null,
        "assignee": people.first(),
        "assignees": people,
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "head": side(&pull.head, &pull.head_sha),
        "base": side(&pull.base, &pull.base_sha),
        "author_association": association(found, &issue.author.login),
        "auto_merge": null,
        "_links": links,
    })
}

/// As its own page shows it.
pub(in super::super) fn pull_in_full(
    inner: &Inner,
    state: &State,
    all: (&Repo, &Issue, &Pull),
    stat: &Stat,
) -> Value {
    with(
        pull(inner, state, all),
        json!({
            "merged": false,
            "mergeable": true,
            "mergeable_state": "clean",
            "merged_by": null,
            "comments": all.1.comments.len(),
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": stat.commits,
            "additions": stat.additions,
            "deletions": stat.deletions,
            "changed_files": stat.files,
        }),
    )
}
