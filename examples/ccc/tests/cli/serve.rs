use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use ccc_core::{Clock, SystemClock};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{Emulator, EmulatorConfig};

use super::fixture::{Running, SECRET, Site, ccc, text};

const FIX: &str = "command:sed -i s/3/2/ sum.txt";

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_becomes_a_pull_request_with_minimal_permissions() {
    // spec: G1a, X5a, P5, P7, W5c
    let site = Site::start(FIX).await;
    site.open_issue("The sum is wrong").await;
    assert_eq!(site.github.deliveries()[0].status_code, 202);
    let told = |site: &Site| site.comments().iter().any(|text| text.contains("Opened #2"));
    site.until("the pull request is open and reported", told).await;
    site.until("every token is revoked", |site| site.github.tokens().iter().all(|t| t.revoked))
        .await;

    let pulls = site.github.pull_requests(&site.repo);
    assert_eq!(pulls.len(), 1);
    assert_eq!(site.file(&pulls[0].head, "sum.txt"), "1 + 1 = 2");
    assert_eq!(site.file("main", "sum.txt"), "1 + 1 = 3");
    assert_eq!(site.comments().len(), 1, "one comment");

    // The recorded calls, in their order.
    let calls = site.github.calls();
    let seen: Vec<String> = calls
        .iter()
        .map(|call| {
            let who = call.caller.split(' ').next().unwrap_or_default();
            let path = call.path.replace("/repos/octo/hello", "");
            format!("{who} {} {path} {}", call.method, call.status.unwrap_or(0))
        })
        .collect();
    let count = |start: &str| seen.iter().filter(|call| call.starts_with(start)).count();
    // One token for each grant of the run. Intake and the run share the token that reads.
    assert_eq!(count("app POST /app/installations/"), 3, "{seen:#?}");
    assert_eq!(count("token DELETE /installation/token 204"), 3, "{seen:#?}");
    assert_eq!(count("token POST /pulls 201"), 1, "{seen:#?}");
    assert_eq!(count("token POST /issues/1/comments 201"), 1, "{seen:#?}");
    assert_eq!(count("token POST /octo/hello.git/git-receive-pack 200"), 1, "{seen:#?}");
    assert!(calls.iter().all(|call| call.status.unwrap_or(0) < 400), "{calls:#?}");
    for token in site.github.tokens() {
        assert_eq!(token.repositories, Some(vec![site.repo.id]));
        let powers: Vec<_> = token.permissions.iter().map(|(a, l)| format!("{a} {l}")).collect();
        let expected = [
            "contents read, issues read, metadata read",
            "issues write, metadata read",
            "contents write, metadata read, pull_requests write",
        ];
        assert!(expected.contains(&powers.join(", ").as_str()), "{powers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_on_the_host_is_reported_on_the_issue() {
    // spec: P5
    for (what, expected) in [
        ("refused push", "branch rules"),
        ("refused pull request", "failed in the stage *publish*"),
    ] {
        let site = Site::start(FIX).await;
        match what {
            "refused push" => {
                site.github.refuse_push(&site.repo, "claude/", "protected").await.unwrap();
            }
            _ => site.github.fail_next("POST", "/repos/octo/hello/pulls", 403, 9),
        }
        site.open_issue("Wrong").await;
        site.until(what, |site| site.comments().iter().any(|text| text.contains(expected))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_reports_its_health_and_ends_on_sigterm() {
    let mut site = Site::start_with("command:true", &[("CCC_RUNS__STORE", "memory")]).await;
    let (status, body) = site.send(http::Request::get(site.url("/health")), Vec::new()).await;
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &health["status"]), (200, &"ok".into()), "{body}");
    for key in ["version", "uptime_seconds", "memory_bytes", "cpu_seconds", "disk_free_bytes"] {
        assert!(!health[key].is_null(), "{key}: {body}");
    }
    let (status, body) = site.send(http::Request::get(site.url("/")), Vec::new()).await;
    assert!(status == 200 && body.contains("/webhook/github"), "{body}");
    let (status, _) = site.send(http::Request::get(site.url("/nothing")), Vec::new()).await;
    assert_eq!(status, 404);
    let log = site.service.log();
    assert!(
        log.contains("stored in memory") && log.contains("does not isolate the agent"),
        "{log}"
    );
    site.service.signal(rustix::process::Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    assert!(site.dir.path().join("data/lock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_does_not_start_with_an_invalid_setting() {
    // spec: W2d
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = file("empty", "\n");
    let key = file("key.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    let with = |variables: &[(&str, &str)]| -> String {
        let mut command: Command = ccc();
        command
            .arg("serve")
            .current_dir(dir.path())
            .env("CCC_LISTEN", "127.0.0.1:0")
            .env("CCC_DATA_DIR", dir.path().join("data"))
            .envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variables:?}");
        text(&output.stderr)
    };
    let agent = ("CCC_AGENT__KIND", "command:true");
    let app = ("CCC_GITHUB__APP_ID", "7");
    for (variables, expected) in [
        (vec![], "CCC_AGENT__KIND"),
        // Without any setting of an App the service waits for one. With only a part of the settings,
        // the rest was forgotten.
        (vec![agent, ("CCC_GITHUB__PRIVATE_KEY_FILE", &key)], "CCC_GITHUB__APP_ID"),
        (
            vec![agent, app, ("CCC_GITHUB__WEBHOOK_SECRET_FILE", &key)],
            "CCC_GITHUB__PRIVATE_KEY_FILE",
        ),
        (vec![agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", "/nowhere")], "/nowhere"),
        (vec![agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", &key)], "public key"),
        (vec![("CCC_GITHUB__APPID", "7")], "did you mean `github.app_id`"),
        (vec![("CCC_LISTEN", "somewhere")], "it is not an address with a port"),
    ] {
        let said = with(&variables);
        assert!(said.contains(expected), "{variables:?}: {said}");
        // The log says that the service starts and, in the first case, that it generated the key of the
        // credential store.
        let is_log =
            |line: &str| line.contains("generated the key") || line.contains("starting, with");
        let errors = said.lines().filter(|line| !is_log(line));
        assert_eq!(errors.filter(|line| !line.is_empty()).count(), 1, "{said}");
    }
    let github = Emulator::start(EmulatorConfig::new(dir.path().join("github"), SECRET.into()))
        .await
        .unwrap();
    let key = file("good.pem", github.private_key_pem().expose_secret());
    let good = [agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", key.as_str())];
    for (file, expected) in [(&empty, "secret"), (&"/nowhere".to_owned(), "/nowhere")] {
        let said = with(&[&good[..], &[("CCC_GITHUB__WEBHOOK_SECRET_FILE", file)]].concat());
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("BEGIN"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_request_is_closed_and_does_not_delay_the_shutdown() {
    // spec: W1d
    let mut site = Site::start("command:true").await;
    let half = || {
        let mut stream = TcpStream::connect(site.address).unwrap();
        stream.write_all(b"POST /webhook/github HTTP/1.1\r\nhost: x\r\nx-a: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    let mut answer = Vec::new();
    half().read_to_end(&mut answer).expect("the connection was left open");
    assert!(!text(&answer).contains(" 2"), "{}", text(&answer));

    let _open = half();
    site.service.signal(rustix::process::Signal::TERM);
    let mut ended = None;
    for _ in 0..1_500 {
        ended = site.service.child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?} {}", site.service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_client_reads_no_responses_is_closed() {
    // spec: W1d
    let site = Site::start("command:true").await;
    // A small receive buffer, so that a few responses fill it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(site.address).await.unwrap();
    let asks = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(400);
    let mut ended = None;
    for _ in 0..12_000 {
        match stream.try_write(&asks) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                SystemClock.sleep(Duration::from_millis(10)).await;
            }
            Err(e) => {
                ended = Some(e);
                break;
            }
        }
    }
    assert!(ended.is_some(), "the connection was left open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_gets_the_response_although_it_is_still_sending() {
    // spec: W1e
    let site = Site::start("command:true").await;
    // Returns the response to a request, or the error of a client that sends the whole body first.
    let ask = |head: &str, body: usize| {
        let mut stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!("POST {head}\r\nhost: x\r\nconnection: close\r\n");
        write!(stream, "{head}content-length: {body}\r\n\r\n")?;
        for _ in 0..body >> 20 {
            stream.write_all(&[b' '; 1 << 20])?;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    for (head, body, status) in [
        ("/webhook/github HTTP/1.1", 26 << 20, 413),
        ("/webhook/github HTTP/1.1", 20 << 20, 400),
        ("/health HTTP/1.1", 20 << 20, 405),
        ("/nothing HTTP/1.1", 20 << 20, 404),
        ("/config HTTP/1.1\r\nauthorization: Bearer hunter2", 20 << 20, 401),
    ] {
        let answer = ask(head, body).unwrap_or_else(|error| panic!("{head}: {error}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
    }
    // Draining has limits of bytes and of time.
    assert!(ask("/nothing HTTP/1.1", 1 << 30).is_err(), "a gigabyte was read to its end");
    let long = format!("x-a: {}", "b".repeat(64 << 10));
    for (rest, status) in [
        ("content-length: 9", 404),
        ("expect: 100-continue\r\ncontent-length: 9", 404),
        (&long, 431),
    ] {
        let mut stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The server can respond and close the connection before the whole request is written.
        let _ = write!(stream, "POST /nothing HTTP/1.1\r\nhost: x\r\n{rest}\r\n\r\n");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(text(&answer), format!("HTTP/1.1 {status}"), "{}", &rest[..10]);
        let end = stream.read_to_end(&mut Vec::new());
        let open = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "the connection was left open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_does_not_delay_pings_health_and_the_shutdown() {
    // spec: W12f
    let mut site = Site::start("command:true").await;
    let health = async |site: &Site| {
        let (status, body) = site.send(http::Request::get(site.url("/health")), Vec::new()).await;
        (status, serde_json::from_str::<serde_json::Value>(&body).unwrap()["checks"].clone())
    };
    let (status, checks) = health(&site).await;
    assert_eq!((status, checks["disk"].as_str()), (200, Some("ok")), "{checks}");
    // No process reads the named pipe, so opening it never returns.
    let probe = site.dir.path().join("data/health-probe");
    std::fs::remove_file(&probe).unwrap();
    assert!(Command::new("mkfifo").arg(&probe).status().unwrap().success());
    // The result of the last check is used for a few seconds.
    let mut found = (0, serde_json::Value::Null);
    for _ in 0..600 {
        found = health(&site).await;
        if found.0 == 503 {
            break;
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(found.1["disk"], "the disk does not respond", "{found:?}");
    assert_eq!(found.1["store"], "ok", "{found:?}");
    assert_eq!(site.ping(site.address, SECRET).await, 200);
    site.service.signal(rustix::process::Signal::TERM);
    let mut ended = None;
    for _ in 0..1_500 {
        ended = site.service.child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?} {}", site.service.log());
}

#[test]
fn other_processes_of_the_user_cannot_read_the_programs_environment() {
    // spec: S6e
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Stdio;
    let dir = tempfile::TempDir::new().unwrap();
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), everybody).unwrap();
    let program = dir.path().join("ccc");
    // The program is copied by `cp`. If this process copied it, a process that another test starts could inherit
    // the file while it is open for writing, and such a file cannot be executed.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_ccc")).arg(&program).status();
    assert!(copied.unwrap().success());
    // Root can read every environment, so as root the processes run under another user.
    let root = rustix::process::getuid().is_root();
    let as_user = |program: &std::path::Path| {
        let mut command = Command::new(if root { "setpriv".as_ref() } else { program.as_os_str() });
        if root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).current_dir(dir.path());
        command
    };
    let mut ours = as_user(&program);
    ours.args(["github-emulator", "--listen", "127.0.0.1:0"]).env("TMPDIR", dir.path());
    let (ours, ()) = Running::start(ours, |line| line.contains("http://").then_some(()));
    // A process that has answered has already switched to its user.
    let mut other = as_user("cat".as_ref());
    let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    other.stdin.as_mut().unwrap().write_all(b"!").unwrap();
    other.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let read = |pid: u32| {
        let mut command = as_user("cat".as_ref());
        command.arg(format!("/proc/{pid}/environ"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    let (other_open, ours_open) = (read(other.id()), read(ours.child.id()));
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(other_open, "no environment is readable on this machine, so this test proves nothing");
    assert!(!ours_open, "the environment of the program is readable");
}
