//! Git: smart HTTP through `git http-backend`, behind the token.

use std::path::Path as FsPath;
use std::process::Stdio;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use ccc_core::{Error, ErrorKind, Result};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::auth::{self, Credential};
use super::server::Refusal;
use super::state::Shared;

/// git, with no configuration but its repository's.
fn git() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .kill_on_drop(true);
    command
}

/// Runs git in a repository; its standard output.
pub(super) async fn run(git_dir: &FsPath, args: &[&str]) -> Result<Vec<u8>> {
    finish(git().arg("--git-dir").arg(git_dir).args(args)).await
}

async fn finish(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().await.map_err(|e| {
        Error::new(ErrorKind::Unavailable, "git is not installed, or not in PATH: install git")
            .with_source(e)
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = ccc_core::text::one_line(&words, 300);
    Err(Error::new(ErrorKind::Unexpected, format!("git: {words}")))
}

/// Fills a new bare repository; its default branch.
pub(super) async fn seed(git_dir: &FsPath, seed: &FsPath) -> Result<String> {
    if seed.join(".git").exists() || seed.join("HEAD").exists() {
        finish(git().args(["clone", "--quiet", "--bare", "--"]).arg(seed).arg(git_dir)).await?;
    } else {
        let init = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main"];
        finish(git().args(init).arg(git_dir)).await?;
        let in_tree = || {
            let mut command = git();
            command.arg("--git-dir").arg(git_dir).arg("--work-tree").arg(seed);
            command
        };
        finish(in_tree().args(["add", "--all"])).await?;
        let person = ["-c", "user.name=octocat", "-c", "user.email=octocat@users.noreply.github.com"];
        let commit = ["commit", "--quiet", "--message=First commit"];
        finish(in_tree().args(person).args(commit)).await?;
    }
    run(git_dir, &["config", "http.receivepack", "true"]).await?;
    let head = run(git_dir, &["symbolic-ref", "--short", "HEAD"]).await?;
    Ok(String::from_utf8_lossy(&head).trim().to_owned())
}

/// Fetching is for everybody who names no token, and for tokens that may read; pushing is for tokens
/// that may write.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let name = name.strip_suffix(".git").unwrap_or(&name);
    let pushes = uri.path().ends_with("git-receive-pack")
        || query.as_deref().is_some_and(|query| query.contains("git-receive-pack"));
    let anonymous = matches!(Credential::of(&headers), Credential::None);
    if let Err(refusal) = may(&shared, &headers, (&owner, name), pushes, anonymous) {
        let mut response = refusal.into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"GitHub\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        return response;
    }
    match backend(&shared, &method, &uri, query.as_deref(), &headers, &body, pushes).await {
        Ok(response) => response,
        Err(error) => Refusal::from(error).into_response(),
    }
}

fn may(
    shared: &Shared,
    headers: &HeaderMap,
    (owner, name): (&str, &str),
    pushes: bool,
    anonymous: bool,
) -> Result<(), Refusal> {
    let archived = shared.state().repository(owner, name)?.archived;
    match (anonymous, pushes) {
        (true, false) => return Ok(()),
        (true, true) => {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Requires authentication"));
        }
        (false, _) => {}
    }
    let level = if pushes { "write" } else { "read" };
    auth::require(shared, headers, &format!("{owner}/{name}"), ("contents", level))?;
    if pushes && archived {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "This repository was archived so it is read-only."));
    }
    Ok(())
}

/// git-http-backend(1), as a web server calls it (RFC 3875).
async fn backend(
    shared: &Shared,
    method: &Method,
    uri: &Uri,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    pushes: bool,
) -> Result<Response> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut command = git();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.data_dir)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", query.unwrap_or(""))
        .env("CONTENT_TYPE", text("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text("content-encoding"))
        .env("GIT_PROTOCOL", text("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if pushes {
        command.env("REMOTE_USER", "x-access-token");
    }
    let lost = |e: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "cannot run git http-backend").with_source(e)
    };
    let mut child = command.spawn().map_err(lost)?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // It may answer without reading all.
            let _ = stdin.write_all(body).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    response(output.map_err(lost)?.stdout)
}

/// Headers, an empty line, the body.
fn response(mut output: Vec<u8>) -> Result<Response> {
    let malformed = || Error::new(ErrorKind::Unexpected, "git http-backend gave no headers");
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(malformed)?;
    let body = output.split_off(end + 4);
    let head = String::from_utf8_lossy(&output).into_owned();
    let mut response = Response::builder().status(StatusCode::OK);
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("status") {
            let code = value.split_whitespace().next().and_then(|code| code.parse::<u16>().ok());
            response = response.status(code.unwrap_or(500));
        } else {
            response = response.header(name, value.trim());
        }
    }
    response
        .body(axum::body::Body::from(body))
        .map_err(|e| malformed().with_source(e))
}
