//! The routes of the service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::map_request;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;

use crate::app;
use crate::health::check;
use crate::http::drain_body;
use crate::service::Service;

/// Returns a router with every route of the service.
///
/// | route | answer |
/// |---|---|
/// | `GET /` | name, version and routes, as JSON |
/// | `GET /health` | 200 or 503, and JSON: `status`, `version`, `app_id`, `runs_in_flight`, `uptime_seconds`, `disk_free_bytes`, `memory_bytes`, `cpu_seconds`, `warnings`, and `checks`, in which each check is `ok` or the reason for its failure |
/// | `POST /webhook/github` | 202 with the id of the run, or 200 for an ignored delivery |
/// | `GET`, `POST`, `DELETE /config` | the stored Apps, for the holder of the admin token |
/// | other paths | 404 |
///
/// The webhook route is missing if the service has a VCS host other than GitHub. `/config` is
/// missing if the service does not store its GitHub App.
///
/// Mount this router with [`Router::nest`] under a dedicated path: `Router::new().nest("/claude",
/// router(service))`. GitHub then sends deliveries to `/claude/webhook/github`. Do not use
/// [`Router::merge`], which panics if both routers have a fallback or the same route.
///
/// The routes limit the size of a request body and the time to receive it. They read and discard the
/// rest of a refused body, so that the client receives the response (spec: W1e).
/// [`Service::serve_http`] also limits the number of connections and the size of request heads. With
/// a different HTTP server, set such limits in that server.
pub fn router(service: Service) -> Router {
    let inner = &service.inner;
    let webhook = inner.webhook.as_ref().map(|webhook| {
        ccc_github::router(Arc::clone(webhook), service.intake(), Arc::clone(&inner.clock))
    });
    let config = inner.app.as_ref().map(|app| {
        Router::new().route("/config", any(app::handle_config)).with_state(Arc::clone(app))
    });
    Router::new()
        .route("/", get(information))
        .route("/health", get(health))
        .with_state(service)
        .merge(config.unwrap_or_default())
        .merge(webhook.unwrap_or_default())
        .fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                Json(json!({ "error": "the service has no route with this path" })),
            )
        })
        .layer(map_request(async |request| drain_body(request)))
}

/// Answers `GET /` with the name, the version, the adapters and the routes of the service.
async fn information(State(service): State<Service>) -> impl IntoResponse {
    let pipeline = service.inner.dispatcher.pipeline();
    let mut routes = vec!["GET /", "GET /health"];
    if service.inner.webhook.is_some() {
        routes.push("POST /webhook/github");
    }
    if service.inner.app.is_some() {
        routes.extend(["GET /config", "POST /config", "DELETE /config"]);
    }
    Json(json!({
        "name": "ccc",
        "version": env!("CARGO_PKG_VERSION"),
        "host": pipeline.host().name(),
        "runner": pipeline.runner().name(),
        "isolated": pipeline.runner().capabilities().isolated,
        "routes": routes,
    }))
}

/// Answers `GET /health` with the results of the health checks.
async fn health(State(service): State<Service>) -> impl IntoResponse {
    let (healthy, body) = check(&service.inner).await;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body))
}
