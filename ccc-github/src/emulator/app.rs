//! The App's own routes: itself, its installations, its tokens, its deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse as _;
use ccc_core::Secret;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::auth::Caller;
use super::hooks::{Hook, deliver_later};
use super::server::{Answer, Ask, Failure, reply};
use super::state::{State, Token, TokenInfo};
use super::{Inner, json as render};

/// What the App may do where it is installed.
const POWER: [(&str, &str); 4] =
    [("contents", "write"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")];

pub(super) fn answer(inner: &Arc<Inner>, method: &Method, parts: &[&str], ask: &Ask) -> Answer {
    match (method.as_str(), parts) {
        ("GET", ["app"]) => {
            ask.caller.require_app()?;
            let body = json!({
                "id": inner.app_id,
                "slug": inner.slug,
                "name": inner.slug,
                "permissions": BTreeMap::from(POWER),
                "events": ["issues", "issue_comment"],
                "html_url": format!("{}/apps/{}", inner.base_url, inner.slug),
            });
            reply(StatusCode::OK, &body)
        }
        ("GET", ["app", "installations"]) => {
            ask.caller.require_app()?;
            let state = inner.state();
            let all: Vec<_> = state.installations.values().map(|id| json!({ "id": id })).collect();
            reply(StatusCode::OK, &all.into())
        }
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            ask.caller.require_app()?;
            mint(inner, id.parse().unwrap_or(0), ask)
        }
        ("DELETE", ["installation", "token"]) => match ask.caller {
            Caller::Token(at) => {
                inner.state().tokens[at].revoked = true;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(Failure::new(StatusCode::UNAUTHORIZED, "Bad credentials")),
        },
        ("GET", ["users", login]) => user(inner, login, &ask.caller),
        ("GET", ["app", "hook", "deliveries"]) => {
            ask.caller.require_app()?;
            deliveries(inner, ask)
        }
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => {
            ask.caller.require_app()?;
            let hook = {
                let state = inner.state();
                let earlier = state.deliveries.iter().find(|d| d.id.to_string() == *id);
                Hook::again(earlier.ok_or_else(Failure::not_found)?)
            };
            deliver_later(inner, hook);
            reply(StatusCode::ACCEPTED, &json!({}))
        }
        _ => Err(Failure::not_found()),
    }
}

fn user(inner: &Inner, login: &str, caller: &Caller) -> Answer {
    // A JWT is for the App's own routes; a token that ended is refused everywhere.
    match caller {
        Caller::Refused(why) => return Err(Failure::new(StatusCode::UNAUTHORIZED, why)),
        Caller::App => {
            let why = "A JSON web token is for the App's own routes";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, why));
        }
        _ => {}
    }
    let state = inner.state();
    let user = state.user(login).ok_or_else(Failure::not_found)?;
    reply(StatusCode::OK, &render::user(inner, user))
}

#[derive(Deserialize, Default)]
struct Wish {
    repository_ids: Option<Vec<u64>>,
    repositories: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, String>>,
}

fn mint(inner: &Inner, installation: u64, ask: &Ask) -> Answer {
    let wish: Wish = match &ask.body {
        serde_json::Value::Null => Wish::default(),
        body => serde_json::from_value(body.clone())
            .map_err(|_| Failure::invalid("the body does not read"))?,
    };
    let mut state = inner.state();
    let owner = state
        .installations
        .iter()
        .find_map(|(owner, id)| (*id == installation).then(|| owner.clone()))
        .ok_or_else(Failure::not_found)?;
    let repositories = scope(&state, &owner, &wish)?;
    let power: BTreeMap<String, String> =
        POWER.map(|(name, level)| (name.to_owned(), level.to_owned())).into();
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
    let secret = format!("ghs_{}", uuid::Uuid::new_v4().simple());
    let expires_at = inner.now() + SignedDuration::from_hours(1);
    let mut body = json!({
        "token": secret,
        "expires_at": expires_at,
        "permissions": permissions,
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repositories {
        let all = ids.iter().filter_map(|id| state.repo(*id));
        body["repositories"] = all.map(|repo| render::repo(inner, &state, repo)).collect();
    }
    let number = state.tokens.len() + 1;
    state.tokens.push(Token {
        secret: Secret::from(secret),
        installation,
        revoked: false,
        info: TokenInfo { number, repositories, permissions, expires_at, revoked: false },
    });
    reply(StatusCode::CREATED, &body)
}

/// The repositories that were asked for, each of them within the installation.
fn scope(state: &State, owner: &str, wish: &Wish) -> Result<Option<Vec<u64>>, Failure> {
    let mine = |id: &u64| {
        let repo = state.repo(*id);
        repo.is_some_and(|repo| repo.installed && repo.owner.eq_ignore_ascii_case(owner))
    };
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

/// Newest first, in pages that a cursor leads through.
fn deliveries(inner: &Inner, ask: &Ask) -> Answer {
    let size: usize = ask.query.get("per_page").and_then(|n| n.parse().ok()).unwrap_or(30);
    let cursor: u64 = ask.query.get("cursor").and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    let state = inner.state();
    let mut rest = state.deliveries.iter().rev().filter(|delivery| delivery.id < cursor);
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let mut headers = HeaderMap::new();
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        let link = format!(
            "<{}/app/hook/deliveries?per_page={size}&cursor={}>; rel=\"next\"",
            inner.base_url, last.id
        );
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
    }
    let body: Vec<_> = page.into_iter().map(render::delivery).collect();
    Ok((headers, axum::Json(body)).into_response())
}
