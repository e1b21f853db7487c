//! Bare repositories, and git's own CGI program in front of them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};
use futures_util::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::Inner;
use super::auth::Caller;
use super::server::Failure;

fn directory(inner: &Inner, repo: u64) -> PathBuf {
    inner.data_dir.join(format!("{repo}.git"))
}

/// `git`, with nothing of this machine's or this person's settings.
fn git() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "GitHub emulator");
        command.env(format!("GIT_{who}_EMAIL"), "emulator@localhost");
    }
    command
}

async fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Vec<u8>> {
    // A seed may belong to somebody else; cloning runs nothing of it.
    let output =
        git().args(["-c", "safe.directory=*"]).args(args).output().await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot run git; is it installed?")
                .with_source(error)
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("it does not say why");
    Err(Error::new(ErrorKind::Unavailable, format!("git failed: {said}")))
}

/// Makes the bare repository and says which branch is its default one.
pub(super) async fn seed(inner: &Inner, repo: u64, seed: &Path) -> Result<String> {
    let target = directory(inner, repo);
    let is_git = seed.join(".git").exists() || seed.join("HEAD").exists();
    if is_git {
        let args = ["clone", "--bare", "--quiet", "--no-hardlinks", "--"].map(OsStr::new);
        run(args.into_iter().chain([seed.as_os_str(), target.as_os_str()])).await?;
    } else {
        let args = ["init", "--bare", "--quiet", "-b", "main", "--"].map(OsStr::new);
        run(args.into_iter().chain([target.as_os_str()])).await?;
        let dirs = [
            OsStr::new("--git-dir").to_owned(),
            target.as_os_str().to_owned(),
            OsStr::new("--work-tree").to_owned(),
            seed.as_os_str().to_owned(),
        ];
        let run_in = |args: &'static [&'static str]| {
            run(dirs.iter().map(|arg| arg.as_os_str()).chain(args.iter().map(OsStr::new)))
        };
        run_in(&["add", "--all", "."]).await?;
        run_in(&["commit", "--quiet", "--allow-empty", "-m", "Initial commit"]).await?;
    }
    let dir = target.to_string_lossy();
    run(["--git-dir", &dir, "config", "http.receivepack", "true"]).await?;
    let head = run(["--git-dir", &dir, "symbolic-ref", "--short", "HEAD"]).await?;
    Ok(String::from_utf8_lossy(&head).trim().to_owned())
}

/// The commit that a branch is at.
pub(super) async fn branch(inner: &Inner, repo: u64, name: &str) -> Option<String> {
    let dir = directory(inner, repo);
    let name = format!("refs/heads/{name}^{{commit}}");
    let dir = dir.to_string_lossy();
    let out = run(["--git-dir", &dir, "rev-parse", "--verify", "--quiet", &name]).await;
    Some(String::from_utf8_lossy(&out.ok()?).trim().to_owned())
}

/// Whether `head` has commits that `base` has not.
pub(super) async fn is_ahead(inner: &Inner, repo: u64, base: &str, head: &str) -> bool {
    let dir = directory(inner, repo);
    let range = format!("{base}..{head}");
    let out = run(["--git-dir", &dir.to_string_lossy(), "rev-list", "--count", &range]).await;
    out.is_ok_and(|count| String::from_utf8_lossy(&count).trim() != "0")
}

/// A file of a branch.
pub(super) async fn file(inner: &Inner, repo: u64, branch: &str, path: &str) -> Option<Vec<u8>> {
    let dir = directory(inner, repo);
    let name = format!("refs/heads/{branch}:{path}");
    run(["--git-dir", &dir.to_string_lossy(), "cat-file", "blob", &name]).await.ok()
}

/// A hook that refuses, as branch protection does.
pub(super) async fn refuse_push(
    inner: &Inner,
    repo: u64,
    prefix: &str,
    message: &str,
) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if !prefix.bytes().all(plain) {
        let line = "a branch prefix is made of letters, digits and `-_./`";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    let hooks = directory(inner, repo).join("hooks");
    let script = format!(
        "#!/bin/sh\nwhile read -r old new ref; do\n  case \"$ref\" in\n    refs/heads/{prefix}*) \
         cat \"$GIT_DIR/hooks/refusal\" >&2; exit 1 ;;\n  esac\ndone\n"
    );
    let failed = |e| Error::new(ErrorKind::Unavailable, "cannot write the hook").with_source(e);
    let hook = hooks.join("pre-receive");
    tokio::fs::create_dir_all(&hooks).await.map_err(failed)?;
    tokio::fs::write(hooks.join("refusal"), format!("{message}\n")).await.map_err(failed)?;
    tokio::fs::write(&hook, script).await.map_err(failed)?;
    let executable = std::fs::Permissions::from_mode(0o755);
    tokio::fs::set_permissions(&hook, executable).await.map_err(failed)
}

/// `OWNER/NAME.git/…`: who may, may, and the rest is git's (gitprotocol-http(5),
/// git-http-backend(1)).
pub(super) async fn answer(
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
            // GitHub does not tell strangers whether a repository is there.
            (_, Caller::App | Caller::Person(_) | Caller::Refused(_)) | (None, Caller::Nobody) => {
                return challenge();
            }
            (Some(repo), Caller::Nobody) if push || !repo.public => return challenge(),
            (None, _) => Err(Failure::not_found()),
            (Some(repo), _) => caller
                .require(inner, &state, repo, "contents", push)
                .map(|actor| (repo.id, actor.login)),
        }
    };
    match allowed {
        Ok((repo, login)) => {
            backend(inner, repo, &login, rest, push, request).await.unwrap_or_else(|error| {
                tracing::error!(%error, "git http-backend failed");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "git http-backend failed")
            })
        }
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
    repo: u64,
    login: &str,
    rest: &str,
    push: bool,
    request: Request,
) -> std::io::Result<Response> {
    let (head, body) = request.into_parts();
    let mut command = git();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &inner.data_dir)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{repo}.git/{rest}"))
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", head.method.as_str())
        .env("REMOTE_ADDR", "127.0.0.1");
    if push {
        command.env("REMOTE_USER", login);
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
    let missing = || std::io::Error::other("no pipe");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let mut chunks = body.into_data_stream();
    // Beside the answer, not before it: git answers while it still reads.
    inner.tasks.spawn(async move {
        while let Some(Ok(chunk)) = chunks.next().await {
            if stdin.write_all(&chunk).await.is_err() {
                break;
            }
        }
    });
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = cgi_head(&mut stdout).await?;
    let body = futures_util::stream::unfold((stdout, child), next_chunk);
    Ok((status, headers, Body::from_stream(body)).into_response())
}

/// The lines before the body (RFC 3875, section 6).
async fn cgi_head(out: &mut BufReader<ChildStdout>) -> std::io::Result<(StatusCode, HeaderMap)> {
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    loop {
        let mut line = String::new();
        if out.read_line(&mut line).await? == 0 {
            return Err(std::io::Error::other("it ended without a header"));
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

type Rest = (BufReader<ChildStdout>, Child);

/// The child rides along: it ends when the answer is over or nobody wants it any more.
async fn next_chunk((mut out, mut child): Rest) -> Option<(std::io::Result<Bytes>, Rest)> {
    let mut chunk = bytes::BytesMut::with_capacity(64 * 1024);
    match out.read_buf(&mut chunk).await {
        Ok(0) => {
            let _ = child.wait().await;
            None
        }
        Ok(_) => Some((Ok(chunk.freeze()), (out, child))),
        Err(error) => Some((Err(error), (out, child))),
    }
}
