//! The webhook configuration of a GitHub App, and the log of its deliveries.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use crate::activity;
use crate::app::App;
use crate::failure::{Failure, insert};
use crate::records::HookDelivery;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, ok, reply};
use crate::webhooks::{PendingDelivery, deliver_later};

fn shown(app: &App) -> Value {
    let mut config = json!({ "content_type": "json", "insecure_ssl": "0", "secret": "********" });
    if let Some(url) = &app.webhook_url {
        config["url"] = url.as_str().into();
    }
    config
}

pub(crate) async fn config(request: ApiRequest) -> Answer {
    let id = request.caller.require_app()?;
    let state = request.inner.state();
    ok(&shown(state.app(id).ok_or_else(Failure::not_found)?))
}

pub(crate) async fn change_config(request: ApiRequest) -> Answer {
    let id = request.caller.require_app()?;
    let mut state = request.inner.state();
    let app = state.apps.iter_mut().find(|app| app.id == id).ok_or_else(Failure::not_found)?;
    if let Some(secret) = request.text("secret") {
        app.webhook_secret = secret.into();
    }
    let mut hooks = Vec::new();
    if let Some(url) = request.text("url") {
        app.webhook_url = Some(url.to_owned());
        hooks.push(activity::ping_event(app));
    }
    let body = shown(app);
    drop(state);
    deliver_later(&request.inner, hooks);
    ok(&body)
}

/// Responds with one page of the calling App's webhook deliveries, newest first. The header `Link`
/// contains the URL of the next page. The parameter `cursor` of this URL selects the next page.
pub(crate) async fn list(request: ApiRequest) -> Answer {
    let app = request.caller.require_app()?;
    let size = request.query_number("per_page", 30).clamp(1, 100);
    let cursor: u64 = match request.query_param("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
    };
    let state = request.inner.state();
    let wanted = |found: &&HookDelivery| {
        // An attempt without a response has the status 0 and belongs to neither class.
        let asked = match request.query_param("status") {
            Some("success") => (200..400).contains(&found.status_code),
            Some("failure") => (400..600).contains(&found.status_code),
            _ => true,
        };
        found.app == app && found.id < cursor && asked
    };
    let mut rest = state.deliveries.iter().rev().filter(wanted);
    let shown: Vec<_> = rest.by_ref().take(size).collect();
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
    if let (Some(last), Some(_)) = (shown.last(), rest.next()) {
        let query = request.query_with(&[("cursor", &last.id.to_string())]);
        let url = request.inner.api("/app/hook/deliveries");
        insert(&mut headers, header::LINK, &format!("<{url}?{query}>; rel=\"next\""));
    }
    let body: Vec<_> = shown.into_iter().map(render::delivery).collect();
    Ok((headers, Value::from(body).to_string()).into_response())
}

fn bad_cursor() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "Invalid cursor")
}

fn one(request: &ApiRequest) -> Result<HookDelivery, Failure> {
    let app = request.caller.require_app()?;
    let state = request.inner.state();
    let id = request.id("delivery_id");
    let found = state.deliveries.iter().find(|found| found.id == id && found.app == app);
    found.cloned().ok_or_else(Failure::not_found)
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    ok(&render::delivery_in_full(&one(&request)?))
}

pub(crate) async fn redeliver(request: ApiRequest) -> Answer {
    let hook = PendingDelivery::again(&one(&request)?);
    deliver_later(&request.inner, vec![hook]);
    reply(StatusCode::ACCEPTED, &json!({}))
}
