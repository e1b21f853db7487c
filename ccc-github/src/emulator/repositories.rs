//! Repositories: making them, showing them, and who may do what in them.

use std::path::Path as FsPath;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Html;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::vcs::Permission;
use ccc_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::server::Refusal;
use super::state::{Repository, Shared};
use super::{auth, git, render};

pub(super) async fn add(shared: &Shared, owner: &str, name: &str, seed: &FsPath) -> Result<u64> {
    let plain = |part: &str| crate::payload::is_name(part);
    if !plain(owner) || !plain(name) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("`{owner}/{name}` is no name of a repository"),
        ));
    }
    if !seed.is_dir() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the seed {} is no directory", seed.display()),
        ));
    }
    let git_dir = shared.git_dir(owner, name);
    let default_branch = git::seed(&git_dir, seed).await?;
    let mut state = shared.state();
    let id = state.id();
    state.repositories.push(Repository {
        id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        default_branch,
        archived: false,
        permissions: std::collections::HashMap::new(),
        issues: Vec::new(),
        comments: Vec::new(),
        pulls: Vec::new(),
        reactions: Vec::new(),
    });
    Ok(id)
}

/// For a person: what is here.
pub(super) async fn index(State(shared): State<Arc<Shared>>) -> Html<String> {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = "<!doctype html><title>Emulated GitHub</title><h1>Emulated GitHub</h1>".to_owned();
    for repository in &shared.state().repositories {
        let full_name = repository.full_name();
        page.push_str(&format!(
            "<h2>{}</h2><p><code>git clone {}/{full_name}.git</code></p><ul>",
            escape(&full_name),
            shared.base
        ));
        for issue in &repository.issues {
            page.push_str(&format!("<li>#{} {}</li>", issue.number, escape(&issue.title)));
            for comment in repository.comments.iter().filter(|c| c.issue == issue.number) {
                page.push_str(&format!("<pre>{}</pre>", escape(&comment.body)));
            }
        }
        for pull in &repository.pulls {
            let head = escape(&pull.head);
            page.push_str(&format!(
                "<li>#{} {} (pull request from {head})<pre>{}</pre></li>",
                pull.number,
                escape(&pull.title),
                escape(&pull.body)
            ));
        }
        page.push_str("</ul>");
    }
    Html(page)
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    // What everybody may read, a token of the repository may read as well.
    let full_name = format!("{owner}/{name}");
    if auth::require_app(&shared, &headers).is_err() {
        auth::require(&shared, &headers, &full_name, ("metadata", "read"))?;
    }
    let mut state = shared.state();
    let repository = state.repository(&owner, &name)?;
    Ok(Json(render::repository(&shared.base, repository)))
}

pub(super) async fn permission(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, login)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("metadata", "read"))?;
    let mut state = shared.state();
    let user = state.users.iter().find(|user| user.login.eq_ignore_ascii_case(&login)).cloned();
    let user = user.ok_or_else(Refusal::not_found)?;
    // Everybody may read a public repository.
    let level = state.repository(&owner, &name)?.permissions.get(&user.id).copied();
    let (permission, role) = match level.unwrap_or(Permission::Read) {
        Permission::None => ("none", "none"),
        Permission::Read => ("read", "read"),
        Permission::Triage => ("read", "triage"),
        Permission::Write => ("write", "write"),
        Permission::Maintain => ("write", "maintain"),
        Permission::Admin => ("admin", "admin"),
    };
    Ok(Json(json!({ "permission": permission, "role_name": role, "user": render::user(&user) })))
}

pub(super) async fn contents(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, path)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("contents", "read"))?;
    let branch = shared.state().repository(&owner, &name)?.default_branch.clone();
    let object = format!("refs/heads/{branch}:{path}");
    let git_dir = shared.git_dir(&owner, &name);
    let content = git::run(&git_dir, &["cat-file", "blob", &object]).await;
    let content = content.map_err(|_| Refusal::not_found())?;
    Ok(Json(json!({
        "type": "file",
        "encoding": "base64",
        "size": content.len(),
        "name": path.rsplit('/').next(),
        "path": path,
        "content": BASE64_STANDARD.encode(content),
    })))
}
