//! The routes of the service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use ccc_core::Intake;
use serde_json::json;

use crate::app;
use crate::health::check;
use crate::service::Service;

/// Returns a router with every route of the service.
pub fn router(service: Service) -> Router {
    let inner = &service.inner;
    let intake = Arc::clone(&inner.dispatcher) as Arc<dyn Intake>;
    let webhook = ccc_github::router(Arc::clone(&inner.webhook), intake, Arc::clone(&inner.clock));
    let config = inner.app.as_ref().map(|app| {
        Router::new().route("/config", any(app::handle_config)).with_state(Arc::clone(app))
    });
    Router::new()
        .route("/", get(information))
        .route("/health", get(health))
        .with_state(service)
        .merge(config.unwrap_or_default())
        .merge(webhook)
        .fallback(|| async {
            (StatusCode::NOT_FOUND, Json(json!({ "error": "there is nothing at this path" })))
        })
}

/// Answers `GET /` with information about the service.
async fn information(State(service): State<Service>) -> impl IntoResponse {
    let pipeline = service.inner.dispatcher.pipeline();
    let mut routes = vec!["GET /", "GET /health", "POST /webhook/github"];
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
