//! Tests of the paths and headers that the proxy forwards.

use ccc_runner::{ModelProxy, Rule, Rules};

use super::api::{Api, Reply};
use super::wire::{Answer, ask, request};
use super::{PLAIN, notices, open, shown, start};

/// Request lines, with the start of the request that the API receives, or `None` if it is refused.
const CASES: &[(&str, Option<&str>)] = &[
    ("POST /v1/messages", Some("post /v1/messages ")),
    ("POST /v1/messages?beta=true", Some("post /v1/messages?beta=true ")),
    ("POST /v1/messages/count_tokens", Some("post /v1/messages/count_tokens ")),
    ("POST /v1/messages/count_tokens?beta=true", Some("post /v1/messages/count_tokens?beta=true ")),
    // The host of an absolute target is ignored. The request goes to the configured API.
    ("POST http://elsewhere.example/v1/messages", Some("post /v1/messages ")),
    ("POST http://user:word@elsewhere.example/v1/messages", Some("post /v1/messages ")),
    ("POST /v1/messages/", None),
    ("POST //v1/messages", None),
    ("POST /v1//messages", None),
    ("POST /v1/messages/../files", None),
    ("POST /v1/messages/..", None),
    ("POST /v1/./messages", None),
    ("POST /v1/messages%2f", None),
    ("POST /v1/messages%2F..%2Ffiles", None),
    ("POST /v1/%6dessages", None),
    ("POST /V1/Messages", None),
    ("POST /v1/messages;x=y", None),
    ("POST /v1/messages/batches", None),
    ("POST /v1/messages/batches?beta=true", None),
    ("GET /v1/messages/batches", None),
    ("POST /v1/files", None),
    ("GET /v1/files", None),
    ("GET /v1/models", None),
    ("GET /v1/models?limit=1000", None),
    ("POST /v1/complete", None),
    ("GET /v1/organizations/users", None),
    ("POST /v1/skills", None),
    ("GET /api/oauth/profile", None),
    ("GET /v1/messages", None),
    ("HEAD /v1/messages", None),
    ("PUT /v1/messages", None),
    ("PATCH /v1/messages", None),
    ("DELETE /v1/messages", None),
    ("OPTIONS /v1/messages", None),
    ("TRACE /v1/messages", None),
    ("post /v1/messages", None),
    ("X-POST /v1/messages", None),
    ("POST /", None),
    ("POST /v1/messages?", None),
    ("POST /v1/messages?beta=false", None),
    ("POST /v1/messages?beta=true&x=y", None),
    ("POST /v1/messages?BETA=true", None),
    ("POST /v1/messages?x=y", None),
    ("POST /v1/messages/count_tokens?x=y", None),
    ("POST /v1/messages/count_tokens/", None),
    ("POST http://elsewhere.example/v1/files", None),
    ("OPTIONS *", None),
    ("CONNECT elsewhere.example:443", None),
    ("CONNECT 127.0.0.1:22", None),
];

async fn target(proxy: &ModelProxy, target: &str) -> Answer {
    let mut access = open(proxy, None);
    let headers = [format!("x-api-key: {}", shown(&access))];
    let answer = ask(proxy.url(), &request(target, &headers, PLAIN)).await;
    let said = notices(&mut access);
    assert_eq!(answer.status == 404, !said.is_empty(), "{target}: {answer:?} {said:?}");
    assert!(said.iter().all(|line| line.contains("agents must not send")), "{target}: {said:?}");
    answer
}

#[tokio::test]
async fn only_four_targets_reach_the_api() {
    // spec: X3b
    let api = Api::saying(|| Reply::json(r#"{"input_tokens":1}"#)).await;
    let proxy = start(&api.url, |builder| builder).await;
    for (line, expected) in CASES {
        let before = api.seen().len();
        let answer = target(&proxy, line).await;
        let seen: Vec<String> = api.seen().split_off(before);
        match expected {
            Some(expected) => {
                assert_eq!((answer.status, seen.len()), (200, 1), "{line}: {answer:?}");
                assert!(seen[0].starts_with(expected), "{line}: {seen:?}");
                let host = format!("host: {}", &api.url["http://".len()..]);
                assert!(seen[0].lines().any(|line| line == host), "{line}: {seen:?}");
            }
            None => {
                assert_eq!((answer.status, seen.len()), (404, 0), "{line}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn without_the_rule_for_paths_other_targets_reach_the_api() {
    // spec: X3b
    let api = Api::saying(|| Reply::json("{}")).await;
    let rules = Rules::default().dangerously_without(Rule::Paths);
    let proxy = start(&api.url, |builder| builder.rules(rules)).await;
    for (line, expected) in CASES {
        let (method, path) = line.split_once(' ').unwrap();
        // Skips targets that are not paths, and HEAD, whose answers have no body.
        if expected.is_some() || !path.starts_with('/') || method == "HEAD" {
            continue;
        }
        let before = api.seen().len();
        let answer = target(&proxy, line).await;
        let seen: Vec<String> = api.seen().split_off(before);
        assert_eq!((answer.status, seen.len()), (200, 1), "{line}: {answer:?}");
    }
}

#[tokio::test]
async fn only_the_health_check_is_answered_without_a_secret() {
    // spec: X3b
    let api = Api::saying(|| Reply::json("{}")).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    for (line, open) in CASES.iter().map(|(line, _)| (*line, false)).chain([
        ("GET /", true),
        ("HEAD /", true),
        ("GET http://elsewhere.example/", true),
    ]) {
        let answer = ask(proxy.url(), &request(line, &[], PLAIN)).await;
        assert_eq!(answer.status, if open { 200 } else { 401 }, "{line}: {answer:?}");
    }
    assert_eq!(api.seen(), [""; 0]);
    assert_eq!(access.spent().0, 0);
}

#[tokio::test]
async fn headers_of_an_agent_do_not_redirect_a_request_and_only_known_ones_are_forwarded() {
    // spec: X3b
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let elsewhere = Api::saying(|| Reply::message(1, 1)).await;
    let host = &elsewhere.url["http://".len()..];
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let mut headers: Vec<String> = [
        "x-forwarded-host: HOST",
        "forwarded: host=HOST",
        "x-original-url: http://HOST/v1/files",
        "x-rewrite-url: /v1/files",
        "x-http-method-override: DELETE",
        "cookie: session=1",
        "anthropic-workspace-id: w",
        "x-anthropic-base-url: http://HOST",
        "via: 1.1 HOST",
        "proxy-authorization: Basic dTpw",
        "x-real-ip: 10.0.0.1",
        "te: trailers",
        "accept-encoding: gzip",
        "content-encoding: gzip",
        "content-type: text/plain",
        "anthropic-version: 2023-06-01",
        "anthropic-beta: effort-2025-11-24",
        "user-agent: agent/1",
        "x-app: cli",
        "x-stainless-os: Linux",
    ]
    .map(|line| line.replace("HOST", host))
    .into();
    headers.push(format!("x-api-key: {}", shown(&access)));
    let ask_with = request("POST /v1/messages", &headers, PLAIN);
    let ask_with =
        String::from_utf8(ask_with).unwrap().replace("host: proxy", &format!("host: {host}"));
    assert_eq!(ask(proxy.url(), ask_with.as_bytes()).await.status, 200);
    assert_eq!(elsewhere.seen(), [""; 0]);
    let seen = api.seen().pop().unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut names: Vec<&str> =
        head.lines().skip(1).map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "anthropic-beta",
            "anthropic-version",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-api-key",
            "x-app",
            "x-stainless-os",
        ]
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(!seen.contains(shown(&access)) && head.contains(super::KEY), "{seen}");
    assert_eq!(body, PLAIN);
}
