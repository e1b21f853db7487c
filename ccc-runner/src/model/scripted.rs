//! A fake of the model's API that follows a scenario.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use serde_json::{Value, json};

mod scenario;

use scenario::{Scenario, Turn};

use crate::lock::lock;
use crate::model::http_server::{self, Server};

/// Maximum size of a request's body, in bytes.
const MAX_BODY: usize = 32 << 20;
/// Headers that carry a credential.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "x-api-key"];
/// Maximum number of recorded requests.
const MAX_SEEN: usize = 1_000;

/// A fake of the model's API, for demos and tests. A scenario specifies the fake's answers. A real
/// agent that uses this fake executes real tools and edits real files. The fake needs no account,
/// costs nothing, and always gives the same answers.
///
/// The fake is a server on loopback that implements the Messages API. It answers a request with one
/// turn of the scenario. If the conversation contains n messages of the model, the answer is the
/// turn with the number n + 1. A request without tools, for example for a title, receives a fixed
/// answer and uses no turn. After the last turn, the answer is `Done.`
///
/// ```toml
/// [[turn]]
/// think = "The factor is upside down."
/// say = "I look at the code first."
/// use = [{ tool = "Read", input = { file_path = "temperature.py" } }]
///
/// [[turn]]
/// fail = { status = 529, times = 2 }   # overloaded twice, then the answer below
/// wait = 0.5                           # seconds before the answer
/// say = "Done."
/// tokens = { input = 1200, output = 80 }
///
/// # The connection breaks in the middle of this turn's first answer. With "stall" instead of
/// # "cut", the answer stops in the middle, but the connection stays open.
/// [[turn]]
/// end = "cut"
/// say = "I was going to say"
///
/// [[model."claude-haiku-*".turn]]      # separate turns for these models
/// say = "No."
/// ```
#[derive(Debug)]
pub struct ScriptedModel {
    inner: Arc<Inner>,
    url: String,
    _server: Server,
}

#[derive(Debug)]
struct Inner {
    scenario: Scenario,
    key: Secret,
    state: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    seen: Vec<SeenRequest>,
    /// The number of requests so far for each turn. The key contains the ID of the conversation and
    /// the index of the turn.
    asked: HashMap<(String, usize), u32>,
}

/// A request that a [`ScriptedModel`] received and recorded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenRequest {
    /// The path and the query of the request's URL.
    pub path: String,
    /// All headers of the request, including those that contain the credential. `Debug` hides the
    /// credential.
    pub headers: HeaderMap,
    /// The body of the request.
    pub body: Bytes,
}

impl ScriptedModel {
    /// Reads a scenario from the TOML file `path`, and starts the server on a free port of
    /// 127.0.0.1. The server stops when the returned value is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the file cannot be read, and the errors of
    /// [`start`](Self::start).
    pub async fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| {
            let line = format!("cannot read the scenario {} of the scripted model", path.display());
            Error::new(ErrorKind::NotFound, line).with_source(e)
        })?;
        Self::start(&text).await
    }

    /// Starts the server on a free port of 127.0.0.1. `scenario` is the text of a scenario in TOML.
    /// The server stops when the returned value is dropped.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] if the scenario is invalid (the message contains the line
    ///   number).
    /// - [`ErrorKind::Unavailable`] if no port is available or the operating system provides no
    ///   random bytes.
    pub async fn start(scenario: &str) -> Result<Self> {
        let scenario = Scenario::parse(scenario)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "the operating system provides no random bytes")
                .with_source(e)
        })?;
        let key = Secret::from(format!("scripted-{}", hex::encode(random)));
        let inner = Arc::new(Inner { scenario, key, state: Mutex::default() });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let server = http_server::on_loopback(app).await?;
        Ok(Self { inner, url: format!("http://{}", server.address), _server: server })
    }

    /// Returns the server's URL, without a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the only API key that the server accepts, in the header `x-api-key` or as
    /// `Authorization: Bearer`.
    #[must_use]
    pub fn key(&self) -> &Secret {
        &self.inner.key
    }

    /// Returns the recorded requests, the oldest first. Only the first 1,000 requests are recorded.
    #[must_use]
    pub fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.inner.state).seen.clone()
    }
}

impl Inner {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let bearer = [b"Bearer ", self.key.expose()].concat();
        let is = |name: &str, value: &[u8]| {
            headers.get(name).is_some_and(|shown| shown.as_bytes() == value)
        };
        is("x-api-key", self.key.expose()) || is("authorization", &bearer)
    }

    /// Counts a request for the turn with the index `at` in `conversation`. Returns the number of
    /// earlier requests for the same turn of the same conversation.
    fn asked_before(&self, conversation: String, at: usize) -> u32 {
        let mut memory = lock(&self.state);
        let asked = memory.asked.entry((conversation, at)).or_default();
        *asked += 1;
        *asked - 1
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |all| all.as_str()).to_owned();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large");
    };
    let mut headers = parts.headers.clone();
    // `Debug` hides the values of headers that are marked as sensitive.
    for (_, value) in
        headers.iter_mut().filter(|(name, _)| CREDENTIAL_HEADERS.contains(&name.as_str()))
    {
        value.set_sensitive(true);
    }
    let seen = SeenRequest { path, headers, body: body.clone() };
    {
        let mut memory = lock(&inner.state);
        if memory.seen.len() < MAX_SEEN {
            memory.seen.push(seen);
        }
    }
    if matches!(parts.method, Method::HEAD | Method::GET) && parts.uri.path() == "/" {
        return StatusCode::OK.into_response();
    }
    if !inner.knows(&parts.headers) {
        return refusal(StatusCode::UNAUTHORIZED, "authentication_error");
    }
    let Ok(request_body) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request_error");
    };
    match parts.uri.path() {
        "/v1/messages" => message(&inner, &parts.headers, &request_body).await,
        "/v1/messages/count_tokens" => {
            axum::Json(json!({ "input_tokens": body.len() / 4 })).into_response()
        }
        _ => refusal(StatusCode::NOT_FOUND, "not_found_error"),
    }
}

async fn message(inner: &Inner, headers: &HeaderMap, request_body: &Value) -> Response {
    let model = request_body["model"].as_str().unwrap_or_default();
    let has_tools = request_body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let messages = request_body["messages"].as_array().into_iter().flatten();
    let at = messages.filter(|message| message["role"] == "assistant").count();
    let done = Turn::done();
    let turn = if has_tools { inner.scenario.turns(model).get(at).unwrap_or(&done) } else { &done };
    let conversation = headers.get("x-claude-code-session-id");
    let conversation = conversation.map_or("", |id| id.to_str().unwrap_or("")).to_owned();
    let asked = inner.asked_before(conversation, at);
    if let Some(status) = turn.fails(asked) {
        let kind = match status.as_u16() {
            429 => "rate_limit_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        return refusal(status, kind);
    }
    if let Some(wait) = turn.wait() {
        SystemClock.sleep(wait).await;
    }
    if request_body["stream"].as_bool().unwrap_or(false) {
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        (kind, Body::from_stream(turn.events(model, at, asked))).into_response()
    } else {
        axum::Json(turn.message(model, at)).into_response()
    }
}

fn refusal(status: StatusCode, kind: &str) -> Response {
    let message = "the scripted model refused the request";
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, axum::Json(body)).into_response()
}
