//! The App's webhook, and the log of its deliveries.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use ccc_core::Secret;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, insert, ok, reply};
use super::super::hooks::{Hook, deliver_later};
use super::super::records::HookDelivery;
use super::super::routes::Ask;
use super::super::{apps::App, render, work};

fn shown(app: &App) -> Value {
    let mut config = json!({ "content_type": "json", "insecure_ssl": "0", "secret": "********" });
    if let Some(url) = &app.webhook_url {
        config["url"] = url.as_str().into();
    }
    config
}

pub(in super::super) async fn config(ask: Ask) -> Answer {
    let id = ask.caller.require_app()?;
    let state = ask.inner.state();
    ok(&shown(state.app(id).ok_or_else(Failure::not_found)?))
}

pub(in super::super) async fn change_config(ask: Ask) -> Answer {
    let id = ask.caller.require_app()?;
    let mut state = ask.inner.state();
    let app = state.apps.iter_mut().find(|app| app.id == id).ok_or_else(Failure::not_found)?;
    if let Some(secret) = ask.text("secret") {
        app.webhook_secret = Secret::from(secret);
    }
    let mut hooks = Vec::new();
    if let Some(url) = ask.text("url") {
        app.webhook_url = Some(url.to_owned());
        hooks.push(work::ping(app));
    }
    let body = shown(app);
    drop(state);
    deliver_later(&ask.inner, hooks);
    ok(&body)
}

/// Newest first, in pages that a cursor leads through.
pub(in super::super) async fn list(ask: Ask) -> Answer {
    let app = ask.caller.require_app()?;
    let size = ask.number("per_page", 30).clamp(1, 100);
    let cursor: u64 = match ask.ask("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
    };
    let state = ask.inner.state();
    let wanted = |found: &&HookDelivery| {
        let ok = (200..300).contains(&found.status_code);
        let asked = ask.ask("status").is_none_or(|status| (status == "success") == ok);
        found.app == app && found.id < cursor && asked
    };
    let mut rest = state.deliveries.iter().rev().filter(wanted);
    let shown: Vec<_> = rest.by_ref().take(size).collect();
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
    if let (Some(last), Some(_)) = (shown.last(), rest.next()) {
        let query = ask.query_with(&[("cursor", &last.id.to_string())]);
        let url = ask.inner.api("/app/hook/deliveries");
        insert(&mut headers, header::LINK, &format!("<{url}?{query}>; rel=\"next\""));
    }
    let body: Vec<_> = shown.into_iter().map(render::delivery).collect();
    Ok((headers, Value::from(body).to_string()).into_response())
}

fn bad_cursor() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "Invalid cursor")
}

fn one(ask: &Ask) -> Result<HookDelivery, Failure> {
    let app = ask.caller.require_app()?;
    let state = ask.inner.state();
    let id = ask.id("delivery_id");
    let found = state.deliveries.iter().find(|found| found.id == id && found.app == app);
    found.cloned().ok_or_else(Failure::not_found)
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    ok(&render::delivery_in_full(&one(&ask)?))
}

pub(in super::super) async fn redeliver(ask: Ask) -> Answer {
    let hook = Hook::again(&one(&ask)?);
    deliver_later(&ask.inner, vec![hook]);
    reply(StatusCode::ACCEPTED, &json!({}))
}
