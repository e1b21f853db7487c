//! `/config`: the Apps that are kept, for whoever has the admin token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ccc_core::{Clock, SystemClock};
use ccc_github::MAX_CONFIG;
use serde_json::json;

use super::KeptApp;

/// How long a body may take to arrive.
const READ_WITHIN: Duration = Duration::from_secs(8);

/// `GET`, `POST` and `DELETE` of `/config`. What was changed is used when this has answered.
pub(crate) async fn config(State(app): State<Arc<KeptApp>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    // Before anything is read of what a stranger sends.
    if !app.admin().is_some_and(|admin| admin.admits(&head.headers)) {
        let line = "send the admin token as `Authorization: Bearer …`; `ccc config admin-token` makes a new one";
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, refuse(StatusCode::UNAUTHORIZED, line)).into_response();
    }
    let body = tokio::select! {
        body = to_bytes(body, MAX_CONFIG) => body,
        () = SystemClock.sleep(READ_WITHIN) => {
            return refuse(StatusCode::REQUEST_TIMEOUT, "the body took longer than 8 seconds");
        }
    };
    let Ok(body) = body else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "an App's configuration has 64 KiB at most");
    };
    let answer = app.apps.answer(&head.method, head.uri.query(), &body).await;
    if head.method != Method::GET && answer.status().is_success() {
        app.look().await;
    }
    answer.map(Body::from)
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
