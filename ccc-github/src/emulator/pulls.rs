//! Pull requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::server::Refusal;
use super::state::{Pull, Shared, now};
use super::{auth, git, render};

#[derive(Deserialize)]
pub(super) struct Filter {
    head: Option<String>,
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("pull_requests", "read"))?;
    let state = shared.state();
    let of = state.repositories.iter().find(|r| r.owner == owner && r.name == name);
    let of = of.ok_or_else(Refusal::not_found)?;
    let wanted = |pull: &&Pull| {
        filter.head.as_ref().is_none_or(|head| *head == format!("{owner}:{}", pull.head))
    };
    let pulls = of.pulls.iter().filter(wanted);
    Ok(Json(pulls.map(|pull| render::pull(&shared.base, &state, of, pull)).collect()))
}

#[derive(Deserialize)]
pub(super) struct NewPull {
    title: String,
    head: String,
    base: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    draft: bool,
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewPull>,
) -> Result<Response, Refusal> {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("pull_requests", "write"))?;
    shared.state().repository(&owner, &name)?;
    let git_dir = shared.git_dir(&owner, &name);
    let head = new.head.strip_prefix(&format!("{owner}:")).unwrap_or(&new.head).to_owned();
    let range = format!("refs/heads/{}..refs/heads/{head}", new.base);
    match git::run(&git_dir, &["rev-list", "--count", &range, "--"]).await {
        Err(_) => return Err(Refusal::invalid("head or base is no branch")),
        Ok(count) if count.trim_ascii() == b"0" => {
            return Err(Refusal::invalid(format!("No commits between {} and {head}", new.base)));
        }
        Ok(_) => {}
    }
    let mut state = shared.state();
    let author = state.bot();
    let repository = state.repository(&owner, &name)?;
    if repository.pulls.iter().any(|pull| pull.head == head) {
        let message = format!("A pull request already exists for {owner}:{head}.");
        return Err(Refusal::invalid(message));
    }
    let pull = Pull {
        number: repository.next_number(),
        title: new.title,
        body: new.body.unwrap_or_default(),
        head,
        base: new.base,
        draft: new.draft,
        author,
        created_at: now(),
    };
    repository.pulls.push(pull.clone());
    let of = state.repositories.iter().find(|r| r.owner == owner && r.name == name);
    let shown = of.map_or(Value::Null, |of| render::pull(&shared.base, &state, of, &pull));
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}
