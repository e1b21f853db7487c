//! Git over HTTP: access checks as on GitHub, and the program `git http-backend`.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

use crate::activity;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::git;
use crate::model::Token;
use crate::state::Inner;

/// The caller of a fetch or a push. Contains the ID of the repository, the login of the account,
/// and whether the account may change workflow files.
struct Pusher {
    repo: u64,
    login: String,
    workflows: bool,
}

/// Returns the response to a git request for `/OWNER/NAME.git/REST`. Checks the caller's access,
/// and forwards the request to `git http-backend` (gitprotocol-http(5), git-http-backend(1)).
pub(crate) async fn answer(
    inner: &Arc<Inner>,
    caller: &Caller,
    owner: &str,
    name: &str,
    rest: &str,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let push = match (request.method(), rest, query) {
        (&Method::GET, "info/refs", "service=git-upload-pack")
        | (&Method::POST, "git-upload-pack", "") => false,
        (&Method::GET, "info/refs", "service=git-receive-pack")
        | (&Method::POST, "git-receive-pack", "") => true,
        _ => return plain(StatusCode::NOT_FOUND, "Not Found"),
    };
    let allowed = {
        let state = inner.state();
        match (state.repo_named(owner, name), caller) {
            // GitHub does not reveal to a caller without access whether a repository exists.
            (_, Caller::App(_) | Caller::Person(_) | Caller::Refused(_))
            | (None, Caller::Nobody) => return challenge(),
            (Some(repo), Caller::Nobody) if push || !repo.public => return challenge(),
            (None, _) => Err(Failure::not_found()),
            (Some(repo), _) => caller.require(&state, repo, "contents", push).map(|sender| {
                let token = caller.require_token(&state).ok();
                let workflows = token.is_none_or(Token::may_change_workflows);
                Pusher { repo: repo.id, login: sender.actor.login, workflows }
            }),
        }
    };
    match allowed {
        Ok(pusher) => backend(inner, pusher, rest, push, request).await.unwrap_or_else(|error| {
            tracing::error!(%error, "git http-backend failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "git http-backend failed")
        }),
        Err(failure) => failure.into(),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

fn challenge() -> Response {
    let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")];
    (StatusCode::UNAUTHORIZED, realm, "Authentication required").into_response()
}

async fn backend(
    inner: &Arc<Inner>,
    pusher: Pusher,
    rest: &str,
    push: bool,
    request: Request,
) -> std::io::Result<Response> {
    let repo = pusher.repo;
    let (head, body) = request.into_parts();
    let mut command = git::program();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &inner.data_dir)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{repo}.git/{rest}"))
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", head.method.as_str())
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("EMULATOR_WORKFLOWS", if pusher.workflows { "yes" } else { "no" });
    if push {
        command.env("REMOTE_USER", pusher.login);
    }
    for (variable, name) in [
        ("CONTENT_TYPE", "content-type"),
        ("CONTENT_LENGTH", "content-length"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = head.headers.get(name).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let missing =
        || std::io::Error::other("git http-backend was started without standard input or output");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let mut chunks = body.into_data_stream();
    // The body is written concurrently, because git starts to respond while it still reads.
    inner.tasks.spawn(async move {
        while let Some(Ok(chunk)) = chunks.next().await {
            if stdin.write_all(&chunk).await.is_err() {
                break;
            }
        }
    });
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = cgi_head(&mut stdout).await?;
    let pushed = (push && head.method == Method::POST).then(|| (Arc::clone(inner), repo));
    let body = futures_util::stream::unfold((stdout, child, pushed), next_chunk);
    Ok((status, headers, Body::from_stream(body)).into_response())
}

/// Reads the status and the headers of the CGI response that git prints (RFC 3875, section 6).
async fn cgi_head(out: &mut BufReader<ChildStdout>) -> std::io::Result<(StatusCode, HeaderMap)> {
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    loop {
        let mut line = String::new();
        if out.read_line(&mut line).await? == 0 {
            return Err(std::io::Error::other("git http-backend sent incomplete headers"));
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Ok((status, headers));
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            status = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) =
            (name.parse::<header::HeaderName>(), value.parse::<header::HeaderValue>())
        {
            headers.append(name, value);
        }
    }
}

/// The part of a response that has not been sent yet: git's output, the git process, and the ID of
/// the repository if the request is a push.
type Rest = (BufReader<ChildStdout>, Child, Option<(Arc<Inner>, u64)>);

/// Reads the next part of a response from git. The git process is a part of the stream, so that the
/// process is killed when the response is dropped. After a push, the emulator updates the pull
/// requests before the response ends. A client that reads a pull request after its push therefore
/// gets the new head commit.
async fn next_chunk((mut out, mut child, pushed): Rest) -> Option<(std::io::Result<Bytes>, Rest)> {
    let mut chunk = bytes::BytesMut::with_capacity(64 * 1024);
    match out.read_buf(&mut chunk).await {
        Ok(0) => {
            let _ = child.wait().await;
            if let Some((inner, repo)) = pushed {
                activity::update_pull_requests(&inner, repo).await;
            }
            None
        }
        Ok(_) => Some((Ok(chunk.freeze()), (out, child, pushed))),
        Err(error) => Some((Err(error), (out, child, pushed))),
    }
}
