use std::process::Command;

use ccc_github::emulator::{Emulator, EmulatorConfig};

use super::support::{Site, ccc, git, text};

const FIX: &str = "command:sed -i s/3/2/ sum.txt";

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_becomes_a_pull_request_with_the_least_of_power() {
    // spec: G1a, X5a, P5, P7, W5c
    let site = Site::start(FIX).await;
    site.github.open_issue("octo", "hello", "writer", "The sum is wrong", "It is 2.").await.unwrap();
    assert_eq!(site.github.deliveries()[0].status, 202);
    let told = |site: &Site| {
        site.github.comments("octo", "hello", 1).iter().any(|text| text.contains("Opened #2"))
    };
    site.until("the pull request is open and told of", told).await;
    site.until("every token is revoked", |site| site.github.tokens().iter().all(|t| t.revoked)).await;

    let pulls = site.github.pull_requests("octo", "hello");
    assert_eq!(pulls.len(), 1);
    let git_dir = site.github.git_dir("octo", "hello");
    assert_eq!(git(&git_dir, &["show", &format!("{}:sum.txt", pulls[0])]), "1 + 1 = 2");
    assert_eq!(site.github.comments("octo", "hello", 1).len(), 1, "one comment");

    // The record: what was asked, by whom, in which order.
    let calls = site.github.calls();
    let seen: Vec<String> = calls
        .iter()
        .map(|call| {
            let who = call.who.split(' ').next().unwrap_or_default();
            let path = call.path.replace(&pulls[0], "BRANCH").replace("/repos/octo/hello", "");
            format!("{} {} {path} {}", who, call.method, call.status)
        })
        .collect();
    let count = |start: &str| seen.iter().filter(|call| call.starts_with(start)).count();
    assert_eq!(count("app POST /app/installations/77/access_tokens 201"), 3, "{seen:#?}");
    assert_eq!(count("token DELETE /installation/token 204"), 3, "{seen:#?}");
    assert_eq!(count("token POST /pulls 201"), 1, "{seen:#?}");
    assert_eq!(count("token POST /issues/1/comments 201"), 1, "{seen:#?}");
    assert_eq!(count("token POST /octo/hello.git/git-receive-pack 200"), 1, "{seen:#?}");
    assert!(calls.iter().all(|call| call.status < 400 || call.path.contains("info/refs")), "{calls:#?}");
    for token in site.github.tokens() {
        assert_eq!(token.repository, "octo/hello");
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
async fn what_goes_wrong_on_the_host_is_told_where_a_person_waits() {
    // spec: P5
    for (what, expected) in [
        ("archived", "archived: nothing can be pushed"),
        ("refused push", "branch rules"),
        ("refused pull request", "failed at *publish*"),
    ] {
        let site = Site::start(FIX).await;
        match what {
            "archived" => site.github.archive("octo", "hello").unwrap(),
            "refused push" => {
                let hook = site.github.git_dir("octo", "hello").join("hooks/pre-receive");
                std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
                std::fs::write(&hook, "#!/bin/sh\necho protected >&2\nexit 1\n").unwrap();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(&hook, mode).unwrap();
            }
            _ => site.github.fail_next(ccc_github::emulator::Fault {
                method: "POST".to_owned(),
                path: "/repos/octo/hello/pulls".to_owned(),
                status: 403,
                count: 9,
            }),
        }
        site.github.open_issue("octo", "hello", "writer", "Wrong", "It is 2.").await.unwrap();
        site.until(what, |site| {
            site.github.comments("octo", "hello", 1).iter().any(|text| text.contains(expected))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_how_it_is_and_ends_when_it_is_told_to() {
    let mut site = Site::start("command:true").await;
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
    assert!(log.contains("kept in memory") && log.contains("isolates nothing"), "{log}");
    site.service.signal(rustix::process::Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    assert!(site.dir.path().join("data/lock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_start_with_a_mistake_in_its_settings() {
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
        (vec![agent], "CCC_GITHUB__APP_ID"),
        (vec![agent, app], "CCC_GITHUB__PRIVATE_KEY_FILE"),
        (vec![agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", "/nowhere")], "/nowhere"),
        (vec![agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", &key)], "public key"),
        (vec![("CCC_GITHUB__APPID", "7")], "did you mean `github.app_id`"),
        (vec![("CCC_LISTEN", "somewhere")], "socket address"),
    ] {
        let said = with(&variables);
        assert!(said.contains(expected), "{variables:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    let github = Emulator::start(EmulatorConfig::new(7, dir.path().join("github"))).await.unwrap();
    let key = file("good.pem", github.private_key_pem().expose_str().unwrap());
    let good = [agent, app, ("CCC_GITHUB__PRIVATE_KEY_FILE", key.as_str())];
    for (file, expected) in [(&empty, "secret"), (&"/nowhere".to_owned(), "/nowhere")] {
        let said = with(&[&good[..], &[("CCC_GITHUB__WEBHOOK_SECRET_FILE", file)]].concat());
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("BEGIN"), "{said}");
    }
}
