//! Routes that read and write the files of a repository.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::activity;
use crate::failure::Failure;
use crate::git::FileChange;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, ok, reply};

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let default = {
        let access = request.authorize("contents", false)?;
        access.repo()?.default_branch.clone()
    };
    let git = request.git();
    let revision = request.query_param("ref").unwrap_or(&default).to_owned();
    let commit = git.commit_named(&revision).await.ok_or_else(Failure::not_found)?;
    let path = request.path_param("path").trim_matches('/').to_owned();
    let file = git.file(&commit, &path).await;
    let listed = if file.is_none() { git.list(&commit, &path).await } else { None };
    let access = request.authorize("contents", false)?;
    let repo = access.repo()?;
    if let Some((sha, bytes)) = file {
        return ok(&render::content(&request.inner, repo, &path, &sha, Some(&bytes)));
    }
    let entries: Vec<Value> = listed
        .ok_or_else(Failure::not_found)?
        .iter()
        .map(|entry| {
            let mut shown = render::content(&request.inner, repo, &entry.path, &entry.sha, None);
            shown["type"] = if entry.is_directory { "dir" } else { "file" }.into();
            shown
        })
        .collect();
    ok(&entries.into())
}

pub(crate) async fn write(request: ApiRequest) -> Answer {
    let default = {
        let access = request.authorize("contents", true)?;
        access.repo()?.default_branch.clone()
    };
    let missing = |field: &str| Failure::field("Commit", field, "missing_field");
    let message = request.text("message").ok_or_else(|| missing("message"))?;
    let content = request.text("content").ok_or_else(|| missing("content"))?;
    let content = BASE64_STANDARD.decode(content.replace(['\n', '\r'], "")).map_err(|_| {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "content is not valid Base64")
    })?;
    let branch = request.text("branch").unwrap_or(&default).to_owned();
    let path = request.path_param("path").trim_matches('/').to_owned();
    let git = request.git();
    if path.starts_with(".github/workflows/") && !request.may_change_workflows() {
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
    match (&before, request.text("sha")) {
        (Some((sha, _)), Some(given)) if sha == given => {}
        (None, None) => {}
        (Some(_), None) => {
            let why = "Invalid request.\n\n\"sha\" wasn't supplied.";
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why));
        }
        _ => {
            let why = format!("{path} does not match {}", request.text("sha").unwrap_or_default());
            return Err(Failure::new(StatusCode::CONFLICT, why));
        }
    }
    let (commit, blob) = git
        .write_file(&FileChange {
            branch: &branch,
            start: "",
            path: &path,
            content: &content,
            message,
        })
        .await
        .map_err(|_| {
            let why = format!(
                "cannot commit the file {path} to the branch {branch}: check that the path is \
                 valid, then try again"
            );
            Failure::new(StatusCode::CONFLICT, why)
        })?;
    activity::update_pull_requests(&request.inner, request.repo).await;
    let info = git.show(&commit).await.ok_or_else(Failure::not_found)?;
    let access = request.authorize("contents", true)?;
    let repo = access.repo()?;
    // This route returns the commit in the format of the git database API.
    let mut commit = render::commit(&request.inner, repo, &info);
    let mut inner = commit["commit"].take();
    for field in ["sha", "node_id", "html_url", "parents"] {
        inner[field] = commit[field].take();
    }
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let file = render::content(&request.inner, repo, &path, &blob, Some(&content));
    reply(status, &json!({ "content": file, "commit": inner }))
}
