//! The routes below a repository.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::event::Actor;
use ccc_core::vcs::Permission;
use serde_json::{Value, json};

use super::hooks::deliver_later;
use super::server::{Answer, Ask, Failure, reply};
use super::state::{PullRequest, Repo, State};
use super::{Inner, git, json as render, work};

pub(super) async fn answer(
    inner: &Arc<Inner>,
    method: &Method,
    repo: u64,
    parts: &[&str],
    ask: &Ask,
) -> Answer {
    match (method.as_str(), parts) {
        ("GET", ["installation"]) => installation(inner, repo, ask),
        ("GET", []) => with(inner, repo, ask, "metadata", false, |state, repo, _| {
            reply(StatusCode::OK, &render::repo(inner, state, repo))
        }),
        ("GET", ["collaborators", login, "permission"]) => {
            with(inner, repo, ask, "metadata", false, |state, repo, _| {
                permission(inner, state, repo, login)
            })
        }
        ("GET", ["contents", path @ ..]) => contents(inner, repo, ask, &path.join("/")).await,
        (_, ["issues", rest @ ..]) => issues(inner, method, repo, rest, ask),
        ("GET", ["pulls"]) => with(inner, repo, ask, "pull_requests", false, |state, repo, _| {
            list_pulls(inner, state, repo, ask)
        }),
        ("POST", ["pulls"]) => open_pull(inner, repo, ask).await,
        _ => Err(Failure::not_found()),
    }
}

/// Runs with the repository, once the caller may do that.
fn with(
    inner: &Inner,
    repo: u64,
    ask: &Ask,
    power: &str,
    write: bool,
    run: impl FnOnce(&State, &Repo, &Actor) -> Answer,
) -> Answer {
    let state = inner.state();
    let found = state.repo(repo).ok_or_else(Failure::not_found)?;
    let actor = ask.caller.require(inner, &state, found, power, write)?;
    run(&state, found, &actor)
}

fn installation(inner: &Inner, repo: u64, ask: &Ask) -> Answer {
    ask.caller.require_app()?;
    let state = inner.state();
    let found = state.repo(repo).filter(|repo| repo.installed).ok_or_else(Failure::not_found)?;
    let id = state.installations.get(&found.owner.to_ascii_lowercase());
    let id = id.ok_or_else(Failure::not_found)?;
    let body = json!({ "id": id, "app_id": inner.app_id, "repository_selection": "selected" });
    reply(StatusCode::OK, &body)
}

fn permission(inner: &Inner, state: &State, repo: &Repo, login: &str) -> Answer {
    let user = state.user(login).ok_or_else(Failure::not_found)?;
    let known = repo.permissions.get(&login.to_ascii_lowercase()).copied();
    let (permission, role) = match known {
        Some(Permission::Admin) => ("admin", "admin"),
        Some(Permission::Maintain) => ("write", "maintain"),
        Some(Permission::Write) => ("write", "write"),
        Some(Permission::Triage) => ("read", "triage"),
        Some(Permission::Read) => ("read", "read"),
        None if repo.public => ("read", "read"),
        _ => ("none", "none"),
    };
    let user = render::user(inner, user);
    let body = json!({ "permission": permission, "role_name": role, "user": user });
    reply(StatusCode::OK, &body)
}

async fn contents(inner: &Inner, repo: u64, ask: &Ask, path: &str) -> Answer {
    let branch = {
        let state = inner.state();
        let found = state.repo(repo).ok_or_else(Failure::not_found)?;
        ask.caller.require(inner, &state, found, "contents", false)?;
        found.default_branch.clone()
    };
    let bytes = git::file(inner, repo, &branch, path).await.ok_or_else(Failure::not_found)?;
    // GitHub leaves the content of files above 1 MiB out (GitHub docs, "Get repository content").
    let (encoding, content) = if bytes.len() > 1024 * 1024 {
        ("none", String::new())
    } else {
        ("base64", BASE64_STANDARD.encode(&bytes))
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let body = json!({
        "type": "file", "name": name, "path": path, "size": bytes.len(),
        "encoding": encoding, "content": content,
    });
    reply(StatusCode::OK, &body)
}

fn issues(inner: &Arc<Inner>, method: &Method, repo: u64, parts: &[&str], ask: &Ask) -> Answer {
    let text = |field: &str| ask.body[field].as_str().unwrap_or_default();
    let number = |part: &str| part.parse::<u64>().map_err(|_| Failure::not_found());
    let may = |write: bool| {
        let state = inner.state();
        let found = state.repo(repo).ok_or_else(Failure::not_found)?;
        ask.caller.require(inner, &state, found, "issues", write)
    };
    match (method.as_str(), parts) {
        ("POST", []) => open_issue(inner, repo, &may(true)?, ask),
        ("GET", [n]) => {
            may(false)?;
            show_issue(inner, repo, number(n)?, StatusCode::OK)
        }
        ("PATCH", ["comments", id]) => {
            may(true)?;
            change_comment(inner, repo, number(id)?, &ask.body)
        }
        ("PATCH", [n]) => {
            may(true)?;
            change_issue(inner, repo, number(n)?, &ask.body)?;
            show_issue(inner, repo, number(n)?, StatusCode::OK)
        }
        ("GET", [n, "comments"]) => {
            may(false)?;
            list_comments(inner, repo, number(n)?, ask)
        }
        ("POST", [n, "comments"]) => {
            let (actor, n) = (may(true)?, number(n)?);
            if text("body").is_empty() || text("body").chars().count() > 65_536 {
                return Err(Failure::invalid("body is too long (maximum is 65536 characters)"));
            }
            let written = work::comment(inner, repo, n, &actor.login, text("body"));
            let (id, hook) = written.map_err(|_| Failure::not_found())?;
            deliver_later(inner, hook);
            show_comment(inner, repo, id, StatusCode::CREATED)
        }
        ("POST", target @ ([_, "reactions"] | ["comments", _, "reactions"])) => {
            let actor = may(true)?;
            let id = number(target[target.len() - 2])?;
            let mut state = inner.state();
            let found = state.repo_mut(repo).ok_or_else(Failure::not_found)?;
            let reactions = match target {
                ["comments", ..] => {
                    let mut all = found.issues.values_mut().flat_map(|issue| &mut issue.comments);
                    all.find(|c| c.id == id).map(|comment| &mut comment.reactions)
                }
                _ => found.issues.get_mut(&id).map(|issue| &mut issue.reactions),
            };
            let reactions = reactions.ok_or_else(Failure::not_found)?;
            react(reactions, &actor, text("content"))
        }
        _ => Err(Failure::not_found()),
    }
}

fn open_issue(inner: &Arc<Inner>, repo: u64, actor: &Actor, ask: &Ask) -> Answer {
    let text = |field: &str| ask.body[field].as_str().unwrap_or_default();
    if text("title").is_empty() {
        return Err(Failure::invalid("title is missing"));
    }
    let opened = work::open_issue(inner, repo, &actor.login, text("title"), text("body"));
    let (number, hook) = opened.map_err(|_| Failure::not_found())?;
    deliver_later(inner, hook);
    show_issue(inner, repo, number, StatusCode::CREATED)
}

fn react(reactions: &mut Vec<(String, String)>, actor: &Actor, content: &str) -> Answer {
    let known = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];
    if !known.contains(&content) {
        return Err(Failure::invalid("content is not a reaction"));
    }
    let reaction = (actor.login.clone(), content.to_owned());
    let body = json!({ "id": 1, "content": content });
    if reactions.contains(&reaction) {
        return reply(StatusCode::OK, &body);
    }
    reactions.push(reaction);
    reply(StatusCode::CREATED, &body)
}

fn show_issue(inner: &Inner, repo: u64, number: u64, status: StatusCode) -> Answer {
    let state = inner.state();
    let found = state.repo(repo).ok_or_else(Failure::not_found)?;
    let issue = found.issues.get(&number).ok_or_else(Failure::not_found)?;
    reply(status, &render::issue(inner, found, issue))
}

fn change_issue(inner: &Inner, repo: u64, number: u64, body: &Value) -> Result<(), Failure> {
    let now = inner.now();
    let mut state = inner.state();
    let issue = state.issue_mut(repo, number).ok_or_else(Failure::not_found)?;
    if let Some(title) = body["title"].as_str() {
        title.clone_into(&mut issue.title);
    }
    if let Some(text) = body["body"].as_str() {
        text.clone_into(&mut issue.body);
    }
    if let Some(open) = body["state"].as_str() {
        issue.open = open == "open";
    }
    issue.updated_at = now;
    Ok(())
}

fn show_comment(inner: &Inner, repo: u64, id: u64, status: StatusCode) -> Answer {
    let state = inner.state();
    let found = state.repo(repo).ok_or_else(Failure::not_found)?;
    let shown = found.issues.values().find_map(|issue| {
        let comment = issue.comments.iter().find(|comment| comment.id == id)?;
        Some(render::comment(inner, found, issue.number, comment))
    });
    reply(status, &shown.ok_or_else(Failure::not_found)?)
}

fn change_comment(inner: &Inner, repo: u64, id: u64, body: &Value) -> Answer {
    let text = body["body"].as_str().ok_or_else(|| Failure::invalid("body is missing"))?;
    {
        let now = inner.now();
        let mut state = inner.state();
        let found = state.repo_mut(repo).ok_or_else(Failure::not_found)?;
        let mut all = found.issues.values_mut().flat_map(|issue| &mut issue.comments);
        let comment = all.find(|c| c.id == id).ok_or_else(Failure::not_found)?;
        text.clone_into(&mut comment.body);
        comment.updated_at = now;
    }
    show_comment(inner, repo, id, StatusCode::OK)
}

fn list_comments(inner: &Inner, repo: u64, number: u64, ask: &Ask) -> Answer {
    let wanted =
        |name: &str, or: usize| ask.query.get(name).and_then(|n| n.parse().ok()).unwrap_or(or);
    let (size, page) = (wanted("per_page", 30).clamp(1, 100), wanted("page", 1).max(1));
    let state = inner.state();
    let found = state.repo(repo).ok_or_else(Failure::not_found)?;
    let issue = found.issues.get(&number).ok_or_else(Failure::not_found)?;
    let from = (page - 1) * size;
    let shown: Vec<_> = issue.comments.iter().skip(from).take(size).collect();
    let mut headers = HeaderMap::new();
    if from + shown.len() < issue.comments.len() {
        let next = format!(
            "<{}{}?per_page={size}&page={}>; rel=\"next\"",
            inner.base_url,
            ask.path,
            page + 1
        );
        if let Ok(next) = HeaderValue::from_str(&next) {
            headers.insert(header::LINK, next);
        }
    }
    let body: Vec<_> =
        shown.into_iter().map(|c| render::comment(inner, found, number, c)).collect();
    Ok((headers, axum::Json(body)).into_response())
}

fn list_pulls(inner: &Inner, state: &State, repo: &Repo, ask: &Ask) -> Answer {
    let wanted = ask.query.get("state").map_or("open", String::as_str);
    let head = ask.query.get("head").and_then(|head| head.split_once(':'));
    let shown: Vec<_> = repo
        .pulls
        .values()
        .rev()
        .filter(|pull| wanted == "all" || (wanted == "open") == pull.open)
        .filter(|pull| {
            head.is_none_or(|(owner, branch)| {
                owner.eq_ignore_ascii_case(&repo.owner) && branch == pull.head
            })
        })
        .map(|pull| render::pull(inner, state, repo, pull))
        .collect();
    reply(StatusCode::OK, &shown.into())
}

async fn open_pull(inner: &Inner, repo: u64, ask: &Ask) -> Answer {
    let text = |field: &str| ask.body[field].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let author = {
        let state = inner.state();
        let found = state.repo(repo).ok_or_else(Failure::not_found)?;
        ask.caller.require(inner, &state, found, "pull_requests", true)?
    };
    if text("title").is_empty() {
        return Err(Failure::invalid("title is missing"));
    }
    let sha =
        git::branch(inner, repo, &head).await.ok_or_else(|| Failure::invalid("head is invalid"))?;
    let base_sha =
        git::branch(inner, repo, &base).await.ok_or_else(|| Failure::invalid("base is invalid"))?;
    if !git::is_ahead(inner, repo, &base_sha, &sha).await {
        return Err(Failure::invalid(&format!("No commits between {base} and {head}")));
    }
    let mut state = inner.state();
    let found = state.repo_mut(repo).ok_or_else(Failure::not_found)?;
    let mut open = found.pulls.values().filter(|pull| pull.open);
    if open.any(|pull| pull.head == head && pull.base == base) {
        let detail = format!("A pull request already exists for {}:{head}.", found.owner);
        return Err(Failure::invalid(&detail));
    }
    found.last_number += 1;
    let number = found.last_number;
    let pull = PullRequest {
        number,
        title: text("title"),
        body: text("body"),
        head,
        head_sha: sha,
        base,
        draft: ask.body["draft"].as_bool().unwrap_or(false),
        open: true,
        author: author.login,
        url: format!("{}/{}/{}/pull/{number}", inner.base_url, found.owner, found.name),
    };
    found.pulls.insert(number, pull.clone());
    let found = state.repo(repo).ok_or_else(Failure::not_found)?;
    reply(StatusCode::CREATED, &render::pull(inner, &state, found, &pull))
}
