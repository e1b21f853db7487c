//! A proxy between a client and an emulator. It sends each call through Prism, which validates the
//! request and the response against GitHub's OpenAPI description.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use ccc_github::http::{Http as _, ReqwestHttp};
use github_emulator::Emulator;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::tour::DELIVERIES;
use super::{has, packages, serve};

/// A method and a path template of GitHub's description.
pub(crate) type Route = (&'static str, &'static str);

/// Parameters that extend to the end of the path. Prism supports them only as one path segment.
const MULTI_SEGMENT: [&str; 3] = ["{path}", "{ref}", "{branch}"];
/// Headers that are not forwarded, because they belong to one connection or report Prism's result.
const NOT_PASSED_ON: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("sl-violations"),
];

/// A running Prism process. All tests share one.
#[derive(Debug)]
pub(crate) struct Prism {
    url: String,
    /// The declared statuses of each route, and whether their responses are JSON. A route that
    /// GitHub does not describe has no statuses.
    pub(crate) answers: BTreeMap<Route, BTreeMap<u16, bool>>,
    /// The process. It ends when its input is closed, which happens when the test process ends.
    _process: Child,
}

/// Returns the shared Prism process, or `None` if Prism is not installed.
pub(crate) async fn prism() -> Option<&'static Prism> {
    static PRISM: LazyLock<Option<Prism>> = LazyLock::new(|| {
        has("prism", &["@octokit/openapi", "@stoplight/prism-cli"]).then(Prism::start)
    });
    tokio::task::spawn_blocking(|| PRISM.as_ref()).await.unwrap()
}

impl Prism {
    fn start() -> Self {
        #[derive(Deserialize)]
        struct Started {
            url: String,
            answers: Vec<BTreeMap<u16, bool>>,
        }
        let mut child = Command::new("node")
            .args(["--input-type=module", "--eval", include_str!("judge.mjs")])
            .current_dir(packages())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let routes = Emulator::routes();
        let input = child.stdin.as_mut().unwrap();
        writeln!(input, "{}", json!({ "routes": routes, "deliveries": DELIVERIES })).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Started = serde_json::from_str(&line).unwrap();
        Self {
            url: started.url,
            answers: routes.into_iter().zip(started.answers).collect(),
            _process: child,
        }
    }

    /// Returns the route of a request, and its path in the form that Prism supports.
    pub(crate) fn route(&self, method: &str, path: &str) -> Option<(Route, String)> {
        let parts: Vec<&str> = path.split('/').collect();
        self.answers.keys().filter(|(verb, _)| *verb == method).find_map(|route| {
            let pattern: Vec<&str> = route.1.split('/').collect();
            let last = *pattern.last()?;
            let is_multi_segment = MULTI_SEGMENT.contains(&last) && parts.len() >= pattern.len();
            let fits = is_multi_segment || parts.len() == pattern.len();
            let same = std::iter::zip(&pattern, &parts)
                .all(|(wanted, part)| wanted.starts_with('{') || wanted == part);
            let (head, tail) = parts.split_at(pattern.len().min(parts.len()) - 1);
            (fits && same).then(|| (*route, format!("{}/{}", head.join("/"), tail.join("%2F"))))
        })
    }
}

/// A call, and the result of Prism's validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The route of the call. `None` if it is not in GitHub's REST API, so that Prism did not see
    /// it.
    pub(crate) route: Option<Route>,
    pub(crate) call: String,
    pub(crate) status: u16,
    /// Whether the description declares the status for the route. GitHub also returns undeclared
    /// ones.
    pub(crate) declared: bool,
    pub(crate) violations: Vec<String>,
}

/// A validating proxy, which clients send their calls to.
///
/// # Panics
/// Dropping it panics if there are violations that [`take_violations`](Self::take_violations) did
/// not return.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) url: String,
    way: Arc<Way>,
    _server: JoinSet<()>,
}

/// The shared state of a proxy.
#[derive(Debug)]
struct Way {
    prism: &'static Prism,
    http: ReqwestHttp,
    upstream: OnceLock<String>,
    seen: Mutex<Vec<Judged>>,
}

impl Judge {
    /// Starts a proxy. Returns `None` if Prism is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let (upstream, seen) = (OnceLock::new(), Mutex::default());
        let http = ReqwestHttp::direct().unwrap();
        let way = Arc::new(Way { prism: prism().await?, http, upstream, seen });
        let app = axum::Router::new().fallback(pass).with_state(Arc::clone(&way));
        let (address, server) = serve(app).await;
        Some(Self { url: format!("http://{address}"), way, _server: server })
    }

    /// Sets the address and port that calls are forwarded to.
    pub(crate) fn judge(&self, upstream: impl std::fmt::Display) {
        self.way.upstream.set(format!("http://{upstream}")).unwrap();
    }

    /// Validates a delivery. `name` is its event and action, such as `issues-opened`.
    pub(crate) async fn deliver(&self, name: &str, headers: &HeaderMap, body: Bytes) {
        let url = format!("{}/_webhooks/{name}", self.way.prism.url);
        let mut request = axum::http::Request::post(url).body(body).unwrap();
        *request.headers_mut() = passed_on(headers);
        let answer = self.way.http.send(request).await.unwrap();
        self.way.seen.lock().unwrap().push(Judged {
            route: None,
            call: format!("delivery {name}"),
            status: answer.status().as_u16(),
            declared: true,
            violations: violations(&answer),
        });
    }

    /// Returns all calls so far.
    pub(crate) fn seen(&self) -> Vec<Judged> {
        self.way.seen.lock().unwrap().clone()
    }

    /// Removes and returns the calls that violate the description, so that dropping the proxy does
    /// not panic.
    pub(crate) fn take_violations(&self) -> Vec<Judged> {
        let mut seen = self.way.seen.lock().unwrap();
        seen.extract_if(.., |judged| !judged.violations.is_empty()).collect()
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let found = self.take_violations();
        let lines = found.iter().map(|judged| {
            format!("\n{} {}: {}", judged.status, judged.call, judged.violations.join("; "))
        });
        let lines: String = lines.collect();
        if std::thread::panicking() {
            eprintln!("violations of GitHub's description:{lines}");
        } else {
            assert!(found.is_empty(), "violations of GitHub's description:{lines}");
        }
    }
}

async fn pass(State(way): State<Arc<Way>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let upstream = way.upstream.get().unwrap();
    let found = way.prism.route(method, path);
    let (server, path) = match &found {
        Some((_, path)) => (&way.prism.url, path.as_str()),
        None => (upstream, path),
    };
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut onward = axum::http::Request::builder()
        .method(head.method.clone())
        .uri(format!("{server}{path}{query}"))
        .body(body)
        .unwrap();
    *onward.headers_mut() = passed_on(&head.headers);
    onward.headers_mut().insert("x-upstream", upstream.parse().unwrap());
    let answer = match way.http.send(onward).await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let status = answer.status();
    let route = found.map(|(route, _)| route);
    way.seen.lock().unwrap().push(Judged {
        route,
        call: format!("{method} {}", head.uri),
        status: status.as_u16(),
        declared: route
            .is_none_or(|route| way.prism.answers[&route].contains_key(&status.as_u16())),
        violations: violations(&answer),
    });
    let mut headers = passed_on(answer.headers());
    // The script renamed this header, because Prism would have followed the redirect.
    if let Some(location) = headers.remove("x-location") {
        headers.insert(header::LOCATION, location);
    }
    (status, headers, Body::from(answer.into_body())).into_response()
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in NOT_PASSED_ON {
        headers.remove(name);
    }
    headers
}

/// Returns the violations that Prism reports. If there are any, the response is Prism's own.
fn violations(answer: &axum::http::Response<Bytes>) -> Vec<String> {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.unwrap_or_default().starts_with("application/problem+json") {
        return Vec::new();
    }
    let problem: Value = serde_json::from_slice(answer.body()).unwrap();
    let found = problem["validation"].as_array().into_iter().flatten();
    let found: Vec<_> = found.map(|found| found["message"].as_str().unwrap().to_owned()).collect();
    if found.is_empty() { vec![problem.to_string()] } else { found }
}
