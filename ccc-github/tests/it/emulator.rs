//! Tests of the emulator as other programs and users use it.

use std::collections::HashMap;

use bytes::Bytes;
use ccc_core::vcs::Grant;
use ccc_core::{Secret, VcsHost as _};
use ccc_github::http::{Http as _, ReqwestHttp};
use ccc_github::{AppKey, app_jwt};
use github_emulator::secrecy::SecretString;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission};
use http::{Method, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::common::{World, world};
use crate::emulated::{EmulatorClock, secret};

/// Sends a request with these headers to the emulator.
async fn send(
    world: &World,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let url = format!("{}{path}", world.emulator.api_url());
    let mut request = http::Request::builder().method(method).uri(url).header("user-agent", "t");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ReqwestHttp::direct().unwrap().send(request.body(body.into()).unwrap()).await.unwrap()
}

fn json(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or(Value::Null)
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn bearer(secret: &Secret) -> String {
    format!("Bearer {}", secret.expose_str().unwrap())
}

const ALICE: (&str, &str) = ("x-emulator-user", "alice");
const HTML: (&str, &str) = ("accept", "text/html");

#[tokio::test]
async fn a_jwt_is_checked_for_its_key_issuer_and_times() {
    // spec: E4
    let world = world().await;
    let key = AppKey::from_pem(&world.private_key()).unwrap();
    let other = world.emulator.add_app("other", "octo").await.unwrap();
    let other = AppKey::from_pem(&secret(&other.private_key)).unwrap();
    let now = world.clock_now();
    let ask = async |app: u64, key: &AppKey, minutes: i64| {
        let jwt = app_jwt(app, key, now + SignedDuration::from_mins(minutes)).unwrap();
        let answer =
            send(&world, Method::GET, "/app", &[("authorization", &bearer(&jwt))], "").await;
        (answer.status().as_u16(), json(&answer)["message"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(ask(4711, &key, 0).await.0, 200);
    for (app, key, minutes, words) in [
        (4711, &other, 0, "could not be decoded"),
        (12, &key, 0, "Integration not found"),
        (4711, &key, 5, "'Issued at'"),
        (4711, &key, -20, "'Expiration time'"),
        (4711, &key, 2, "'Issued at'"),
    ] {
        let (status, said) = ask(app, key, minutes).await;
        assert!(status == 401 && said.contains(words), "{app} {minutes}: {status} {said}");
    }
}

#[tokio::test]
async fn a_token_permits_its_repository_and_permissions_until_it_expires() {
    // spec: E4
    let world = world().await;
    let seed = world.dir.path().join("seed");
    world.emulator.add_repository("octo", "other", &seed).await.unwrap();
    world.emulator.add_repository("acme", "foreign", &seed).await.unwrap();
    let github = world.github();
    let hour = std::time::Duration::from_secs(60);
    let access = github.access(&world.repo, Grant::Discuss, hour).await.unwrap();
    let token = bearer(&access.token.unwrap());
    let ask = async |method: Method, path: &str, body: &str| {
        let headers = [("authorization", token.as_str())];
        send(&world, method, path, &headers, body.to_owned()).await
    };
    for (method, path, body, expected) in [
        (Method::POST, "/repos/octo/hello/issues", r#"{"title":"t"}"#, 201),
        (Method::GET, "/repos/octo/hello/pulls", "", 403),
        (Method::GET, "/repos/octo/hello/contents/README.md", "", 403),
        (Method::POST, "/repos/octo/hello/git/refs", "{}", 403),
        (Method::GET, "/repos/octo/other/issues", "", 404),
        (Method::GET, "/repos/acme/foreign/issues", "", 404),
        (Method::GET, "/app", "", 401),
        (Method::GET, "/app/installations", "", 401),
    ] {
        let answer = ask(method.clone(), path, body).await;
        assert_eq!(answer.status().as_u16(), expected, "{method} {path} {:?}", json(&answer));
        if expected == 403 {
            assert!(!header(&answer, "x-accepted-github-permissions").is_empty(), "{path}");
        }
    }
    let listed = ask(Method::GET, "/installation/repositories", "").await;
    assert_eq!(json(&listed)["total_count"], 1);
    world.pass(SignedDuration::from_mins(61));
    let answer = ask(Method::GET, "/repos/octo/hello/issues", "").await;
    assert_eq!(
        (answer.status().as_u16(), &json(&answer)["message"]),
        (401, &json!("Bad credentials"))
    );
}

#[tokio::test]
async fn requests_per_hour_are_limited_and_responses_have_the_remaining_number() {
    // spec: E4
    let dir = tempfile::tempdir().unwrap();
    let mut world = world().await;
    let mut config = EmulatorConfig::new(dir.path(), "s".into());
    config.private_key = Some(world.emulator.private_key_pem());
    config.rate_limit = 3;
    config.clock = std::sync::Arc::new(EmulatorClock(std::sync::Arc::clone(&world.clock)));
    world.emulator = Emulator::start(config).await.unwrap();
    world.emulator.add_user("alice", ActorKind::User);
    for left in ["2", "1", "0"] {
        let answer = send(&world, Method::GET, "/users/alice", &[ALICE], "").await;
        assert_eq!(
            (answer.status(), header(&answer, "x-ratelimit-remaining")),
            (StatusCode::OK, left)
        );
    }
    let answer = send(&world, Method::GET, "/users/alice", &[ALICE], "").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(json(&answer)["message"].as_str().unwrap().contains("rate limit exceeded"));
    let reset: i64 = header(&answer, "x-ratelimit-reset").parse().unwrap();
    assert!((3_590..=3_600).contains(&(reset - world.clock_now().as_second())), "{reset}");
    let told = send(&world, Method::GET, "/rate_limit", &[ALICE], "").await;
    assert_eq!(json(&told)["rate"]["remaining"], 0, "a request for the rate limit does not count");
    assert_eq!(
        send(&world, Method::GET, "/users/alice", &[], "").await.status(),
        200,
        "other callers have their own limit"
    );
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(send(&world, Method::GET, "/users/alice", &[ALICE], "").await.status(), 200);
}

#[tokio::test]
async fn lists_are_paginated_with_links() {
    // spec: E4
    let world = world().await;
    for n in 0..5 {
        world.emulator.open_issue(&world.emulated, "alice", &format!("{n}"), "").await.unwrap();
    }
    let path = "/repos/octo/hello/issues?state=all&per_page=2";
    let page =
        async |page: &str| send(&world, Method::GET, &format!("{path}{page}"), &[], "").await;
    for (number, titles, rels) in [
        ("", vec!["4", "3"], vec!["next", "last"]),
        ("&page=2", vec!["2", "1"], vec!["prev", "next", "last", "first"]),
        ("&page=3", vec!["0"], vec!["prev", "first"]),
        ("&page=9", vec![], vec!["prev", "first"]),
    ] {
        let answer = page(number).await;
        let body = json(&answer);
        let got: Vec<_> =
            body.as_array().unwrap().iter().map(|i| i["title"].as_str().unwrap()).collect();
        assert_eq!(got, titles, "{number}");
        let link = header(&answer, "link");
        let found: Vec<_> =
            link.split("rel=\"").skip(1).map(|r| r.split('"').next().unwrap()).collect();
        assert_eq!(found, rels, "{number}: {link}");
        assert!(link.contains("state=all") && link.contains("per_page=2"), "{link}");
    }
}

#[tokio::test]
async fn a_fault_that_is_set_over_http_applies_to_its_route_and_count() {
    // spec: E5
    let world = world().await;
    let fault = async |fault: Value| {
        let answer = send(&world, Method::POST, "/_emulator/faults", &[], fault.to_string()).await;
        answer.status().as_u16()
    };
    let url = format!("{}/repos/octo/hello/issues", world.emulator.api_url());
    let open = async || {
        let request = http::Request::post(&url).header("user-agent", "t").header(ALICE.0, ALICE.1);
        let sent = ReqwestHttp::direct().unwrap();
        sent.send(request.body(r#"{"title":"t"}"#.into()).unwrap()).await
    };
    let count = async || {
        let list =
            send(&world, Method::GET, "/repos/octo/hello/issues?per_page=100", &[], "").await;
        json(&list).as_array().unwrap().len()
    };
    let at = json!({ "method": "POST", "path": "/repos/*/hello/issues" });
    let with = |more: Value| {
        let mut whole = at.clone();
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        whole
    };
    let mut there = 0;
    for (more, status, made) in [
        (json!({ "status": 503, "headers": { "retry-after": "7" } }), Some(503), 0),
        (json!({ "status": 502, "after": true }), Some(502), 1),
        (json!({ "body": "<html>", "content_type": "text/html" }), Some(200), 0),
        (json!({ "delay_ms": 30 }), Some(201), 1),
        (json!({ "cut": "before" }), None, 0),
        (json!({ "cut": "middle" }), None, 1),
        (json!({ "cut": "after" }), None, 1),
    ] {
        assert_eq!(fault(with(more.clone())).await, 204, "{more}");
        let answer = open().await;
        assert_eq!(answer.as_ref().ok().map(|a| a.status().as_u16()), status, "{more}");
        if more["headers"].is_object() {
            assert_eq!(header(&answer.unwrap(), "retry-after"), "7");
        }
        there += made;
        assert_eq!(count().await, there, "{more}");
        assert_eq!(open().await.unwrap().status(), 201, "the fault applies once: {more}");
        there += 1;
    }
    assert_eq!(fault(with(json!({ "stauts": 1 }))).await, 422, "a misspelled field");
    assert_eq!(fault(with(json!({ "status": 500, "count": 9 }))).await, 204);
    assert_eq!(send(&world, Method::DELETE, "/_emulator/faults", &[], "").await.status(), 204);
    assert_eq!(open().await.unwrap().status(), 201);
}

#[tokio::test]
async fn the_emulator_can_be_configured_and_inspected_over_http() {
    // spec: E6
    let world = world().await;
    let ask = async |method: Method, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(&world, method, &format!("/_emulator/{path}"), &[], body).await;
        (answer.status().as_u16(), json(&answer))
    };
    let (status, made) =
        ask(Method::POST, "repositories", json!({ "owner": "acme", "name": "new" })).await;
    assert_eq!((status, &made["name"]), (200, &json!("new")), "{made}");
    assert_eq!(
        ask(Method::POST, "repositories", json!({ "owner": "acme", "name": "new" })).await.0,
        422
    );
    assert_eq!(ask(Method::POST, "users", json!({ "login": "bob" })).await.0, 200);
    let level = json!({ "permission": "maintain" });
    let path = "repositories/acme/new/permissions/bob";
    assert_eq!(ask(Method::PUT, path, level).await.0, 204);
    let path = "/repos/acme/new/collaborators/bob/permission";
    let permission = json(&send(&world, Method::GET, path, &[ALICE], "").await);
    assert_eq!(permission["role_name"], "maintain");
    let (_, routes) = ask(Method::GET, "routes", Value::Null).await;
    assert_eq!(routes.as_array().unwrap().len(), Emulator::routes().len());
    let (_, calls) = ask(Method::GET, "calls", Value::Null).await;
    assert_eq!(calls[0]["path"], path);
    assert_eq!(ask(Method::GET, "nothing", Value::Null).await.0, 404);

    // Pages of another origin cannot do the same.
    for headers in [
        [("origin", "https://evil.example"), ("x-a", "b")],
        [("host", "evil.example"), ("x-a", "b")],
    ] {
        let body = json!({ "login": "mallory" }).to_string();
        let answer = send(&world, Method::POST, "/_emulator/users", &headers, body).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
        let as_alice = [headers[0], ALICE];
        let path = "/repos/octo/hello/issues";
        let answer = send(&world, Method::POST, path, &as_alice, r#"{"title":"x"}"#).await;
        assert_eq!(answer.status(), 401, "{headers:?}");
        let body = "title=x&user=alice";
        let answer = send(&world, Method::POST, "/octo/hello/issues", &headers, body).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
    }
    assert_eq!(send(&world, Method::GET, "/users/mallory", &[], "").await.status(), 404);
}

#[tokio::test]
async fn a_user_can_use_the_emulator_in_a_browser() {
    // spec: E6
    let world = world().await;
    let page = async |path: &str| {
        let answer = send(&world, Method::GET, path, &[HTML], "").await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
        String::from_utf8(answer.body().to_vec()).unwrap()
    };
    let post = async |path: &str, form: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let answer = send(&world, Method::POST, path, &[kind, HTML], body).await;
        (answer.status().as_u16(), header(&answer, "location").to_owned())
    };
    let nasty = "<script>alert(1)</script> & co";
    let form = [("title", nasty), ("body", nasty), ("user", "alice")];
    assert_eq!(post("/octo/hello/issues", &form).await, (303, "/octo/hello/issues/1".to_owned()));
    let form = [("body", "hi @claude"), ("user", "alice")];
    assert_eq!(post("/octo/hello/issues/1/comments", &form).await.0, 303);
    post("/octo/hello/issues/1/labels", &[("label", "claude"), ("user", "alice")]).await;
    let new = world.pushed("claude/1").await;
    world.github().open_pull_request(&world.repo, &new).await.unwrap();

    for (path, expected) in [
        ("/", "octo/hello"),
        ("/octo", "octo/hello"),
        ("/octo/hello", "README.md"),
        ("/octo/hello/blob/main/README.md", "hello"),
        ("/octo/hello/tree/claude/1", "fix"),
        ("/octo/hello/issues", "&lt;script&gt;"),
        ("/octo/hello/issues/1", "hi @claude"),
        ("/octo/hello/pulls", "Fix"),
        ("/octo/hello/pull/2", "+claude/1"),
        ("/_emulator/calls", "GET"),
        ("/_emulator/tokens", "pull_requests: write"),
        ("/_emulator/deliveries", "deliveries"),
        ("/apps/ccc-app", "App 4711"),
    ] {
        let text = page(path).await;
        assert!(text.contains(expected), "{path}: {text}");
        assert!(!text.contains("<script"), "{path}");
    }
    assert_eq!(post("/octo/hello/issues/1/state", &[("user", "alice")]).await.0, 303);
    assert!(page("/octo/hello/issues/1").await.contains("Closed"));
    let raw = send(&world, Method::GET, "/octo/hello/pull/2.diff", &[], "").await;
    assert!(raw.body().starts_with(b"diff --git a/fix b/fix"), "{raw:?}");
    for path in ["/nobody", "/octo/nothing", "/octo/hello/issues/99", "/octo/hello/blob/main/../x"]
    {
        let answer = send(&world, Method::GET, path, &[HTML], "").await;
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn an_app_is_created_from_a_manifest_after_confirmation() {
    // spec: E7
    let world = world().await;
    let manifest = json!({
        "name": "Fresh App",
        "url": "https://example.org",
        "hook_attributes": { "url": "http://127.0.0.1:9/hook" },
        "redirect_url": "http://127.0.0.1:9/setup",
        "default_permissions": { "issues": "write" },
        "default_events": ["issues"],
    })
    .to_string();
    let post = async |form: &[(&str, &str)], headers: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        send(&world, Method::POST, "/settings/apps/new?state=abc", headers, body).await
    };
    // A form that another origin submits only leads to the confirmation page.
    let elsewhere = [("origin", "http://127.0.0.1:9")];
    let form = [("manifest", manifest.as_str()), ("user", "alice"), ("confirmed", "yes")];
    let question = post(&form, &elsewhere).await;
    assert_eq!(question.status(), 200);
    assert!(String::from_utf8_lossy(question.body()).contains("Create GitHub App"));
    let made = post(&form, &[]).await;
    assert_eq!(made.status(), 303);
    let back = url::Url::parse(header(&made, "location")).unwrap();
    let query: HashMap<_, _> = back.query_pairs().into_owned().collect();
    assert_eq!((back.path(), query["state"].as_str()), ("/setup", "abc"));

    let convert = format!("/app-manifests/{}/conversions", query["code"]);
    let app = send(&world, Method::POST, &convert, &[], "").await;
    assert_eq!(app.status(), 201);
    let app = json(&app);
    assert_eq!(
        (&app["slug"], &app["permissions"]["issues"]),
        (&json!("fresh-app"), &json!("write"))
    );
    assert_eq!(
        send(&world, Method::POST, &convert, &[], "").await.status(),
        404,
        "the code is valid once"
    );

    // The returned credentials are valid.
    let id = app["id"].as_u64().unwrap();
    let key = AppKey::from_pem(&Secret::from(app["pem"].as_str().unwrap())).unwrap();
    let jwt = bearer(&app_jwt(id, &key, world.clock_now()).unwrap());
    let us = send(&world, Method::GET, "/app", &[("authorization", &jwt)], "").await;
    assert_eq!(json(&us)["id"], id);
    let config =
        send(&world, Method::GET, "/app/hook/config", &[("authorization", &jwt)], "").await;
    assert_eq!(json(&config)["url"], "http://127.0.0.1:9/hook");
    let installed =
        send(&world, Method::POST, "/apps/fresh-app/installations/new", &[], "user=octo").await;
    let place = header(&installed, "location").to_owned();
    assert!(place.starts_with("/settings/installations/"), "{place}");
    let path = "/repos/octo/hello/installation";
    let found = send(&world, Method::GET, path, &[("authorization", &jwt)], "").await;
    assert_eq!(json(&found)["app_id"], id);
    send(&world, Method::POST, &format!("{place}/suspend"), &[], "").await;
    let found = send(&world, Method::GET, path, &[("authorization", &jwt)], "").await;
    assert!(json(&found)["suspended_at"].is_string());
    send(&world, Method::POST, &format!("{place}/uninstall"), &[], "").await;
    let found = send(&world, Method::GET, path, &[("authorization", &jwt)], "").await;
    assert_eq!(found.status(), 404);

    let nonsense = post(&[("manifest", "{"), ("user", "alice")], &[]).await;
    assert_eq!(nonsense.status(), 422);
}

#[tokio::test]
async fn each_app_receives_its_subscribed_events_signed_with_its_own_secret() {
    // spec: E3
    let world = world().await;
    let second = world.emulator.add_app("second", "octo").await.unwrap();
    let key = AppKey::from_pem(&secret(&second.private_key)).unwrap();
    let jwt = bearer(&app_jwt(second.id, &key, world.clock_now()).unwrap());
    // No server listens at these addresses. The attempts are logged nevertheless.
    world.emulator.set_webhook_url("http://127.0.0.1:1/first");
    let body = json!({ "url": "http://127.0.0.1:1/second" }).to_string();
    send(&world, Method::PATCH, "/app/hook/config", &[("authorization", &jwt)], body).await;
    world.emulator.set_permission(&world.emulated, "alice", Permission::Write);
    let number = world.emulator.open_issue(&world.emulated, "alice", "t", "b").await.unwrap();
    world.emulator.comment(&world.emulated, number, "alice", "c").await.unwrap();
    let seen = || -> Vec<_> {
        let all = world.emulator.deliveries();
        all.iter().map(|d| (d.app, d.event.clone(), d.action.clone().unwrap_or_default())).collect()
    };
    for _ in 0..500 {
        if seen().len() == 5 {
            break;
        }
        tokio::task::yield_now().await;
        ccc_core::Clock::sleep(&ccc_core::SystemClock, std::time::Duration::from_millis(10)).await;
    }
    let mut got = seen();
    got.sort();
    let event = |app: u64, event: &str, action: &str| (app, event.to_owned(), action.to_owned());
    let mut expected = vec![event(second.id, "ping", "")];
    for app in [4711, second.id] {
        expected.extend([event(app, "issues", "opened"), event(app, "issue_comment", "created")]);
    }
    expected.sort();
    assert_eq!(got, expected);
    let of = |app: u64| {
        world.emulator.deliveries().into_iter().find(|d| d.app == app && d.event == "issues")
    };
    let (first, other) = (of(4711).unwrap(), of(second.id).unwrap());
    let genuine = |delivery: &github_emulator::HookDelivery, hook: &SecretString| {
        let secrets = ccc_github::Secrets::new([secret(hook)]).unwrap();
        ccc_github::webhook::verify(
            &secrets,
            &delivery.body,
            &delivery.headers["x-hub-signature-256"],
        )
    };
    assert!(
        genuine(&first, &world.emulator.webhook_secret())
            && genuine(&other, &second.webhook_secret)
    );
    assert!(!genuine(&first, &second.webhook_secret));
    for name in
        ["x-github-event", "x-github-delivery", "x-github-hook-id", "x-hub-signature", "user-agent"]
    {
        assert!(!first.headers[name].is_empty(), "{name}");
    }
    let payload: Value = serde_json::from_slice(&other.body).unwrap();
    assert_eq!(payload["installation"]["id"].as_u64(), other.installation);
}

#[tokio::test]
async fn a_user_can_do_what_their_permission_allows() {
    // spec: E4
    let world = world().await;
    let bob = ("x-emulator-user", "bob");
    world.emulator.add_user("bob", ActorKind::User);
    world.emulator.open_issue(&world.emulated, "alice", "t", "b").await.unwrap();
    let at = "/repos/octo/hello";
    let all = [
        (Method::PATCH, "/issues/1", r#"{"title":"mine"}"#, Permission::Triage),
        (Method::PATCH, "/issues/1", r#"{"labels":["claude"]}"#, Permission::Triage),
        (Method::POST, "/issues/1/labels", r#"{"labels":["claude"]}"#, Permission::Triage),
        (Method::POST, "/issues/1/assignees", r#"{"assignees":["bob"]}"#, Permission::Triage),
        (Method::PUT, "/issues/1/lock", "", Permission::Write),
        (Method::POST, "/labels", r#"{"name":"new"}"#, Permission::Write),
        (Method::PUT, "/contents/x", r#"{"message":"m","content":"eA=="}"#, Permission::Write),
    ];
    for (method, path, body, least) in all {
        for (permission, may) in [
            (Permission::Read, false),
            (Permission::Triage, least == Permission::Triage),
            (Permission::Write, true),
        ] {
            world.emulator.set_permission(&world.emulated, "bob", permission);
            let path = format!("{at}{path}");
            let answer = send(&world, method.clone(), &path, &[bob], body).await;
            let status = answer.status();
            assert_eq!(status.is_success(), may, "{method} {path} as {permission}: {status}");
        }
    }
    // The author of an issue may close it.
    let path = format!("{at}/issues/1");
    let own = send(&world, Method::PATCH, &path, &[ALICE], r#"{"state":"closed"}"#);
    assert_eq!(own.await.status(), 200);
    let path = format!("{at}/collaborators/bob/permission");
    assert_eq!(
        send(&world, Method::GET, &path, &[], "").await.status(),
        401,
        "permissions are not public"
    );
    let body = r#"{"message":"m","content":"eA=="}"#;
    let github = world.github();
    let minute = std::time::Duration::from_secs(60);
    let access = github.access(&world.repo, Grant::Publish, minute).await.unwrap();
    let token = bearer(&access.token.unwrap());
    let path = format!("{at}/contents/.github/workflows/x.yml");
    let answer = send(&world, Method::PUT, &path, &[("authorization", &token)], body).await;
    assert_eq!(answer.status(), 403, "a workflow file");
}
