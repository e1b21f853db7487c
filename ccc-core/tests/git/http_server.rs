//! An HTTP server of a git repository, and the work of a run with it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use ccc_core::git::{Collected, HostGit};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::vcs::{Access, Grant};
use ccc_core::{BranchName, Secret};

use crate::commit::info;
use crate::support::{TREE, as_files, files_below, git, repository, run, write};

pub(crate) const TOKEN: &str = "tok-0123456789abcdef";

/// A request line with its headers, whose names are in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// The response of a [`Server`] to each request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Exactly these bytes.
    Fixed(String),
    /// The response of `git http-backend` for the repositories below this directory, if the request
    /// has the token.
    Git(PathBuf),
    /// The response of `git http-backend`. Before the first response to a push, this branch is
    /// created.
    GitTaken(PathBuf, &'static str),
    /// No response.
    Silence,
}

/// An HTTP server with its own port and threads. It lives as long as the process.
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Head>>>,
}

impl Server {
    pub(crate) fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, seen) = (answer.clone(), Arc::clone(&seen));
                std::thread::spawn(move || serve(&stream.unwrap(), &answer, &seen));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/remote.git", self.port)
    }

    pub(crate) fn access(&self, token: &str) -> Access {
        let header = Secret::from(format!("Bearer {token}"));
        Access::open(Grant::Publish, self.url()).with_token(Secret::from(token), header, None)
    }

    pub(crate) fn seen(&self) -> Vec<Head> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, answer: &Answer, seen: &Mutex<Vec<Head>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let line = lines.remove(0);
    let headers: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let head = Head { line, headers };
    seen.lock().unwrap().push(head.clone());
    match answer {
        Answer::Fixed(text) => {
            stream.write_all(text.as_bytes()).ok();
        }
        Answer::Git(root)
            if head.headers.get("authorization") == Some(&format!("Bearer {TOKEN}")) =>
        {
            let body = body(&mut reader, &head);
            stream.write_all(&backend(root, &head, &body)).ok();
        }
        Answer::GitTaken(root, branch) => {
            if head.line.contains("service=git-receive-pack") {
                git(&root.join("remote.git"), &["update-ref", branch, "refs/heads/main"]);
            }
            let body = body(&mut reader, &head);
            stream.write_all(&backend(root, &head, &body)).ok();
        }
        Answer::Git(_) => {
            stream.write_all(status("401 Unauthorized", "").as_bytes()).ok();
        }
        Answer::Silence => {
            // Waits until the client closes the connection.
            reader.read_to_end(&mut Vec::new()).ok();
        }
    }
}

pub(crate) fn status(status: &str, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n")
}

fn body(reader: &mut impl BufRead, head: &Head) -> Vec<u8> {
    let mut body = Vec::new();
    if head.headers.get("transfer-encoding").is_some_and(|v| v == "chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).unwrap();
            let size = u64::from_str_radix(size.trim(), 16).unwrap();
            reader.by_ref().take(size).read_to_end(&mut body).unwrap();
            reader.read_line(&mut String::new()).unwrap();
            if size == 0 {
                return body;
            }
        }
    }
    let length = head.headers.get("content-length").map_or(0, |v| v.parse().unwrap());
    reader.take(length).read_to_end(&mut body).unwrap();
    body
}

/// Runs git's HTTP server as a CGI program and returns its response.
fn backend(root: &Path, head: &Head, body: &[u8]) -> Vec<u8> {
    let target: Vec<&str> = head.line.split(' ').collect();
    let (path, query) = target[1].split_once('?').unwrap_or((target[1], ""));
    let header = |name: &str| head.headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "someone")
        .env("REQUEST_METHOD", target[0])
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = body.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&sent));
    let printed = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap().ok();
    let text = String::from_utf8_lossy(&printed);
    let status =
        text.strip_prefix("Status: ").map_or("200 OK", |rest| rest.lines().next().unwrap());
    [format!("HTTP/1.1 {status}\r\nConnection: close\r\n").as_bytes(), &printed].concat()
}

/// Performs each operation of host git that uses a remote; the push twice.
pub(crate) async fn work(host: &HostGit, access: &Access) -> ccc_core::Result<()> {
    let at = host.checkout(run(1), &repository(), access).await?;
    assert_eq!(files_below(&at.path), as_files(TREE));
    write(&at.path, "new", "x");
    let (policy, redactor) = (TrustPolicy::default(), Redactor::default());
    let collected = host.collect(run(1), &at.base, &policy, &redactor).await?;
    let Collected::Changes(set) = collected else { panic!("{collected:?}") };
    let commit = host.commit(run(1), &set.base, &set.tree, &info("t")).await?;
    let branch = BranchName::new("claude/a")?;
    host.push(run(1), &commit, &branch, access).await?;
    Ok(host.push(run(1), &commit, &branch, access).await?)
}
