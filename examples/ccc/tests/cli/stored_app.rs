//! Tests of changes to the stored App while a service uses it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ccc_core::{Clock as _, SystemClock};
use github_emulator::secrecy::ExposeSecret as _;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use super::fixture::{Running, SECRET, Site, ccc, listening, text};

const FIX: &str = "command:sed -i s/3/2/ sum.txt";

/// A second service on the site's GitHub, with its own data directory and without an App.
struct Waiting {
    site: Site,
    service: Running,
    address: SocketAddr,
}

fn serve(site: &Site, data: &Path) -> Command {
    let mut command = ccc();
    command
        .arg("serve")
        .current_dir(site.dir.path())
        .env("CCC_LISTEN", "127.0.0.1:0")
        .env("CCC_DATA_DIR", data)
        .env("CCC_GITHUB__API_URL", site.github.api_url())
        .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
        .env("CCC_AGENT__KIND", FIX);
    command
}

impl Waiting {
    async fn start() -> Self {
        let site = Site::start("command:true").await;
        let (service, address) = listening(serve(&site, &site.dir.path().join("other")));
        site.github.set_webhook_url(format!("http://{address}/webhook/github"));
        Self { site, service, address }
    }

    fn ccc(&self, arguments: &[&str]) -> String {
        let mut command = ccc();
        command.args(arguments).env("CCC_DATA_DIR", self.site.dir.path().join("other"));
        let output =
            command.env("CCC_GITHUB__API_URL", self.site.github.api_url()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    async fn ask(&self, method: &str, query: &str, token: &str, body: Vec<u8>) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}/config{query}", self.address))
            .header("authorization", format!("Bearer {token}"));
        let (status, body) = self.site.send(request, body).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn deliver(&self, secret: &str) -> u16 {
        self.site.ping(self.address, secret).await
    }

    /// Sends a POST with this token and the raw rest of the request. Returns the status.
    fn status_of_raw(&self, token: &str, rest: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head =
            format!("POST /config HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{rest}");
        // The server can respond and close the connection before the whole request is written.
        let _ = stream.write_all(head.as_bytes());
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).unwrap();
        status.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// Sends SIGHUP to the service after a change of the store, and waits until the condition is true.
    async fn taken(&self, what: &str, so: impl AsyncFn(&Self) -> bool) {
        self.service.signal(Signal::HUP);
        for _ in 0..1_500 {
            if so(self).await {
                return;
            }
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
        panic!("timed out: {what}\n{}", self.service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_service_gets_its_app_over_http_and_uses_it_at_once() {
    // spec: S12a, S12b, S12c, S12d
    let waiting = Waiting::start().await;
    assert_eq!(waiting.deliver(SECRET).await, 503);
    let app_id = async || {
        let request = http::Request::get(format!("http://{}/health", waiting.address));
        let (status, health) = waiting.site.send(request, Vec::new()).await;
        assert_eq!(status, 200, "{health}");
        serde_json::from_str::<Value>(&health).unwrap()["app_id"].clone()
    };
    assert_eq!(app_id().await, Value::Null);
    // While no admin token exists, every request is refused.
    for token in ["", "hunter2"] {
        let (status, body) = waiting.ask("GET", "", token, Vec::new()).await;
        assert_eq!(status, 401, "{body}");
    }
    let token = waiting.ccc(&["config", "admin-token"]);
    let lets_in =
        async |waiting: &Waiting| waiting.ask("GET", "", &token, Vec::new()).await.0 == 200;
    waiting.taken("the token is accepted", lets_in).await;
    let ask = async |method: &str, query: &str, body: &Value| {
        waiting.ask(method, query, &token, body.to_string().into()).await
    };
    assert_eq!(
        waiting.ask("GET", "", &token, Vec::new()).await.1,
        json!({ "apps": [], "usedAppId": null })
    );

    let pem = waiting.site.github.private_key_pem();
    let mut app =
        json!({ "appId": "7", "privateKey": pem.expose_secret(), "webhookSecret": SECRET });
    let (status, _) = waiting
        .ask("POST", "", "hunter2-but-long-enough-to-be-a-token", app.to_string().into())
        .await;
    assert_eq!((status, waiting.deliver(SECRET).await), (401, 503));
    for (body, status) in [(vec![b' '; 1 << 20], 413), (b"hunter2".to_vec(), 400)] {
        assert_eq!(waiting.ask("POST", "", &token, body).await.0, status);
    }
    // A body with a length above the limit is refused unread, and a body without a length is read up to the limit.
    for (rest, status) in [
        ("content-length: 1048576\r\n\r\n".to_owned(), "413"),
        (format!("transfer-encoding: chunked\r\n\r\n10001\r\n{}", " ".repeat(0x10001)), "413"),
        ("transfer-encoding: chunked\r\n\r\nZZ\r\n".to_owned(), "400"),
    ] {
        assert_eq!(waiting.status_of_raw(&token, &rest), status, "{}", &rest[..30]);
    }
    assert_eq!(waiting.status_of_raw("hunter2", "content-length: 1048576\r\n\r\n"), "401");
    let (status, view) = ask("POST", "", &app).await;
    assert_eq!((status, &view["appId"]), (200, &json!(7)), "{view}");
    assert!(!view.to_string().contains(SECRET) && !view.to_string().contains("PRIVATE"), "{view}");
    // The next delivery is accepted, and its run opens a pull request as this App.
    assert_eq!(waiting.deliver(SECRET).await, 200);
    assert_eq!(app_id().await, 7);
    waiting.site.open_issue("The sum is wrong").await;
    waiting
        .site
        .until("the pull request is open", |s| !s.github.pull_requests(&s.repo).is_empty())
        .await;

    app = json!({ "appId": 7, "webhookSecret": "hunter2-the-next" });
    assert_eq!(ask("POST", "", &app).await.0, 200);
    assert_eq!(
        (waiting.deliver(SECRET).await, waiting.deliver("hunter2-the-next").await),
        (200, 200)
    );
    assert_eq!(ask("POST", "", &json!({ "appId": 7, "forgetOldSecrets": true })).await.0, 200);
    assert_eq!(
        (waiting.deliver(SECRET).await, waiting.deliver("hunter2-the-next").await),
        (401, 200)
    );
    // A change by another process takes effect too.
    waiting.ccc(&["config", "clear", "--app-id", "7"]);
    let waits = async |waiting: &Waiting| waiting.deliver("hunter2-the-next").await == 503;
    waiting.taken("the service waits for an App again", waits).await;
    assert_eq!(ask("DELETE", "", &json!({})).await.0, 404);
    assert_eq!(waiting.ask("PUT", "", &token, Vec::new()).await.0, 405);
    // Another process issues a new token. The old one is refused at once, even without a reload.
    let new = waiting.ccc(&["config", "admin-token"]);
    assert_eq!(ask("GET", "", &json!({})).await.0, 401);
    assert_eq!(waiting.ask("GET", "", &new, Vec::new()).await.0, 200);
    let log = waiting.service.log();
    for line in ["no GitHub App is in use", "ccc config admin-token", "no longer contains"] {
        assert!(log.contains(line), "{log}");
    }
    for secret in ["shown only once", "hunter2", SECRET, &token, &new, "PRIVATE"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_the_first_token_and_shows_it_once() {
    // spec: S12a
    let site = Site::start("command:true").await;
    let data = site.dir.path().join("other");
    let shown = |expected: &str| {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let theirs = File::options().write(true).open(name.to_str().unwrap()).unwrap();
        let mut child = serve(&site, &data).stderr(theirs).stdout(Stdio::null()).spawn().unwrap();
        let (mut ours, mut all, mut some) = (File::from(terminal), Vec::new(), [0; 4096]);
        while !text(&all).contains(expected) {
            match ours.read(&mut some) {
                Ok(read) if read > 0 => all.extend_from_slice(&some[..read]),
                _ => break,
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        text(&all)
    };
    let first = shown("listening on");
    let (_, rest) = first.split_once("shown only once:").unwrap_or_else(|| panic!("{first}"));
    let token = rest.split_whitespace().next().unwrap();
    assert_eq!(token.len(), 43, "{first}");
    assert!(!shown("listening on").contains("admin token"), "the token was shown again");
    // The shown token is valid, and the store does not contain its text.
    let (_service, address) = listening(serve(&site, &data));
    let request = http::Request::get(format!("http://{address}/config"));
    let (status, _) =
        site.send(request.header("authorization", format!("Bearer {token}")), Vec::new()).await;
    assert_eq!(status, 200);
    for file in std::fs::read_dir(data.join("credentials")).unwrap() {
        assert!(!text(&std::fs::read(file.unwrap().path()).unwrap()).contains(token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_killed_service_are_revoked_by_the_next_one() {
    // spec: G1f
    let mut site = Site::start("command:sleep 600").await;
    site.open_issue("The sum is wrong").await;
    let live = |site: &Site| site.github.tokens().iter().filter(|token| !token.revoked).count();
    // At this point the run's first comment exists, and the token for the push does not exist yet.
    site.until("the service has tokens", |site| !site.comments().is_empty() && live(site) > 0)
        .await;
    site.service.signal(Signal::KILL);
    site.service.child.wait().unwrap();
    assert!(live(&site) > 0);
    let (mut next, _) = listening(serve(&site, &site.dir.path().join("data")));
    let log = |next: &Running| next.log().contains("took over access tokens of an earlier process");
    site.until("the tokens are taken over", |_| log(&next)).await;
    next.signal(Signal::TERM);
    assert!(next.child.wait().unwrap().success(), "{}", next.log());
    assert_eq!(live(&site), 0, "{:#?}", site.github.tokens());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_credential_is_stored_at_the_first_start() {
    // spec: S11d
    const KEY: &str = "hunter2-of-the-model";
    let mut site = Site::start_with("command:true", &[("CCC_MODEL__API_KEY", KEY)]).await;
    site.service.signal(Signal::TERM);
    site.service.child.wait().unwrap();
    let data = site.dir.path().join("data");
    let config = |arguments: &[&str]| {
        let mut command = ccc();
        command.arg("config").args(arguments).env("CCC_DATA_DIR", &data);
        command.env("CCC_GITHUB__API_URL", site.github.api_url()).output().unwrap()
    };
    let stored_kind = || {
        serde_json::from_slice::<Value>(&config(&["show", "--json"]).stdout).unwrap()["model"]
            .clone()
    };
    assert_eq!(stored_kind(), "api-key");
    // The stored credential is enough to give an agent access to the model.
    let repository = tempfile::TempDir::new().unwrap();
    std::fs::write(repository.path().join("sum.txt"), "3").unwrap();
    ccc_core::testing::git(repository.path(), &["init", "--quiet"]);
    ccc_core::testing::git(repository.path(), &["add", "."]);
    ccc_core::testing::git(repository.path(), &["commit", "--quiet", "-m", "x"]);
    let run = |data: &Path| {
        let mut command = ccc();
        command.args([
            "run",
            "--issue",
            "It is 2",
            "--agent",
            "command:sh -c 'printf %s ${ANTHROPIC_BASE_URL:+way} > sum.txt'",
        ]);
        command.arg("--repo").arg(repository.path()).env("CCC_DATA_DIR", data);
        let output = command.env("CCC_RUNNER__DANGEROUSLY_AS_ROOT", "true").output().unwrap();
        let branch = text(&output.stdout).lines().next().unwrap_or_default().to_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        ccc_core::testing::git(repository.path(), &["show", &format!("{branch}:sum.txt")])
    };
    assert_eq!(run(&data), "way");
    assert_eq!(run(&site.dir.path().join("nothing")), "");
    assert!(
        !site.dir.path().join("nothing/credentials.key").exists(),
        "a run created a credential store"
    );

    // The configured credential is the same as the stored one, so there is no warning.
    let mut command = serve(&site, &data);
    command.env("CCC_MODEL__API_KEY", KEY);
    let (service, _) = listening(command);
    assert!(!service.log().contains("the model's credential"), "{}", service.log());
    drop(service);
    // A credential of another kind replaces it.
    let file = site.dir.path().join("token");
    std::fs::write(&file, "hunter2-of-a-subscription\n").unwrap();
    let set = config(&["set", "--model-oauth-token-file", file.to_str().unwrap()]);
    assert!(set.status.success(), "{}", text(&set.stderr));
    assert_eq!(stored_kind(), "oauth-token");
    std::fs::write(&file, "two\nlines").unwrap();
    let refused = config(&["set", "--model-bearer-token-file", file.to_str().unwrap()]);
    assert_eq!((refused.status.code(), stored_kind()), (Some(2), json!("oauth-token")));
    // The configured credential differs from the stored one, so there is a warning.
    let mut command = serve(&site, &data);
    command.env("CCC_MODEL__API_KEY", KEY);
    let (service, _) = listening(command);
    assert!(service.log().contains("the model's credential differs between the configuration"));
    assert!(!service.log().contains("hunter2"));
    drop(service);
    assert_eq!(config(&["clear", "--model"]).status.code(), Some(0));
    assert_eq!(config(&["clear", "--model"]).status.code(), Some(1));
    assert_eq!(stored_kind(), Value::Null);
}
