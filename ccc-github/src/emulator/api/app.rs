//! The App itself, and the last step of making one from a manifest.

use axum::http::StatusCode;
use serde_json::json;

use super::super::answer::{Answer, Failure, ok, reply};
use super::super::render::{self, with};
use super::super::routes::Ask;

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let id = ask.caller.require_app()?;
    let state = ask.inner.state();
    let app = state.app(id).ok_or_else(Failure::not_found)?;
    ok(&render::app(&ask.inner, &state, app))
}

pub(in super::super) async fn show_by_slug(ask: Ask) -> Answer {
    let state = ask.inner.state();
    let app = state.apps.iter().find(|app| app.slug == ask.param("app_slug"));
    ok(&render::app(&ask.inner, &state, app.ok_or_else(Failure::not_found)?))
}

/// Hands out an App's credentials once (GitHub docs, "Registering a GitHub App from a manifest").
pub(in super::super) async fn convert(ask: Ask) -> Answer {
    let mut state = ask.inner.state();
    let id = state.codes.remove(ask.param("code")).ok_or_else(Failure::not_found)?;
    let app = state.app(id).ok_or_else(Failure::not_found)?;
    let text = |secret: &ccc_core::Secret| secret.expose_str().unwrap_or_default().to_owned();
    let body = with(
        render::app(&ask.inner, &state, app),
        json!({
            "client_id": app.client_id,
            "client_secret": text(&app.client_secret),
            "webhook_secret": text(&app.webhook_secret),
            "pem": text(&app.key.pem),
        }),
    );
    reply(StatusCode::CREATED, &body)
}
