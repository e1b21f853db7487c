//! Files, read and written through the API.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, ok, reply};
use super::super::git::Git;
use super::super::routes::Ask;
use super::super::{render, work};

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let default = {
        let at = ask.allowed("contents", false)?;
        at.repo()?.default_branch.clone()
    };
    let git = Git::of(&ask.inner, ask.repo);
    let revision = ask.ask("ref").unwrap_or(&default).to_owned();
    let commit = git.commit_at(&revision).await.ok_or_else(Failure::not_found)?;
    let path = ask.param("path").trim_matches('/').to_owned();
    let file = git.file(&commit, &path).await;
    let listed = if file.is_none() { git.list(&commit, &path).await } else { None };
    let at = ask.allowed("contents", false)?;
    let repo = at.repo()?;
    if let Some((sha, bytes)) = file {
        return ok(&render::content(&ask.inner, repo, (&path, &sha), Some(&bytes)));
    }
    let entries: Vec<Value> = listed
        .ok_or_else(Failure::not_found)?
        .iter()
        .map(|(kind, sha, path)| {
            let mut shown = render::content(&ask.inner, repo, (path, sha), None);
            shown["type"] = if kind == "tree" { "dir" } else { "file" }.into();
            shown
        })
        .collect();
    ok(&entries.into())
}

pub(in super::super) async fn write(ask: Ask) -> Answer {
    let default = {
        let at = ask.allowed("contents", true)?;
        at.repo()?.default_branch.clone()
    };
    let missing = |field: &str| Failure::field("Commit", field, "missing_field");
    let message = ask.text("message").ok_or_else(|| missing("message"))?;
    let content = ask.text("content").ok_or_else(|| missing("content"))?;
    let content = BASE64_STANDARD.decode(content.replace(['\n', '\r'], "")).map_err(|_| {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "content is not valid Base64")
    })?;
    let branch = ask.text("branch").unwrap_or(&default).to_owned();
    let path = ask.param("path").trim_matches('/').to_owned();
    let git = Git::of(&ask.inner, ask.repo);
    if path.starts_with(".github/workflows/") && !ask.may_change_workflows() {
        let why = format!(
            "refusing to allow a GitHub App to create or update workflow `{path}` without \
             `workflows` permission"
        );
        return Err(Failure::forbidden(&why));
    }
    if git.branch(&branch).await.is_none() && !git.refs("refs/heads/").await.is_empty() {
        let why = format!("Branch {branch} not found");
        return Err(Failure::new(StatusCode::NOT_FOUND, why));
    }
    let before = git.file(&format!("refs/heads/{branch}"), &path).await;
    match (&before, ask.text("sha")) {
        (Some((sha, _)), Some(given)) if sha == given => {}
        (None, None) => {}
        (Some(_), None) => {
            let why = "Invalid request.\n\n\"sha\" wasn't supplied.";
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why));
        }
        _ => {
            let why = format!("{path} does not match {}", ask.text("sha").unwrap_or_default());
            return Err(Failure::new(StatusCode::CONFLICT, why));
        }
    }
    let (commit, blob) = git
        .write_file((&branch, ""), (&path, &content), message)
        .await
        .map_err(|_| Failure::new(StatusCode::CONFLICT, "the branch could not be changed"))?;
    work::branches_moved(&ask.inner, ask.repo).await;
    let info = git.show(&commit).await.ok_or_else(Failure::not_found)?;
    let at = ask.allowed("contents", true)?;
    let repo = at.repo()?;
    // The commit in git's own terms, as this route shows it.
    let mut commit = render::commit(&ask.inner, repo, &info);
    let mut inner = commit["commit"].take();
    for field in ["sha", "node_id", "html_url", "parents"] {
        inner[field] = commit[field].take();
    }
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let file = render::content(&ask.inner, repo, (&path, &blob), Some(&content));
    reply(status, &json!({ "content": file, "commit": inner }))
}
