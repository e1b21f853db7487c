//! JSON of pull requests, in the format of GitHub's API.

use serde_json::{Value, json};

use crate::git::Stat;
use crate::model::{Issue, Pull, Repo};
use crate::render::account::{known_user, user};
use crate::render::issue::{association, labels};
use crate::render::json::merge;
use crate::render::repository::{repo_api, repo_web, repository};
use crate::state::{Inner, State};

/// Renders a pull request as JSON in the format of a list item of `GET …/pulls`.
pub(crate) fn pull(inner: &Inner, state: &State, repo: &Repo, issue: &Issue, pull: &Pull) -> Value {
    let whole = repository(inner, state, repo);
    let owner = known_user(inner, state, &repo.owner);
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("{}:{branch}", repo.owner),
            "ref": branch,
            "sha": sha,
            "user": owner,
            "repo": whole,
        })
    };
    let number = issue.number;
    let html = repo_web(inner, repo, &format!("/pull/{number}"));
    let url = repo_api(inner, repo, &format!("/pulls/{number}"));
    let issue_url = repo_api(inner, repo, &format!("/issues/{number}"));
    let statuses = repo_api(inner, repo, &format!("/statuses/{}", pull.head_sha));
    let review_comment = repo_api(inner, repo, "/pulls/comments") + "{/number}";
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
        "labels": labels(inner, repo, issue),
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
        "author_association": association(repo, &issue.author.login),
        "auto_merge": null,
        "_links": links,
    })
}

/// Renders a pull request as JSON in the format of the response to `GET …/pulls/{pull_number}`.
/// `stat` is the size of the change.
pub(crate) fn pull_in_full(
    inner: &Inner,
    state: &State,
    repo: &Repo,
    issue: &Issue,
    found: &Pull,
    stat: &Stat,
) -> Value {
    merge(
        pull(inner, state, repo, issue, found),
        json!({
            "merged": false,
            "mergeable": true,
            "mergeable_state": "clean",
            "merged_by": null,
            "comments": issue.comments.len(),
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": stat.commits,
            "additions": stat.additions,
            "deletions": stat.deletions,
            "changed_files": stat.files,
        }),
    )
}
