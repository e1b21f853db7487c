//! Pull requests.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::activity::{self, NewIssue};
use crate::api::fields::check_text;
use crate::api::issues::edit;
use crate::failure::Failure;
use crate::git::Stat;
use crate::model::{Issue, Pull};
use crate::render;
use crate::request::{ApiRequest, Authorized};
use crate::response::{Answer, ok, page, reply};
use crate::webhooks::deliver_later;

const REQUIRED_PERMISSION: &str = "pull_requests";

pub(crate) async fn list(request: ApiRequest) -> Answer {
    let all: Vec<Value> = {
        let access = request.authorize(REQUIRED_PERMISSION, false)?;
        let repo = access.repo()?;
        let state = request.query_param("state").unwrap_or("open");
        let head = request.query_param("head").and_then(|head| head.split_once(':'));
        let wanted = |(issue, pull): &(&Issue, &Pull)| {
            (state == "all" || (state == "open") == issue.open)
                && request.query_param("base").is_none_or(|base| base == pull.base)
                && head.is_none_or(|(owner, branch)| {
                    owner.eq_ignore_ascii_case(&repo.owner) && branch == pull.head
                })
        };
        let pulls = repo.issues.values().rev();
        let pulls = pulls.filter_map(|issue| Some((issue, issue.pull.as_ref()?)));
        pulls
            .filter(wanted)
            .map(|(issue, pull)| render::pull(&request.inner, &access.state, repo, issue, pull))
            .collect()
    };
    page(&request, &all)
}

/// Returns the branch name that `head` contains. The form of `head` is `BRANCH` or `OWNER:BRANCH`.
/// Returns `None` if `OWNER` is not `owner`.
fn branch_of(head: &str, owner: &str) -> Option<String> {
    match head.split_once(':') {
        Some((named, branch)) => named.eq_ignore_ascii_case(owner).then(|| branch.to_owned()),
        None => Some(head.to_owned()),
    }
}

pub(crate) async fn open(request: ApiRequest) -> Answer {
    let owner = {
        let access = request.authorize(REQUIRED_PERMISSION, true)?;
        access.repo()?.owner.clone()
    };
    let invalid = |field: &str| Failure::field("PullRequest", field, "invalid");
    let (title, body) = (request.text("title").unwrap_or_default(), request.text("body"));
    check_text("PullRequest", "title", title)?;
    check_text("PullRequest", "body", body.unwrap_or_default())?;
    let head = branch_of(request.text("head").unwrap_or_default(), &owner);
    let head = head.ok_or_else(|| invalid("head"))?;
    let base = request.text("base").unwrap_or_default().to_owned();
    let git = request.git();
    let head_sha = git.branch(&head).await.ok_or_else(|| invalid("head"))?;
    let base_sha = git.branch(&base).await.ok_or_else(|| invalid("base"))?;
    let stat = git.stat(&base_sha, &head_sha).await;
    if stat.commits == 0 {
        let why = format!("No commits between {base} and {head}");
        return Err(Failure::custom("PullRequest", &why));
    }
    let mut access = request.authorize(REQUIRED_PERMISSION, true)?;
    let same = |issue: &Issue| {
        let pull = issue.pull.as_ref();
        issue.open && pull.is_some_and(|pull| pull.head == head && pull.base == base)
    };
    if access.repo()?.issues.values().any(same) {
        let why = format!("A pull request already exists for {owner}:{head}.");
        return Err(Failure::custom("PullRequest", &why));
    }
    let draft = request.body["draft"].as_bool().unwrap_or(false);
    let new = NewIssue {
        title: title.to_owned(),
        body: body.map(str::to_owned),
        pull: Some(Pull { head, head_sha, base, base_sha, stat, draft }),
        ..NewIssue::default()
    };
    let sender = access.sender.clone();
    let (number, hooks) =
        activity::open_issue(&request.inner, &mut access.state, request.repo, &sender, new)
            .ok_or_else(Failure::not_found)?;
    let body = in_full(&request, &access, number, &stat)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

fn in_full(
    request: &ApiRequest,
    access: &Authorized<'_>,
    number: u64,
    stat: &Stat,
) -> Result<Value, Failure> {
    let issue = access.issue(number)?;
    let pull = issue.pull.as_ref().ok_or_else(Failure::not_found)?;
    Ok(render::pull_in_full(&request.inner, &access.state, access.repo()?, issue, pull, stat))
}

/// Returns the number, the base commit and the head commit of the pull request whose number is the
/// path parameter `pull_number`. Fails if the pull request does not exist, if the caller does not
/// have read access, or if `write` is true and the caller does not have write access.
fn pull_commits(request: &ApiRequest, write: bool) -> Result<(u64, String, String), Failure> {
    let access = request.authorize(REQUIRED_PERMISSION, write)?;
    let number = request.id("pull_number");
    let pull = access.issue(number)?.pull.as_ref().ok_or_else(Failure::not_found)?;
    Ok((number, pull.base_sha.clone(), pull.head_sha.clone()))
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let (number, base, head) = pull_commits(&request, false)?;
    let stat = request.git().stat(&base, &head).await;
    let access = request.authorize(REQUIRED_PERMISSION, false)?;
    ok(&in_full(&request, &access, number, &stat)?)
}

pub(crate) async fn change(request: ApiRequest) -> Answer {
    let (number, base, head) = pull_commits(&request, true)?;
    for field in ["title", "body"] {
        if let Some(text) = request.text(field) {
            check_text("PullRequest", field, text)?;
        }
    }
    let stat = request.git().stat(&base, &head).await;
    let mut access = request.authorize(REQUIRED_PERMISSION, true)?;
    let mut hooks = edit(&request, &mut access, number)?;
    if let Some(state) = request.text("state") {
        let (sender, key) = (access.sender.clone(), request.issue_key(number));
        let open = state == "open";
        let changed =
            activity::set_open(&request.inner, &mut access.state, key, &sender, open, None);
        hooks.extend(changed.ok_or_else(Failure::not_found)?);
    }
    let body = in_full(&request, &access, number, &stat)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    ok(&body)
}

pub(crate) async fn files(request: ApiRequest) -> Answer {
    let (_, base, head) = pull_commits(&request, false)?;
    let changed = request.git().changed(&base, &head).await;
    let all: Vec<Value> = {
        let access = request.authorize(REQUIRED_PERMISSION, false)?;
        let name = access.repo()?.full_name();
        let file = |path: &str| request.inner.web(&format!("/{name}/blob/{head}/{path}"));
        changed
            .iter()
            .map(|changed| {
                let path = &changed.path;
                let contents = format!("/repos/{name}/contents/{path}?ref={head}");
                json!({
                    "sha": changed.sha,
                    "filename": path,
                    "status": changed.status,
                    "additions": changed.additions,
                    "deletions": changed.deletions,
                    "changes": changed.additions + changed.deletions,
                    "blob_url": file(path),
                    "raw_url": file(path),
                    "contents_url": request.inner.api(&contents),
                    "patch": changed.patch,
                })
            })
            .collect()
    };
    page(&request, &all)
}
