//! The App's own routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ccc_core::Secret;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::server::Refusal;
use super::state::{INSTALLATION, SLUG, Shared, Token, now, random_text};
use super::{auth, hooks, render};

/// What the App was given at its installation.
const POWERS: [(&str, &str); 4] =
    [("contents", "write"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")];

type Answer = Result<Json<Value>, Refusal>;

pub(super) async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    auth::require_app(&shared, &headers)?;
    Ok(Json(json!({
        "id": shared.app_id,
        "slug": SLUG,
        "name": "Emulated App",
        "permissions": POWERS.into_iter().collect::<BTreeMap<_, _>>(),
        "events": ["issues", "issue_comment"],
    })))
}

pub(super) async fn user(State(shared): State<Arc<Shared>>, Path(login): Path<String>) -> Answer {
    let state = shared.state();
    let user = state.users.iter().find(|user| user.login.eq_ignore_ascii_case(&login));
    Ok(Json(render::user(user.ok_or_else(Refusal::not_found)?)))
}

pub(super) async fn installation(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    auth::require_app(&shared, &headers)?;
    shared.state().repository(&owner, &name)?;
    Ok(Json(json!({ "id": INSTALLATION, "app_id": shared.app_id, "app_slug": SLUG })))
}

#[derive(Deserialize, Default)]
pub(super) struct Wish {
    #[serde(default)]
    repository_ids: Vec<u64>,
    #[serde(default)]
    repositories: Vec<String>,
    permissions: Option<BTreeMap<String, String>>,
}

/// Mints a token. Unlike GitHub, for one repository only: a token for all is a mistake here.
pub(super) async fn mint(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    wish: Option<Json<Wish>>,
) -> Result<Response, Refusal> {
    auth::require_app(&shared, &headers)?;
    if id != INSTALLATION {
        return Err(Refusal::not_found());
    }
    let wish = wish.map(|Json(wish)| wish).unwrap_or_default();
    let mut state = shared.state();
    let named = state.repositories.iter().find(|repository| {
        wish.repository_ids == [repository.id] || wish.repositories == [repository.name.as_str()]
    });
    let Some(repository) = named else {
        return Err(Refusal::invalid("this emulator mints tokens for exactly one repository"));
    };
    let all: BTreeMap<String, String> =
        POWERS.into_iter().map(|(area, level)| (area.to_owned(), level.to_owned())).collect();
    let asked = wish.permissions.unwrap_or_else(|| all.clone());
    for (area, level) in &asked {
        let has = all.get(area).map(String::as_str);
        if !matches!((has, level.as_str()), (Some("write"), "read" | "write") | (Some("read"), "read"))
        {
            return Err(Refusal::invalid(
                "The permissions requested are not granted to this installation.",
            ));
        }
    }
    let expires_at = now() + SignedDuration::from_hours(1);
    let (full_name, shown) = (repository.full_name(), render::repository(&shared.base, repository));
    let secret = Secret::from(format!("ghs_{}", random_text()));
    let body = json!({
        "token": secret.expose_str()?,
        "expires_at": expires_at,
        "permissions": asked,
        "repository_selection": "selected",
        "repositories": [shown],
    });
    state.tokens.push(Token {
        secret,
        repository: full_name,
        permissions: asked,
        expires_at,
        revoked: false,
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    auth::with_token(&shared, &headers, |_, token| token.revoked = true)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn deliveries(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    auth::require_app(&shared, &headers)?;
    let state = shared.state();
    let newest_first = state.deliveries.iter().rev();
    Ok(Json(newest_first.map(render::delivery).collect()))
}

pub(super) async fn redeliver(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    auth::require_app(&shared, &headers)?;
    let delivery = shared.state().deliveries.iter().find(|delivery| delivery.id == id).cloned();
    let delivery = delivery.ok_or_else(Refusal::not_found)?;
    hooks::send(&shared, &delivery.guid, &delivery.event, delivery.action, delivery.body).await;
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}
