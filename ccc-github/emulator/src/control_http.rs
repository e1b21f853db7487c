//! The setup interface: JSON requests below `/_emulator/`, for programs in any language.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{ActorKind, Permission};
use crate::activity;
use crate::error::Error;
use crate::fault::Fault;
use crate::git::FileChange;
use crate::origin::{is_same_origin, refused};
use crate::pages;
use crate::records::{Call, HookDelivery, TokenInfo};
use crate::routes::ROUTES;
use crate::seed;
use crate::state::Inner;

/// Maximum size of the body of a setup request, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The body of a response to a setup request, or the status and the message of an error.
type Outcome = Result<Value, (StatusCode, String)>;

/// Returns the response to a setup request whose path is `/_emulator/` followed by `path`. Refuses
/// requests from web pages of other origins.
pub(crate) async fn answer(inner: &Arc<Inner>, path: &str, request: Request<Body>) -> Response {
    if !is_same_origin(inner, request.headers()) {
        return refused();
    }
    let (head, body) = request.into_parts();
    let parts: Vec<&str> = path.split('/').collect();
    if head.method == Method::GET && pages::wants_html(&head.headers) {
        return pages::record(inner, &parts);
    }
    let body = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let outcome = match head.method {
        Method::GET => inspect(inner, &parts),
        _ => change(inner, &head.method, &parts, &body).await,
    };
    match outcome {
        Ok(Value::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(body) => (StatusCode::OK, axum::Json(body)).into_response(),
        Err((status, why)) => (status, axum::Json(json!({ "message": why }))).into_response(),
    }
}

fn inspect(inner: &Inner, parts: &[&str]) -> Outcome {
    let state = inner.state();
    let whole = |value: serde_json::Result<Value>| {
        value.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
    };
    match parts {
        ["routes"] => Ok(ROUTES
            .iter()
            .map(|route| json!({ "method": route.method, "path": route.path }))
            .collect()),
        ["calls"] => whole(serde_json::to_value::<&VecDeque<Call>>(&state.calls)),
        ["tokens"] => {
            let all: Vec<&TokenInfo> = state.tokens.iter().map(|token| &token.info).collect();
            whole(serde_json::to_value(all))
        }
        ["deliveries"] => whole(serde_json::to_value::<&Vec<HookDelivery>>(&state.deliveries)),
        _ => Err(unknown()),
    }
}

fn unknown() -> (StatusCode, String) {
    let why = "no such route or repository: see \"Setup over HTTP\" in the README of the emulator";
    (StatusCode::NOT_FOUND, why.to_owned())
}

#[derive(Deserialize)]
struct User {
    login: String,
    #[serde(rename = "type")]
    kind: Option<ActorKind>,
}

#[derive(Deserialize)]
struct Repository {
    owner: String,
    name: String,
    #[serde(default)]
    empty: bool,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
struct Level {
    permission: Permission,
}

#[derive(Deserialize)]
struct Hook {
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    method: String,
    path: String,
    #[serde(default = "one")]
    count: usize,
    #[serde(default)]
    skip: usize,
    status: Option<u16>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
    content_type: Option<String>,
    delay_ms: Option<u64>,
    cut: Option<CutPoint>,
    /// Whether the emulator processes a matching request as usual before this fault changes the
    /// response.
    #[serde(default)]
    after: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CutPoint {
    Before,
    Middle,
    After,
}

fn one() -> usize {
    1
}

impl NewFault {
    fn into_fault(self) -> Fault {
        let fault = Fault::on(&self.method, &self.path).times(self.count).skip(self.skip);
        let fault = match (self.delay_ms, self.cut, self.body) {
            (Some(ms), _, _) => fault.delay(Duration::from_millis(ms)),
            (_, Some(CutPoint::Before), _) => fault.cut(),
            (_, Some(CutPoint::Middle), _) => fault.cut_in_the_middle(),
            (_, Some(CutPoint::After), _) => fault.cut().after_the_effect(),
            (_, _, Some(body)) => {
                let kind = self.content_type.as_deref().unwrap_or("application/json");
                fault.body(self.status.unwrap_or(200), kind, &body)
            }
            _ => {
                let fault = fault.status(self.status.unwrap_or(500));
                self.headers.iter().fold(fault, |fault, (name, value)| fault.header(name, value))
            }
        };
        if self.after { fault.after_the_effect() } else { fault }
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|e| (StatusCode::UNPROCESSABLE_ENTITY, e.to_string()))
}

async fn change(inner: &Arc<Inner>, method: &Method, parts: &[&str], body: &[u8]) -> Outcome {
    let failed = |e: Error| (StatusCode::UNPROCESSABLE_ENTITY, e.to_string());
    match (method.as_str(), parts) {
        ("POST", ["users"]) => {
            let user: User = read(body)?;
            let kind = user.kind.unwrap_or(ActorKind::User);
            let user = inner.state().add_user(&user.login, kind);
            Ok(json!({ "id": user.id, "login": user.login }))
        }
        ("POST", ["repositories"]) => {
            let new: Repository = read(body)?;
            let repo = seed::add_repository(inner, &new.owner, &new.name, None).await;
            let repo = repo.map_err(failed)?;
            if !new.empty {
                let readme = format!("# {}\n", new.name);
                let change = FileChange {
                    branch: "main",
                    start: "",
                    path: "README.md",
                    content: readme.as_bytes(),
                    message: "Initial commit",
                };
                inner.git(repo.id).write_file(&change).await.map_err(failed)?;
                activity::update_pull_requests(inner, repo.id).await;
            }
            if let Some(found) = inner.state().repo_mut(repo.id) {
                found.public = !new.private;
            }
            let url = inner.web(&format!("/{repo}.git"));
            Ok(json!({ "id": repo.id, "owner": repo.owner, "name": repo.name, "clone_url": url }))
        }
        ("PUT", ["repositories", owner, name, "permissions", login]) => {
            let level: Level = read(body)?;
            let mut state = inner.state();
            state.add_user(login, ActorKind::User);
            let repo = state.repo_named(owner, name).map(|repo| repo.id).ok_or_else(unknown)?;
            let repo = state.repo_mut(repo).ok_or_else(unknown)?;
            repo.permissions.insert(login.to_ascii_lowercase(), level.permission);
            Ok(Value::Null)
        }
        ("PUT", ["webhook"]) => {
            let hook: Hook = read(body)?;
            let mut state = inner.state();
            if let Some(app) = state.apps.iter_mut().find(|app| app.id == inner.app_id) {
                app.webhook_url = Some(hook.url);
            }
            Ok(Value::Null)
        }
        ("POST", ["faults"]) => {
            let fault: NewFault = read(body)?;
            inner.state().faults.push(fault.into_fault());
            Ok(Value::Null)
        }
        ("DELETE", ["faults"]) => {
            inner.state().faults.clear();
            Ok(Value::Null)
        }
        _ => Err(unknown()),
    }
}
