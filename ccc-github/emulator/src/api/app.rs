//! GitHub Apps, and the conversion of a manifest code into credentials.

use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::failure::Failure;
use crate::render::{self, merge};
use crate::request::ApiRequest;
use crate::response::{Answer, ok, reply};

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let id = request.caller.require_app()?;
    let state = request.inner.state();
    let app = state.app(id).ok_or_else(Failure::not_found)?;
    ok(&render::app(&request.inner, &state, app))
}

pub(crate) async fn show_by_slug(request: ApiRequest) -> Answer {
    let state = request.inner.state();
    let app = state.apps.iter().find(|app| app.slug == request.path_param("app_slug"));
    ok(&render::app(&request.inner, &state, app.ok_or_else(Failure::not_found)?))
}

/// Exchanges the manifest code in the request path for the credentials of the GitHub App that the
/// code belongs to. Each code is valid only once (GitHub docs, "Registering a GitHub App from a
/// manifest").
pub(crate) async fn convert(request: ApiRequest) -> Answer {
    let mut state = request.inner.state();
    let id = state.codes.remove(request.path_param("code")).ok_or_else(Failure::not_found)?;
    let app = state.app(id).ok_or_else(Failure::not_found)?;
    let body = merge(
        render::app(&request.inner, &state, app),
        json!({
            "client_id": app.client_id,
            "client_secret": app.client_secret.expose_secret(),
            "webhook_secret": app.webhook_secret.expose_secret(),
            "pem": app.key.pem.expose_secret(),
        }),
    );
    reply(StatusCode::CREATED, &body)
}
