//! Tests of remotes over HTTP: the token, error responses, cancelled calls, and the environment of
//! git.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use ccc_core::git::{Collected, HostGit};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::vcs::{Access, Grant};
use ccc_core::{BranchName, ErrorKind, Secret};

use crate::commit::info;
use crate::support::{
    TREE, World, as_files, becomes_true, files_below, git, processes_with, refs, repository, run,
    script, within, write,
};

const TOKEN: &str = "tok-0123456789abcdef";

/// A request line with its headers, whose names are in lower case.
#[derive(Clone, Debug)]
struct Head {
    line: String,
    headers: BTreeMap<String, String>,
}

/// The response of a [`Server`] to each request.
#[derive(Clone)]
enum Answer {
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
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Head>>>,
}

impl Server {
    fn new(answer: Answer) -> Self {
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

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/remote.git", self.port)
    }

    fn access(&self, token: &str) -> Access {
        let header = Secret::from(format!("Bearer {token}"));
        Access::open(Grant::Publish, self.url()).with_token(Secret::from(token), header, None)
    }

    fn seen(&self) -> Vec<Head> {
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

fn status(status: &str, more: &str) -> String {
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
async fn work(host: &HostGit, access: &Access) -> ccc_core::Result<()> {
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

#[tokio::test]
async fn the_token_authenticates_and_is_in_no_file() {
    // spec: X5c, X9, P7
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let server = Server::new(Answer::Git(world.path().to_owned()));
    let access = server.access(TOKEN);
    let before = refs(&world.remote);
    within(60, work(&world.host, &access)).await.unwrap();
    let mut added = refs(&world.remote);
    added.retain(|name, _| !before.contains_key(name));
    assert_eq!(added.keys().collect::<Vec<_>>(), ["refs/heads/claude/a"]);

    let seen = server.seen();
    assert!(seen.iter().any(|head| head.line.contains("git-receive-pack")), "{seen:?}");
    for head in &seen {
        let sent = head.headers.get("authorization").map(String::as_str);
        assert_eq!(sent, Some(&*format!("Bearer {TOKEN}")), "{head:?}");
        assert!(!head.line.contains(TOKEN));
    }
    // No file below the root contains the token.
    let all = files_below(&world.path().join("host"));
    let holds = |content: &[u8], text: &str| {
        content.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for (path, (_, content)) in &all {
        assert!(!holds(content, TOKEN), "{path} contains the token");
    }

    for wrong in ["", "wrong-token-0123456"] {
        let error = work(&world.host, &server.access(wrong)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong), "{error}");
    }
}

#[tokio::test]
async fn a_branch_created_between_check_and_push_is_left_unchanged() {
    // spec: P7, X9
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let theirs = "refs/heads/claude/a";
    let server = Server::new(Answer::GitTaken(world.path().to_owned(), theirs));
    // The commit is a child of that branch: without the condition, the push would be a
    // fast-forward.
    let error = within(60, work(&world.host, &server.access(TOKEN))).await.unwrap_err();
    let refs = refs(&world.remote);
    assert_eq!(refs[theirs], refs["refs/heads/main"]);
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[tokio::test]
async fn responses_map_to_error_kinds_without_the_token() {
    // spec: X5c
    let echo = format!(
        "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\nno Bearer {TOKEN} here",
        TOKEN.len() + 15
    );
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\
                Connection: close\r\n\r\nhi";
    let cases = [
        (
            status("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n"),
            ErrorKind::Unauthenticated,
        ),
        (status("401 Unauthorized", ""), ErrorKind::Unauthenticated),
        (status("403 Forbidden", ""), ErrorKind::PermissionDenied),
        (status("404 Not Found", ""), ErrorKind::NotFound),
        (status("500 Oops", ""), ErrorKind::Unavailable),
        (status("503 Busy", "Retry-After: 3\r\n"), ErrorKind::Unavailable),
        (status("429 Slow", ""), ErrorKind::Unavailable),
        (echo, ErrorKind::Unavailable),
        (String::new(), ErrorKind::Unavailable),
        (page.to_owned(), ErrorKind::NotFound),
    ];
    for (text, kind) in cases {
        let server = Server::new(Answer::Fixed(text.clone()));
        let world = World::new(TREE);
        let access = server.access(TOKEN);
        let error = within(60, work(&world.host, &access)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{text:?}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(TOKEN), "{shown}");
        assert!(!error.to_string().contains('\n'), "{error}");
        let sent = server.seen()[0].headers["authorization"].clone();
        assert_eq!(sent, format!("Bearer {TOKEN}"));
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    // spec: G8b, X9
    for code in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let world = World::new(TREE);
        let other = Server::new(Answer::Git(world.path().to_owned()));
        let to = format!("Location: {}/info/refs?service=git-upload-pack\r\n", other.url());
        let server = Server::new(Answer::Fixed(status(code, &to)));
        let error = work(&world.host, &server.access(TOKEN)).await.unwrap_err();
        assert!(!error.to_string().contains(TOKEN), "{error}");
        assert_eq!(server.seen().len(), 1, "{code}");
        assert_eq!(other.seen().len(), 0, "{code}: the redirect was followed");

        // Plain git follows it.
        let plain = ["ls-remote", &server.url()];
        crate::support::try_git(world.path(), &plain);
        assert_ne!(other.seen().len(), 0, "{code}: plain git does not follow");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_leaves_no_process() {
    let world = World::new(TREE);
    let (base, tree) = crate::commit::worked(&world, 1).await;
    let commit = world.host.commit(run(1), &base, &tree, &info("t")).await.unwrap();
    let branch = BranchName::new("claude/a").unwrap();
    let marker = world.path().to_str().unwrap().to_owned();
    assert_eq!(processes_with(&marker), [""; 0]);
    for push in [false, true] {
        let server = Server::new(Answer::Silence);
        let access = server.access(TOKEN);
        let asked = || !server.seen().is_empty();
        let repository = repository();
        tokio::select! {
            _ = world.host.checkout(run(2), &repository, &access), if !push => panic!("answered"),
            _ = world.host.push(run(1), &commit, &branch, &access), if push => panic!("answered"),
            asked = becomes_true(asked) => assert!(asked, "no request arrived"),
        }
        let gone = becomes_true(|| processes_with(&marker).is_empty()).await;
        assert!(gone, "{:?}", processes_with(&marker));
    }
    // A cancelled call can be repeated.
    world.checkout(run(2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_push_leaves_no_process_of_a_hanging_hook() {
    let world = World::new(TREE);
    let (base, tree) = crate::commit::worked(&world, 1).await;
    let commit = world.host.commit(run(1), &base, &tree, &info("t")).await.unwrap();
    let branch = BranchName::new("claude/a").unwrap();
    let started = world.path().join("started");
    let hook = format!("touch {}; read -r forever < {}", started.display(), "/dev/zero");
    script(&world.remote.join("hooks/pre-receive"), &hook);
    let access = world.access();
    tokio::select! {
        _ = world.host.push(run(1), &commit, &branch, &access) => panic!("pushed"),
        started = becomes_true(|| started.exists()) => assert!(started),
    }
    let marker = world.path().to_str().unwrap().to_owned();
    let gone = becomes_true(|| processes_with(&marker).is_empty()).await;
    assert!(gone, "{:?}", processes_with(&marker));
}

/// The variable that gives the child process of the test below its directory.
const CHILD: &str = "CCC_TEST_GIT_CHILD";

/// Runs the git operations if the process is the child with the hostile environment.
#[tokio::test]
async fn child_of_a_hostile_environment() {
    let Some(place) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let url = fs::read_to_string(place.join("url")).unwrap();
    let header = Secret::from(format!("Bearer {TOKEN}"));
    let access = Access::open(Grant::Publish, url).with_token(Secret::from(TOKEN), header, None);
    let host = HostGit::open(place.join("host")).unwrap();
    work(&host, &access).await.unwrap();
}

#[tokio::test]
async fn the_environment_does_not_change_what_git_does() {
    // spec: X5b, X5c
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let server = Server::new(Answer::Git(world.path().to_owned()));
    let place = world.path().join("place");
    let (home, bin, log) = (place.join("home"), place.join("bin"), place.join("log"));
    let canary = world.path().join("canary");
    write(&place, "url", server.url());
    let evil = place.join("evil");
    script(&evil, &format!("echo \"$0 $*\" >> {}; exit 1", canary.display()));
    let evil = evil.display();
    let hooks = home.join("hooks");
    for hook in ["pre-push", "post-index-change", "reference-transaction", "post-checkout"] {
        script(&hooks.join(hook), &format!("echo hook >> {}", canary.display()));
    }
    let config = format!(
        "[core]\n\thooksPath = {0}\n\tfsmonitor = {evil}\n\tattributesFile = {0}/attributes\n\
         [filter \"x\"]\n\tclean = {evil}\n\tsmudge = {evil}\n\
         [credential]\n\thelper = {evil}\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {evil}\n\
         [url \"file:///nowhere/\"]\n\tinsteadOf = http://127.0.0.1\n",
        hooks.display()
    );
    write(&home, ".gitconfig", &config);
    write(&home, ".config/git/config", &config);
    write(&hooks, "attributes", "* filter=x\n");
    write(&place, "template/hooks/post-index-change", "");
    script(&place.join("template/hooks/pre-push"), &format!("echo t >> {}", canary.display()));

    // Logs each call of git, with one line for each argument and variable.
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists());
    let real = real.unwrap();
    script(
        &bin.join("git"),
        &format!(
            // Appends each record at once, because some calls of git run at the same time.
            "{{ for arg; do echo \"arg $arg\"; done; env | sed 's/^/env /'; echo end; }} > {0}.$$\n\
             cat {0}.$$ >> {0}\nexec {1} \"$@\"",
            log.display(),
            real.display()
        ),
    );
    let path = format!("{}:{}", bin.display(), path.to_str().unwrap());
    let hostile = hostile_environment(&place, &evil.to_string(), &canary);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["remote::child_of_a_hostile_environment", "--exact", "--nocapture"])
        .env(CHILD, &place)
        .env("PATH", path)
        .envs(hostile)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{child:?}");
    assert!(!canary.exists(), "{}", fs::read_to_string(&canary).unwrap());
    assert!(refs(&world.remote).contains_key("refs/heads/claude/a"));
    check_calls(&fs::read_to_string(&log).unwrap());
}

/// Returns variables that make plain git run programs, use other files or log what it does.
fn hostile_environment(place: &Path, evil: &str, canary: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("HOME", place.join("home").display().to_string()),
        ("XDG_CONFIG_HOME", place.join("home").join(".config").display().to_string()),
        ("GIT_CONFIG_GLOBAL", place.join("home").join(".gitconfig").display().to_string()),
        ("GIT_CONFIG_SYSTEM", place.join("home").join(".gitconfig").display().to_string()),
        ("GIT_CONFIG_PARAMETERS", format!("'core.fsmonitor'='{evil}'")),
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor".to_owned()),
        ("GIT_CONFIG_VALUE_0", evil.to_owned()),
        ("GIT_TEMPLATE_DIR", place.join("template").display().to_string()),
        ("GIT_DIR", "/nowhere".to_owned()),
        ("GIT_WORK_TREE", "/nowhere".to_owned()),
        ("GIT_INDEX_FILE", "/nowhere".to_owned()),
        ("GIT_OBJECT_DIRECTORY", "/nowhere".to_owned()),
        ("GIT_EXEC_PATH", "/nowhere".to_owned()),
        ("GIT_ALLOW_PROTOCOL", "ext".to_owned()),
        ("GIT_ASKPASS", evil.to_owned()),
        ("SSH_ASKPASS", evil.to_owned()),
        ("GIT_SSH_COMMAND", evil.to_owned()),
        ("GIT_EXTERNAL_DIFF", evil.to_owned()),
        ("GIT_PROXY_COMMAND", evil.to_owned()),
        ("GIT_TRACE", canary.display().to_string()),
        ("GIT_TRACE_CURL", canary.display().to_string()),
        ("GIT_TRACE2_EVENT", canary.display().to_string()),
        ("GIT_CURL_VERBOSE", "1".to_owned()),
        ("GIT_AUTHOR_DATE", "@1 +0100".to_owned()),
        ("GIT_NAMESPACE", "elsewhere".to_owned()),
        ("GIT_DEFAULT_HASH", "sha256".to_owned()),
        ("GIT_LITERAL_PATHSPECS", "1".to_owned()),
        ("LD_LIBRARY_PATH", "/nowhere".to_owned()),
        ("PAGER", evil.to_owned()),
        ("SOME_API_KEY", "sk-something".to_owned()),
    ]
}

/// The variables that a call of git may see.
const VARIABLES: &[&str] = &[
    "PATH",
    "LC_ALL",
    "HOME",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_ATTR_NOSYSTEM",
    "GIT_TERMINAL_PROMPT",
    "GIT_ASKPASS",
    "GIT_LFS_SKIP_SMUDGE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_ATTR_SOURCE",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_0",
    "GIT_CONFIG_VALUE_0",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
    // The shell of the wrapper sets these.
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
];

fn check_calls(log: &str) {
    let calls: Vec<&str> = log.split_terminator("end\n").collect();
    assert!(calls.len() > 15, "{log}");
    let mut with_token = 0;
    for call in calls {
        let lines = |kind: &str| -> Vec<&str> {
            call.lines().filter_map(|line| line.strip_prefix(kind)).collect()
        };
        let (args, env) = (lines("arg "), lines("env "));
        assert!(!args.iter().any(|arg| arg.contains(TOKEN)), "{args:?}");
        // Every protocol is denied, and then at most one is allowed.
        let protocols: Vec<_> = args.iter().filter(|arg| arg.starts_with("protocol.")).collect();
        let denied = protocols.iter().take_while(|arg| arg.ends_with("allow=never")).count();
        assert!(*protocols[0] == "protocol.allow=never" && denied == 10, "{args:?}");
        assert!(protocols.len() <= denied + 1, "{args:?}");
        assert!(!args.iter().any(|arg| arg.to_lowercase().contains("authorization")), "{args:?}");
        for variable in &env {
            let name = variable.split('=').next().unwrap();
            assert!(VARIABLES.contains(&name), "{variable} is passed on");
        }
        // Only calls that name the remote have its token.
        let remote = args.iter().any(|arg| arg.starts_with("http://"));
        let token = env.iter().filter(|variable| variable.contains(TOKEN)).count();
        assert_eq!(token, usize::from(remote), "{args:?} {env:?}");
        with_token += token;
    }
    // One fetch; one push with a check before and after it; one check for the repeated push.
    assert_eq!(with_token, 5, "{log}");
    assert_eq!(log.lines().filter(|line| *line == "arg push").count(), 1, "{log}");
}
