//! Installation tokens: creation, scope and revocation.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::installations::own_installation;
use crate::caller::suspended;
use crate::clock::whole_seconds;
use crate::failure::Failure;
use crate::model::{Installation, Repo, Token};
use crate::random::random_hex;
use crate::records::TokenInfo;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, nothing, page_in, reply};
use crate::state::State;

pub(crate) async fn repositories(request: ApiRequest) -> Answer {
    let state = request.inner.state();
    let info = request.caller.require_token(&state)?.info.clone();
    let visible = |repo: &&Repo| {
        state.installed_at(info.app, repo).is_some_and(|found| found.id == info.installation)
            && info.repositories.as_ref().is_none_or(|all| all.contains(&repo.id))
    };
    let all: Vec<Value> = state
        .repos
        .iter()
        .filter(visible)
        .map(|repo| render::repository(&request.inner, &state, repo))
        .collect();
    drop(state);
    page_in(&request, "repositories", &all)
}

pub(crate) async fn revoke(request: ApiRequest) -> Answer {
    let mut state = request.inner.state();
    let number = request.caller.require_token(&state)?.info.number;
    state.tokens[number - 1].info.revoked = true;
    nothing()
}

/// The body of a request for an installation token.
#[derive(Deserialize, Default)]
struct TokenRequest {
    repository_ids: Option<Vec<u64>>,
    repositories: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, String>>,
}

pub(crate) async fn mint(request: ApiRequest) -> Answer {
    let wanted: TokenRequest = match &request.body {
        Value::Null => TokenRequest::default(),
        body => serde_json::from_value(body.clone())
            .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))?,
    };
    let (mut state, installation) = own_installation(&request)?;
    if installation.suspended_at.is_some() {
        return Err(suspended());
    }
    let repositories = scope(&state, &installation, &wanted)?;
    let app_permissions =
        state.app(installation.app).map(|app| app.permissions.clone()).unwrap_or_default();
    let mut permissions = wanted.permissions.unwrap_or_else(|| app_permissions.clone());
    let excess = permissions.iter().any(|(name, level)| match app_permissions.get(name) {
        Some(most) => level != "read" && level != most,
        None => true,
    });
    if excess {
        return Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The permissions requested are not granted to this installation.",
        ));
    }
    permissions.entry("metadata".to_owned()).or_insert_with(|| "read".to_owned());
    if state.grant_too_much {
        permissions.insert("administration".to_owned(), "write".to_owned());
    }
    let secret = format!("ghs_{}", random_hex());
    let expires_at = whole_seconds(request.inner.now() + SignedDuration::from_hours(1));
    let mut body = json!({
        "token": secret,
        "expires_at": expires_at,
        "permissions": permissions,
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repositories {
        let all = ids.iter().filter_map(|id| state.repo(*id));
        body["repositories"] =
            all.map(|repo| render::repository(&request.inner, &state, repo)).collect();
    }
    let info = TokenInfo {
        number: state.tokens.len() + 1,
        app: installation.app,
        installation: installation.id,
        repositories,
        permissions,
        expires_at,
        revoked: false,
    };
    state.tokens.push(Token { secret: secret.into(), info });
    reply(StatusCode::CREATED, &body)
}

/// Returns the IDs of the repositories that the token is requested for, or `None` if it is
/// requested for all repositories of the installation. Fails if a requested repository is not part
/// of the installation.
fn scope(
    state: &State,
    installation: &Installation,
    wanted: &TokenRequest,
) -> Result<Option<Vec<u64>>, Failure> {
    let mine = |id: &u64| {
        let found = state.repo(*id).and_then(|repo| state.installed_at(installation.app, repo));
        found.is_some_and(|found| found.id == installation.id)
    };
    let owner = &installation.account;
    let ids = match (&wanted.repository_ids, &wanted.repositories) {
        (Some(ids), _) => ids.clone(),
        (None, Some(names)) => {
            let find = |name: &String| state.repo_named(owner, name).map_or(0, |repo| repo.id);
            names.iter().map(find).collect()
        }
        (None, None) => return Ok(None),
    };
    if ids.is_empty() || !ids.iter().all(mine) {
        return Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "There is at least one repository that does not exist or is not accessible to the \
             parent installation.",
        ));
    }
    Ok(Some(ids))
}
