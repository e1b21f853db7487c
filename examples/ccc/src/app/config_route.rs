//! The route `/config`: access to the stored GitHub Apps for the holder of the admin token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ccc_core::{Clock, SystemClock};
use ccc_github::MAX_CONFIG;
use futures_util::StreamExt as _;
use serde_json::json;
use zeroize::Zeroizing;

use crate::app::stored_app::StoredApp;
use crate::remedy::describe;

/// Time limit for receiving the body of a request.
const BODY_DEADLINE: Duration = Duration::from_secs(8);

/// Answers `GET`, `POST` and `DELETE /config`. A change takes effect before the response is sent.
/// `usedAppId` in the response is the ID of the GitHub App that the service uses.
pub(crate) async fn handle_config(
    State(app): State<Arc<StoredApp>>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    // The token is checked before the body is read, because the sender is not trusted.
    let admitted = match app.admit(&head.headers).await {
        Ok(admitted) => admitted,
        Err(error) => {
            tracing::error!(
                "cannot load the admin token from the credential store: {}",
                describe(&error)
            );
            return refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "the credential store of the service does not answer: try again",
            );
        }
    };
    let Some(admitted) = admitted else {
        let line = "the request has no valid admin token: send the token in the header `Authorization: Bearer …`, or issue \
                    a new token with `ccc config admin-token`";
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, refuse(StatusCode::UNAUTHORIZED, line)).into_response();
    };
    let announced = head.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_CONFIG as u64) {
        return too_large();
    }
    let body = tokio::select! {
        body = read(body) => body,
        () = SystemClock.sleep(BODY_DEADLINE) => {
            let line = format!("the body of the request was not received within {} seconds", BODY_DEADLINE.as_secs());
            Err(refuse(StatusCode::REQUEST_TIMEOUT, &line))
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let answered = async move {
        let mut answer = app.apps.answer(admitted, &head.method, head.uri.query(), &body).await;
        // The App is reloaded even after a server error, because the store can have failed after it
        // had applied the change.
        if head.method != Method::GET && !answer.status.is_client_error() {
            app.reload_and_log().await;
        }
        if answer.status.is_success() {
            answer = answer.with_field("usedAppId", app.app_id());
        }
        answer.into_response().map(Body::from)
    };
    // The request is executed in a separate task: if the client disconnects, a stored App must
    // still take effect.
    #[allow(clippy::disallowed_methods, reason = "this code is never part of a Worker")]
    let answered = tokio::spawn(answered).await;
    answered.unwrap_or_else(|_| {
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "the request failed: see the log of the service")
    })
}

/// Reads the whole `body`, which can have at most [`MAX_CONFIG`] bytes. If `body` is larger or
/// cannot be read, returns the response that refuses the request.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Response> {
    // The full capacity is allocated at once: a vector that grows leaves copies of secrets in memory.
    let mut whole = Zeroizing::new(Vec::with_capacity(MAX_CONFIG));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            refuse(StatusCode::BAD_REQUEST, "the body of the request could not be read")
        })?;
        if whole.len() + chunk.len() > MAX_CONFIG {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

fn too_large() -> Response {
    refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body of the request is larger than 64 KiB, the limit for the configuration of an App",
    )
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
