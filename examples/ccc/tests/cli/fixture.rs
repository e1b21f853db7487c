//! The fixture of these tests: the program as a process, with an emulated GitHub.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ccc_core::testing::git;
use ccc_github::http::{Http, ReqwestHttp};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission, RepoRef};
use hmac::{Hmac, KeyInit, Mac};
use tempfile::TempDir;

pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// Returns a command for the program, whose environment has only this process's `PATH`.
pub(crate) fn ccc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccc"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running process, which is killed when the value is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts the process, and waits for a line on standard error for which `find` returns a value.
    pub(crate) fn start<T>(mut command: Command, find: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut found = None;
        while found.is_none() {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the process ended: {:?}", log.lock().unwrap()))
                .unwrap();
            found = find(&line);
            log.lock().unwrap().push(line);
        }
        let rest = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                rest.lock().unwrap().push(line);
            }
        });
        (Self { child, log }, found.unwrap())
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

/// Starts a service, and waits until it logs the address that it listens on.
pub(crate) fn listening(command: Command) -> (Running, SocketAddr) {
    Running::start(command, |line| {
        let (_, rest) = line.split_once("listening on http://")?;
        rest.split([',', '"']).next()?.parse().ok()
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An emulated GitHub with one repository and one user with write permission, and a `ccc serve` that
/// receives its deliveries.
pub(crate) struct Site {
    pub(crate) github: Emulator,
    pub(crate) repo: RepoRef,
    pub(crate) service: Running,
    pub(crate) address: SocketAddr,
    pub(crate) dir: TempDir,
    pub(crate) http: ReqwestHttp,
}

impl Site {
    /// Starts the GitHub and a service with an agent of this kind.
    pub(crate) async fn start(agent: &str) -> Self {
        Self::start_with(agent, &[]).await
    }

    /// Starts the GitHub and a service with an agent of this kind and these environment variables.
    pub(crate) async fn start_with(agent: &str, settings: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let seed = dir.path().join("seed");
        std::fs::create_dir(&seed).unwrap();
        std::fs::write(seed.join("sum.txt"), "1 + 1 = 3\n").unwrap();
        let mut config = EmulatorConfig::new(dir.path().join("github"), SECRET.into());
        config.app_id = 7;
        let github = Emulator::start(config).await.unwrap();
        let repo = github.add_repository("octo", "hello", &seed).await.unwrap();
        github.add_user("writer", ActorKind::User);
        github.set_permission(&repo, "writer", Permission::Write);
        // Some secret stores return a key like this: in one line, with `\n` for line breaks.
        let pem = github.private_key_pem();
        let pem = pem.expose_secret().replace('\n', "\\n");
        std::fs::write(dir.path().join("key.pem"), pem).unwrap();
        std::fs::write(dir.path().join("secret"), format!("{SECRET}\n")).unwrap();

        let mut command = ccc();
        command
            .arg("serve")
            .current_dir(dir.path())
            .env("CCC_LISTEN", "127.0.0.1:0")
            .env("CCC_DATA_DIR", dir.path().join("data"))
            .env("CCC_GITHUB__APP_ID", "7")
            .env("CCC_GITHUB__PRIVATE_KEY_FILE", dir.path().join("key.pem"))
            .env("CCC_GITHUB__WEBHOOK_SECRET_FILE", dir.path().join("secret"))
            .env("CCC_GITHUB__API_URL", github.api_url())
            .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
            .env("CCC_AGENT__KIND", agent)
            .envs(settings.iter().copied());
        let (service, address) = listening(command);
        github.set_webhook_url(format!("http://{address}/webhook/github"));
        let http = ReqwestHttp::direct().unwrap();
        let site = Self { github, repo, service, address, dir, http };
        // Otherwise the service could request a delivery again that a test means to be missed.
        site.until("the service has read the log of deliveries", |site| {
            let calls = site.github.calls();
            let mut reads = calls.iter().filter(|it| it.path.ends_with("/app/hook/deliveries"));
            reads.any(|call| call.status.is_some())
        })
        .await;
        site
    }

    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> (u16, String) {
        let answer = self.http.send(request.body(Bytes::from(body)).unwrap()).await.unwrap();
        (answer.status().as_u16(), text(answer.body()))
    }

    /// Returns the contents of a file in a branch, from a fresh clone without credentials.
    pub(crate) fn file(&self, branch: &str, path: &str) -> String {
        let clone = TempDir::new().unwrap();
        git(clone.path(), &["clone", "--quiet", "--bare", &self.github.git_url(&self.repo), "."]);
        git(clone.path(), &["show", &format!("{branch}:{path}")])
    }

    /// Returns the texts of the comments on the first issue.
    pub(crate) fn comments(&self) -> Vec<String> {
        self.github.comments(&self.repo, 1).into_iter().map(|comment| comment.body).collect()
    }

    /// Opens an issue as the user.
    pub(crate) async fn open_issue(&self, title: &str) {
        self.github.open_issue(&self.repo, "writer", title, "It is 2.").await.unwrap();
    }

    /// Opens an issue as the user, whose delivery does not reach the service. Returns the body of the
    /// delivery.
    pub(crate) async fn missed_issue(&self, title: &str) -> Vec<u8> {
        self.github.set_webhook_url("http://127.0.0.1:1/");
        self.open_issue(title).await;
        self.github.set_webhook_url(self.url("/webhook/github"));
        self.github.deliveries().last().unwrap().body.clone()
    }

    /// Sends a ping that is signed with this secret to a service. Returns the status.
    pub(crate) async fn ping(&self, address: SocketAddr, secret: &str) -> u16 {
        let body = br#"{"zen": "x", "hook_id": 1, "hook": {}}"#;
        let request = http::Request::post(format!("http://{address}/webhook/github"))
            .header("content-type", "application/json")
            .header("x-github-event", "ping")
            .header("x-github-delivery", "6f8e6a70-0000-4000-8000-000000000001")
            .header("x-hub-signature-256", sign(secret, body));
        self.send(request, body.to_vec()).await.0
    }

    /// Sends a signed delivery to the service. Returns the status and the body of the response.
    pub(crate) async fn deliver(&self, event: &str, id: &str, body: &[u8]) -> (u16, String) {
        let request = http::Request::post(self.url("/webhook/github"))
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", sign(SECRET, body));
        self.send(request, body.to_vec()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Polls until the condition is true. Panics after two minutes.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        for _ in 0..6_000 {
            if so(self) {
                return;
            }
            ccc_core::Clock::sleep(&ccc_core::SystemClock, std::time::Duration::from_millis(20))
                .await;
        }
        panic!("timed out: {what}\n{}\n{:#?}", self.service.log(), self.github.calls());
    }
}

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
