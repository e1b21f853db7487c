//! The routes, the record of what was asked, and the form of refusals.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::Json;
use serde_json::json;

use super::state::{Call, Shared};
use super::{app, auth, git, issues, pulls, repositories};

/// A pack that is pushed must fit.
const MAX_BODY: usize = 512 << 20;

/// GitHub's way of saying no: a status, and a message in JSON.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 422, with the one error that it is about.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }
}

impl From<ccc_core::Error> for Refusal {
    fn from(error: ccc_core::Error) -> Self {
        match error.kind() {
            ccc_core::ErrorKind::NotFound => Self::not_found(),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let docs = "https://docs.github.com/rest";
        let mut body = json!({ "message": self.message, "documentation_url": docs });
        if self.status == StatusCode::UNPROCESSABLE_ENTITY {
            body = json!({
                "message": "Validation Failed",
                "errors": [{ "resource": "PullRequest", "code": "custom", "message": self.message }],
                "documentation_url": docs,
            });
        }
        (self.status, Json(body)).into_response()
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let repository = Router::new()
        .route("/", get(repositories::show))
        .route("/installation", get(app::installation))
        .route("/collaborators/{login}/permission", get(repositories::permission))
        .route("/contents/{*path}", get(repositories::contents))
        .route("/issues", post(issues::create))
        .route("/issues/{number}", get(issues::show))
        .route("/issues/{number}/comments", get(issues::list_comments).post(issues::create_comment))
        .route("/issues/{number}/reactions", post(issues::react))
        .route("/issues/comments/{id}", patch(issues::edit_comment))
        .route("/issues/comments/{id}/reactions", post(issues::react))
        .route("/pulls", get(pulls::list).post(pulls::create));
    Router::new()
        .route("/", get(repositories::index))
        .route("/app", get(app::show))
        .route("/app/installations/{id}/access_tokens", post(app::mint))
        .route("/app/hook/deliveries", get(app::deliveries))
        .route("/app/hook/deliveries/{id}/attempts", post(app::redeliver))
        .route("/installation/token", delete(app::revoke))
        .route("/users/{login}", get(app::user))
        .nest("/repos/{owner}/{name}", repository)
        .route("/{owner}/{name}/info/refs", get(git::serve))
        .route("/{owner}/{name}/git-upload-pack", post(git::serve))
        .route("/{owner}/{name}/git-receive-pack", post(git::serve))
        .fallback(|| async { Refusal::not_found() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), record))
        .with_state(shared)
}

/// Writes every request down, and answers those that are to go wrong.
async fn record(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    // The answer may end the token that asked.
    let who = auth::who(&shared, request.headers());
    let query = request.uri().query().filter(|query| query.starts_with("service=git"));
    let shown = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let fault = {
        let mut state = shared.state();
        let fault = state
            .faults
            .iter_mut()
            .find(|fault| fault.count > 0 && fault.method == method && path.starts_with(&fault.path));
        fault.map(|fault| {
            fault.count -= 1;
            fault.status
        })
    };
    let mut response = match fault.map(StatusCode::from_u16) {
        Some(status) => {
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Refusal::new(status, "planned fault").into_response()
        }
        None => next.run(request).await,
    };
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        response.headers_mut().insert("x-github-request-id", id);
    }
    let status = response.status().as_u16();
    shared.state().calls.push(Call { method, path: shown, who, status });
    response
}
