//! Installations and their tokens.

use std::collections::BTreeMap;
use std::sync::MutexGuard;

use axum::http::StatusCode;
use ccc_core::Secret;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, nothing, ok, page, page_in, reply};
use super::super::auth::suspended;
use super::super::hooks::deliver_later;
use super::super::records::TokenInfo;
use super::super::routes::Ask;
use super::super::state::{Installation, Repo, State, Token};
use super::super::{apps, render, work};

/// The installation of the path, which must be the App's own.
fn mine(ask: &Ask) -> Result<(MutexGuard<'_, State>, Installation), Failure> {
    let app = ask.caller.require_app()?;
    let state = ask.inner.state();
    let found = state.installation(ask.id("installation_id")).filter(|found| found.app == app);
    let found = found.cloned().ok_or_else(Failure::not_found)?;
    Ok((state, found))
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let app = ask.caller.require_app()?;
    let state = ask.inner.state();
    let all = state.installations.iter().filter(|found| found.app == app);
    let all: Vec<_> = all.map(|found| render::installation(&ask.inner, &state, found)).collect();
    drop(state);
    page(&ask, &all)
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let (state, found) = mine(&ask)?;
    ok(&render::installation(&ask.inner, &state, &found))
}

pub(in super::super) async fn uninstall(ask: Ask) -> Answer {
    let (mut state, found) = mine(&ask)?;
    let hooks = work::about_installation(&ask.inner, &state, found.id, "deleted");
    state.uninstall(found.id);
    drop(state);
    deliver_later(&ask.inner, hooks);
    nothing()
}

pub(in super::super) async fn suspend(ask: Ask) -> Answer {
    set_suspended(&ask, true)
}

pub(in super::super) async fn unsuspend(ask: Ask) -> Answer {
    set_suspended(&ask, false)
}

fn set_suspended(ask: &Ask, is: bool) -> Answer {
    let (mut state, found) = mine(ask)?;
    let now = ask.inner.now();
    if let Some(found) = state.installation_mut(found.id) {
        found.suspended_at = is.then_some(now);
    }
    let action = if is { "suspend" } else { "unsuspend" };
    let hooks = work::about_installation(&ask.inner, &state, found.id, action);
    drop(state);
    deliver_later(&ask.inner, hooks);
    nothing()
}

pub(in super::super) async fn of_repository(ask: Ask) -> Answer {
    let app = ask.caller.require_app()?;
    let state = ask.inner.state();
    let found = state.repo(ask.repo).and_then(|repo| state.installed_at(app, repo));
    ok(&render::installation(&ask.inner, &state, found.ok_or_else(Failure::not_found)?))
}

pub(in super::super) async fn of_account(ask: Ask) -> Answer {
    let app = ask.caller.require_app()?;
    let state = ask.inner.state();
    let found = state.installed_on(app, ask.param("username"));
    ok(&render::installation(&ask.inner, &state, found.ok_or_else(Failure::not_found)?))
}

pub(in super::super) async fn repositories(ask: Ask) -> Answer {
    let state = ask.inner.state();
    let info = ask.caller.require_token(&state)?.info.clone();
    let visible = |repo: &&Repo| {
        state.installed_at(info.app, repo).is_some_and(|found| found.id == info.installation)
            && info.repositories.as_ref().is_none_or(|all| all.contains(&repo.id))
    };
    let all: Vec<Value> = state
        .repos
        .iter()
        .filter(visible)
        .map(|repo| render::repository(&ask.inner, &state, repo))
        .collect();
    drop(state);
    page_in(&ask, "repositories", &all)
}

pub(in super::super) async fn revoke(ask: Ask) -> Answer {
    let mut state = ask.inner.state();
    let number = ask.caller.require_token(&state)?.info.number;
    state.tokens[number - 1].info.revoked = true;
    nothing()
}

#[derive(Deserialize, Default)]
struct Wish {
    repository_ids: Option<Vec<u64>>,
    repositories: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, String>>,
}

pub(in super::super) async fn mint(ask: Ask) -> Answer {
    let wish: Wish = match &ask.body {
        Value::Null => Wish::default(),
        body => serde_json::from_value(body.clone())
            .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))?,
    };
    let (mut state, installation) = mine(&ask)?;
    if installation.suspended_at.is_some() {
        return Err(suspended());
    }
    let repositories = scope(&state, &installation, &wish)?;
    let power = state.app(installation.app).map(|app| app.permissions.clone()).unwrap_or_default();
    let mut permissions = wish.permissions.unwrap_or_else(|| power.clone());
    let excess = permissions.iter().any(|(name, level)| match power.get(name) {
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
    let secret = format!("ghs_{}", apps::random());
    let expires_at = render::seconds(ask.inner.now() + SignedDuration::from_hours(1));
    let mut body = json!({
        "token": secret,
        "expires_at": expires_at,
        "permissions": permissions,
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repositories {
        let all = ids.iter().filter_map(|id| state.repo(*id));
        body["repositories"] =
            all.map(|repo| render::repository(&ask.inner, &state, repo)).collect();
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
    state.tokens.push(Token { secret: Secret::from(secret), info });
    reply(StatusCode::CREATED, &body)
}

/// The repositories that were asked for, each of them within the installation.
fn scope(
    state: &State,
    installation: &Installation,
    wish: &Wish,
) -> Result<Option<Vec<u64>>, Failure> {
    let mine = |id: &u64| {
        let found = state.repo(*id).and_then(|repo| state.installed_at(installation.app, repo));
        found.is_some_and(|found| found.id == installation.id)
    };
    let owner = &installation.account;
    let ids = match (&wish.repository_ids, &wish.repositories) {
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
