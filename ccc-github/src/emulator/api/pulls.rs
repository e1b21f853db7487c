//! Pull requests.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, ok, page, reply};
use super::super::git::{Git, Stat};
use super::super::hooks::deliver_later;
use super::super::routes::{Allowed, Ask};
use super::super::state::{Issue, Pull};
use super::super::{render, work};
use super::issues::{checked, edit};

const POWER: &str = "pull_requests";

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let all: Vec<Value> = {
        let at = ask.allowed(POWER, false)?;
        let repo = at.repo()?;
        let state = ask.ask("state").unwrap_or("open");
        let head = ask.ask("head").and_then(|head| head.split_once(':'));
        let wanted = |(issue, pull): &(&Issue, &Pull)| {
            (state == "all" || (state == "open") == issue.open)
                && ask.ask("base").is_none_or(|base| base == pull.base)
                && head.is_none_or(|(owner, branch)| {
                    owner.eq_ignore_ascii_case(&repo.owner) && branch == pull.head
                })
        };
        let pulls = repo.issues.values().rev();
        let pulls = pulls.filter_map(|issue| Some((issue, issue.pull.as_ref()?)));
        pulls
            .filter(wanted)
            .map(|(issue, pull)| render::pull(&ask.inner, &at.state, (repo, issue, pull)))
            .collect()
    };
    page(&ask, &all)
}

/// The branch of `head`, which may have the owner before it.
fn branch_of(head: &str, owner: &str) -> Option<String> {
    match head.split_once(':') {
        Some((named, branch)) => named.eq_ignore_ascii_case(owner).then(|| branch.to_owned()),
        None => Some(head.to_owned()),
    }
}

pub(in super::super) async fn open(ask: Ask) -> Answer {
    let owner = {
        let at = ask.allowed(POWER, true)?;
        at.repo()?.owner.clone()
    };
    let invalid = |field: &str| Failure::field("PullRequest", field, "invalid");
    let (title, body) = (ask.text("title").unwrap_or_default(), ask.text("body"));
    checked("PullRequest", "title", title)?;
    checked("PullRequest", "body", body.unwrap_or_default())?;
    let head = branch_of(ask.text("head").unwrap_or_default(), &owner);
    let head = head.ok_or_else(|| invalid("head"))?;
    let base = ask.text("base").unwrap_or_default().to_owned();
    let git = Git::of(&ask.inner, ask.repo);
    let head_sha = git.branch(&head).await.ok_or_else(|| invalid("head"))?;
    let base_sha = git.branch(&base).await.ok_or_else(|| invalid("base"))?;
    let stat = git.stat(&base_sha, &head_sha).await;
    if stat.commits == 0 {
        let why = format!("No commits between {base} and {head}");
        return Err(Failure::custom("PullRequest", &why));
    }
    let mut at = ask.allowed(POWER, true)?;
    let same = |issue: &Issue| {
        let pull = issue.pull.as_ref();
        issue.open && pull.is_some_and(|pull| pull.head == head && pull.base == base)
    };
    if at.repo()?.issues.values().any(same) {
        let why = format!("A pull request already exists for {owner}:{head}.");
        return Err(Failure::custom("PullRequest", &why));
    }
    let draft = ask.body["draft"].as_bool().unwrap_or(false);
    let new = work::New {
        title: title.to_owned(),
        body: body.map(str::to_owned),
        pull: Some(Pull { head, head_sha, base, base_sha, stat, draft }),
        ..work::New::default()
    };
    let doer = at.doer.clone();
    let (number, hooks) = work::open(&ask.inner, &mut at.state, ask.repo, &doer, new)
        .ok_or_else(Failure::not_found)?;
    let body = in_full(&ask, &at, number, &stat)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    reply(StatusCode::CREATED, &body)
}

fn in_full(ask: &Ask, at: &Allowed<'_>, number: u64, stat: &Stat) -> Result<Value, Failure> {
    let issue = at.issue(number)?;
    let pull = issue.pull.as_ref().ok_or_else(Failure::not_found)?;
    Ok(render::pull_in_full(&ask.inner, &at.state, (at.repo()?, issue, pull), stat))
}

/// The two ends of the pull request in the path, once the caller may look at it or change it.
fn ends(ask: &Ask, write: bool) -> Result<(u64, String, String), Failure> {
    let at = ask.allowed(POWER, write)?;
    let number = ask.id("pull_number");
    let pull = at.issue(number)?.pull.as_ref().ok_or_else(Failure::not_found)?;
    Ok((number, pull.base_sha.clone(), pull.head_sha.clone()))
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let (number, base, head) = ends(&ask, false)?;
    let stat = Git::of(&ask.inner, ask.repo).stat(&base, &head).await;
    let at = ask.allowed(POWER, false)?;
    ok(&in_full(&ask, &at, number, &stat)?)
}

pub(in super::super) async fn change(ask: Ask) -> Answer {
    let (number, base, head) = ends(&ask, true)?;
    for field in ["title", "body"] {
        if let Some(text) = ask.text(field) {
            checked("PullRequest", field, text)?;
        }
    }
    let stat = Git::of(&ask.inner, ask.repo).stat(&base, &head).await;
    let mut at = ask.allowed(POWER, true)?;
    let mut hooks = edit(&ask, &mut at, number)?;
    if let Some(state) = ask.text("state") {
        let (doer, place) = (at.doer.clone(), (ask.repo, number));
        let how = (state == "open", None);
        let told = work::set_open(&ask.inner, &mut at.state, place, &doer, how);
        hooks.extend(told.ok_or_else(Failure::not_found)?);
    }
    let body = in_full(&ask, &at, number, &stat)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    ok(&body)
}

pub(in super::super) async fn files(ask: Ask) -> Answer {
    let (_, base, head) = ends(&ask, false)?;
    let changed = Git::of(&ask.inner, ask.repo).changed(&base, &head).await;
    let all: Vec<Value> = {
        let at = ask.allowed(POWER, false)?;
        let name = at.repo()?.full_name();
        let file = |path: &str| ask.inner.web(&format!("/{name}/blob/{head}/{path}"));
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
                    "contents_url": ask.inner.api(&contents),
                    "patch": changed.patch,
                })
            })
            .collect()
    };
    page(&ask, &all)
}
