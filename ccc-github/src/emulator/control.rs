//! `/_emulator/…`: what programs in any language change and look at, as JSON.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ccc_core::event::ActorKind;
use ccc_core::vcs::Permission;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::Fault;
use super::records::{Call, HookDelivery, TokenInfo};
use super::routes::ROUTES;
use super::{Inner, git::Git, pages, seeding, work};

const MAX_BODY: usize = 4 * 1024 * 1024;

type Done = Result<Value, (StatusCode, String)>;

pub(super) async fn answer(inner: &Arc<Inner>, path: &str, request: Request<Body>) -> Response {
    if !is_from_here(inner, request.headers()) {
        return refused();
    }
    let (head, body) = request.into_parts();
    let parts: Vec<&str> = path.split('/').collect();
    if head.method == Method::GET && pages::wants_html(&head.headers) {
        return pages::record(inner, &parts);
    }
    let body = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let done = match head.method {
        Method::GET => look(inner, &parts),
        _ => change(inner, &head.method, &parts, &body).await,
    };
    match done {
        Ok(Value::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(body) => (StatusCode::OK, axum::Json(body)).into_response(),
        Err((status, why)) => (status, axum::Json(json!({ "message": why }))).into_response(),
    }
}

pub(super) fn refused() -> Response {
    let why = "this is not the address that the emulator was started with";
    (StatusCode::FORBIDDEN, why).into_response()
}

/// Whether no page of somebody else's asks: by another name for this machine, or from another origin.
pub(super) fn is_from_here(inner: &Inner, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default());
    let place = |origin: &str| origin.split("://").nth(1).unwrap_or_default().to_owned();
    is_by_our_name(inner, headers) && origin.is_none_or(|origin| is_us(inner, &place(origin)))
}

/// Whether the request was sent to a name of ours, and not to one that somebody pointed here.
pub(super) fn is_by_our_name(inner: &Inner, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.is_some_and(|host| is_us(inner, host))
}

fn is_us(inner: &Inner, host: &str) -> bool {
    let port = inner.host.rsplit(':').next().unwrap_or_default();
    let public = inner.base_url.split("://").nth(1).unwrap_or_default();
    host == inner.host
        || host == public
        || host == format!("localhost:{port}")
        || host == format!("127.0.0.1:{port}")
}

fn look(inner: &Inner, parts: &[&str]) -> Done {
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
    let why =
        "there is nothing at this path: see \"A GitHub for your own App\" in the README of ccc";
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
struct Failing {
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
    cut: Option<Where>,
    /// Whether the request is carried out first.
    #[serde(default)]
    after: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Where {
    Before,
    Middle,
    After,
}

fn one() -> usize {
    1
}

impl Failing {
    fn fault(self) -> Fault {
        let fault = Fault::on(&self.method, &self.path).times(self.count).skip(self.skip);
        let fault = match (self.delay_ms, self.cut, self.body) {
            (Some(ms), _, _) => fault.delay(Duration::from_millis(ms)),
            (_, Some(Where::Before), _) => fault.cut(),
            (_, Some(Where::Middle), _) => fault.cut_in_the_middle(),
            (_, Some(Where::After), _) => fault.cut().after_the_effect(),
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

async fn change(inner: &Arc<Inner>, method: &Method, parts: &[&str], body: &[u8]) -> Done {
    let failed = |e: ccc_core::Error| (StatusCode::UNPROCESSABLE_ENTITY, e.to_string());
    match (method.as_str(), parts) {
        ("POST", ["users"]) => {
            let user: User = read(body)?;
            let kind = user.kind.unwrap_or(ActorKind::User);
            let user = inner.state().add_user(&user.login, kind);
            Ok(json!({ "id": user.id, "login": user.login }))
        }
        ("POST", ["repositories"]) => {
            let new: Repository = read(body)?;
            let repo = seeding::add_repository(inner, &new.owner, &new.name, None).await;
            let repo = repo.map_err(failed)?;
            if !new.empty {
                let readme = format!("# {}\n", new.name);
                let file = ("README.md", readme.as_bytes());
                let git = Git::of(inner, repo.id);
                git.write_file(("main", ""), file, "Initial commit").await.map_err(failed)?;
                work::branches_moved(inner, repo.id).await;
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
            let failing: Failing = read(body)?;
            inner.state().faults.push(failing.fault());
            Ok(Value::Null)
        }
        ("DELETE", ["faults"]) => {
            inner.state().faults.clear();
            Ok(Value::Null)
        }
        _ => Err(unknown()),
    }
}
