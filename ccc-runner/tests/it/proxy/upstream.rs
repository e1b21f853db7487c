//! Tests of answers and faults of the API.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::testing::ManualClock;
use ccc_core::{Clock as _, Secret, SystemClock};
use ccc_runner::{ModelCredential, ModelProxy};

use super::api::{Api, Reply, start as start_of, text};
use super::wire::{Answer, Wire, ask, message, request};
use super::{KEY, PLAIN, STREAM, notices, open, shown, soon, start, until};

/// Sends one request. Returns the answer that the agent receives, the notices, and the cost.
async fn outcome(api: &Api, body: &str) -> (Answer, Vec<String>, u64) {
    outcome_by(&start(&api.url, |builder| builder).await, body).await
}

async fn outcome_by(proxy: &ModelProxy, body: &str) -> (Answer, Vec<String>, u64) {
    let mut access = open(proxy, Some(1_000_000));
    let answer = ask(proxy.url(), &message(shown(&access), body)).await;
    let said = notices(&mut access);
    let everything = format!("{answer:?} {said:?} {access:?}");
    assert!(!everything.contains(KEY), "{everything}");
    (answer, said, access.spent().0)
}

#[tokio::test]
async fn an_error_of_the_api_is_forwarded_and_reported_and_costs_nothing() {
    // spec: X3b
    let json = r#"{"type":"error","error":{"type":"some_error","message":"words of the API"}}"#;
    let html = "<html><body>Bad gateway</body></html>";
    let reply = Arc::new(Mutex::new((0, "", "")));
    let next = Arc::clone(&reply);
    let api = Api::saying(move || {
        let (status, kind, words) = *next.lock().unwrap();
        Reply::of(status, &[&format!("content-type: {kind}"), "retry-after: 7"], words)
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    for (status, expected) in [
        (400, "the model's API refused the request (400)"),
        (401, "the model's API rejected the credential (401)"),
        (402, "the account at the model's API has no money left (402)"),
        (403, "the model's API does not permit the account to make this request (403)"),
        (404, "the model's API does not know the model or the path (404)"),
        (413, "the request is too large for the model's API (413)"),
        (429, "the request exceeds the rate limit of the model's API (429)"),
        (500, "the model's API reports an internal error (500)"),
        (503, "the model's API reports an internal error (503)"),
        (529, "the model's API is overloaded (529)"),
    ] {
        for (kind, words) in [("application/json", json), ("text/html", html)] {
            *reply.lock().unwrap() = (status, kind, words);
            for body in [PLAIN, STREAM] {
                let (answer, said, spent) = outcome_by(&proxy, body).await;
                assert_eq!((answer.status, &*answer.body), (status, words));
                assert_eq!(answer.header("content-type"), Some(kind));
                assert_eq!(answer.header("retry-after"), Some("7"));
                assert_eq!((said, spent), (vec![expected.to_owned()], 0));
            }
        }
    }
}

#[tokio::test]
async fn only_the_headers_that_an_agent_needs_are_returned() {
    // spec: X3b
    let echo = format!("request-id: {KEY}");
    for status in [200, 429] {
        let (echo, kind) = (echo.clone(), "content-type: application/json");
        let api = Api::saying(move || {
            let lines = [
                kind,
                "retry-after: 3",
                "retry-after-ms: 3000",
                "x-should-retry: true",
                "anthropic-ratelimit-requests-remaining: 0",
                "anthropic-ratelimit-tokens-reset: x",
                "anthropic-organization-id: org",
                "set-cookie: a=b",
                "x-api-key: x",
                "server: s",
                "location: https://evil.example/",
                "authorization: Bearer x",
                "via: 1.1 cf",
                &echo,
            ];
            Reply::of(status, &lines, r#"{"usage":{"output_tokens":1}}"#)
        })
        .await;
        let (answer, ..) = outcome(&api, PLAIN).await;
        let names = answer.head.lines().skip(1).map(|line| line.split_once(':').unwrap().0);
        let mut names: Vec<_> =
            names.filter(|name| !["date", "connection"].contains(name)).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-tokens-reset",
                "content-length",
                "content-type",
                "retry-after",
                "retry-after-ms",
                "x-should-retry",
            ],
            "{status}"
        );
    }
    // The same header is returned if it does not contain the credential.
    let api = Api::saying(|| Reply::of(200, &["request-id: r1"], "{}")).await;
    assert_eq!(outcome(&api, PLAIN).await.0.header("request-id"), Some("r1"));
}

#[tokio::test]
async fn an_answer_that_shows_the_credential_is_not_forwarded() {
    // spec: X3b
    for status in [200, 401, 500] {
        for words in [
            format!(r#"{{"error":{{"message":"invalid key {KEY}"}}}}"#),
            format!("<b>x-api-key: {KEY}</b>"),
            KEY.to_owned(),
        ] {
            let api = Api::saying(move || Reply::of(status, &[], &words)).await;
            let (answer, said, _) = outcome(&api, PLAIN).await;
            assert_eq!(answer.status, if status == 200 { 502 } else { status });
            assert_eq!((&*answer.error(), said.len()), ("api_error", 1), "{answer:?} {said:?}");
        }
        // The white space around a credential is neither sent nor necessary to recognize it.
        let words = format!("invalid key {KEY}");
        let api = Api::saying(move || Reply::of(status, &[], &words)).await;
        let proxy = start(&api.url, |builder| builder).await;
        let credential = ModelCredential::ApiKey(Secret::from(format!(" {KEY}\n")));
        let access = proxy.open(credential, None).unwrap();
        let answer = ask(proxy.url(), &message(shown(&access), PLAIN)).await;
        assert!(api.seen()[0].contains(&format!("x-api-key: {KEY}\r\n")), "{:?}", api.seen());
        assert!(!answer.body.contains(KEY), "{answer:?}");
    }
}

#[tokio::test]
async fn the_credential_is_not_sent_to_the_target_of_a_redirect() {
    // spec: X3b
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let elsewhere = Api::saying(|| Reply::message(1, 1)).await;
        let to = format!("location: {}/v1/messages", elsewhere.url);
        let api = Api::saying(move || Reply::of(status, &[&to], "")).await;
        let (answer, said, spent) = outcome(&api, PLAIN).await;
        assert_eq!((answer.status, &*answer.error(), spent), (502, "api_error", 0), "{answer:?}");
        assert_eq!(
            said,
            [format!("the model's API answered with a redirect, which is not followed ({status})")]
        );
        assert!(!format!("{answer:?}").contains(&elsewhere.url), "{answer:?}");
        assert_eq!(elsewhere.seen(), [""; 0]);
        // A client that follows redirects does send it there, except for these two statuses.
        let client = reqwest::Client::new().post(&api.url).header("x-api-key", KEY).body(PLAIN);
        let _ = client.send().await;
        let taken = elsewhere.seen().iter().any(|seen| seen.contains(KEY));
        assert_eq!(taken, ![300, 304].contains(&status), "{status}");
    }
}

#[tokio::test]
async fn an_unreachable_api_and_one_without_http_are_reported_differently() {
    let unreachable = Api::saying(|| Reply::bytes("")).await.url.clone();
    let cannot =
        "cannot reach the model's API: check the configured address of the API, and the network";
    let broke = "the model's API closed the connection before it answered";
    let proxy = start(&unreachable, |builder| builder).await;
    let mut access = open(&proxy, Some(10_000));
    let answer = ask(proxy.url(), &message(shown(&access), PLAIN)).await;
    assert_eq!((answer.status, &*answer.error(), access.spent().0), (502, "api_error", 0));
    let said = notices(&mut access);
    assert!(said.len() == 1 && said[0].starts_with(cannot), "{said:?}");
    for bytes in ["", "HTTP/1.1 200", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n"] {
        let api = Api::saying(move || Reply::bytes(bytes)).await;
        let (answer, said, spent) = outcome(&api, STREAM).await;
        assert_eq!((answer.status, &*answer.error(), spent), (502, "api_error", 0), "{bytes}");
        assert!(said.len() == 1 && said[0].starts_with(broke), "{said:?}");
    }
}

#[tokio::test]
async fn compressed_oversized_and_truncated_answers_are_not_forwarded() {
    let long = vec![b' '; (32 << 20) + 1];
    for (reply, expected) in [
        (Reply::of(200, &["content-encoding: gzip"], "x"), "compressed its answer"),
        (
            Reply::of(200, &["content-type: text/event-stream", "content-encoding: br"], "x"),
            "compressed",
        ),
        (Reply::of(200, &["content-type: application/json"], long), "too large"),
        (Reply::bytes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"), "cut off its answer"),
    ] {
        let reply = Mutex::new(Some(reply));
        let api = Api::saying(move || reply.lock().unwrap().take().unwrap()).await;
        let (answer, said, _) = outcome(&api, PLAIN).await;
        assert_eq!((answer.status, &*answer.error()), (502, "api_error"), "{answer:?}");
        assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
    }
    // An error answer that is too large is forwarded with its status but without its text.
    let api = Api::saying(|| Reply::of(500, &[], vec![b'x'; (64 << 10) + 1])).await;
    let (answer, said, _) = outcome(&api, PLAIN).await;
    assert_eq!((answer.status, &*answer.error(), said.len()), (500, "api_error", 1));
}

/// Sends a request to an API that sends `begin` and then nothing, and advances the clock until the
/// proxy answers. Returns the answer and the notices.
async fn stalled(begin: String, body: &str) -> (Answer, Vec<String>) {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let (hold, held) = std::sync::mpsc::channel();
    let hold = Mutex::new(hold);
    let api = Api::saying(move || {
        let (reply, more) = Reply::bytes(begin.clone()).then();
        hold.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let same = Arc::clone(&clock);
    let proxy = start(&api.url, |b| b.clock(same).silence(Duration::from_secs(5))).await;
    let mut access = open(&proxy, None);
    let wire = Wire::send(proxy.url(), &message(shown(&access), body)).await;
    let rest = wire.rest();
    // Wakes all sleeping tasks until there is an answer.
    let answer = tokio::select! {
        answer = rest => answer,
        () = async {
            loop {
                until(|| !api.seen().is_empty() && clock.sleepers() > 0).await;
                clock.advance(Duration::from_secs(5));
                tokio::task::yield_now().await;
            }
        } => unreachable!("a loop"),
    };
    // The proxy has closed the connection, and not the API.
    drop(soon(api.left.acquire()).await);
    drop(held);
    (answer, notices(&mut access))
}

#[tokio::test]
async fn a_connection_to_an_api_that_stops_sending_is_closed() {
    // spec: X3b
    let head = "HTTP/1.1 200 OK\r\ncontent-type: ";
    let chunked = "transfer-encoding: chunked";
    for (begin, status, expected) in [
        (String::new(), 504, "the model's API did not answer in 5 s"),
        ("HTTP/1.1 200 OK\r\n".to_owned(), 504, "the model's API did not answer in 5 s"),
        (
            format!("{head}application/json\r\n{chunked}\r\n\r\n1\r\n{{\r\n"),
            502,
            "the model's API stopped sending in the middle of its answer",
        ),
        (
            format!("HTTP/1.1 500 X\r\n{chunked}\r\n\r\n1\r\n{{\r\n"),
            500,
            "the model's API reports an internal error (500)",
        ),
    ] {
        let (answer, said) = stalled(begin.clone(), PLAIN).await;
        assert_eq!((answer.status, &*answer.error()), (status, "api_error"), "{begin}: {answer:?}");
        assert_eq!(said, [expected], "{begin}");
    }
    let begin = format!("{head}text/event-stream\r\n\r\n{}{}", start_of(1), text("x"));
    let (answer, said) = stalled(begin, STREAM).await;
    assert!(
        answer.status == 200 && !answer.whole && answer.body.ends_with(&text("x")),
        "{answer:?}"
    );
    assert_eq!(said, ["the model's API sent nothing for 5 s"]);
}

#[tokio::test]
async fn each_kind_of_credential_is_sent_in_its_header() {
    // spec: X3b
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let secret = || Secret::from(KEY);
    let oauth = "oauth-2025-04-20";
    for (credential, beta, expected) in [
        (ModelCredential::ApiKey(secret()), None, (Some("key"), None)),
        (
            ModelCredential::ApiKey(secret()),
            Some("effort-2025-11-24"),
            (Some("key"), Some("effort-2025-11-24")),
        ),
        (ModelCredential::BearerToken(secret()), None, (None, None)),
        (ModelCredential::OAuthToken(secret()), None, (None, Some(oauth))),
        (
            ModelCredential::OAuthToken(secret()),
            Some("effort-2025-11-24"),
            (None, Some("effort-2025-11-24,oauth-2025-04-20")),
        ),
        (ModelCredential::OAuthToken(secret()), Some(oauth), (None, Some(oauth))),
        // Features that change the price, or that the proxy does not know.
        (ModelCredential::ApiKey(secret()), Some("context-1m-2025-08-07"), (Some("key"), None)),
        (
            ModelCredential::OAuthToken(secret()),
            Some("Fast-Mode-2026-02-01,effort-2025-11-24\r\nAnthropic-Beta: context-1m-2025-08-07"),
            (None, Some("effort-2025-11-24,oauth-2025-04-20")),
        ),
    ] {
        let proxy = start(&format!("{}/gate/way/", api.url), |builder| builder).await;
        let access = proxy.open(credential.clone(), None).unwrap();
        // The agent authenticates with both headers, and neither is forwarded.
        let mut headers = vec![
            format!("x-api-key: {}", shown(&access)),
            format!("authorization: Bearer {}", shown(&access)),
        ];
        headers.extend(beta.map(|beta| format!("anthropic-beta: {beta}")));
        let asked = request("POST /v1/messages?beta=true", &headers, PLAIN);
        assert_eq!(ask(proxy.url(), &asked).await.status, 200);
        let seen = api.seen().pop().unwrap();
        assert!(seen.starts_with("post /gate/way/v1/messages?beta=true http/1.1"), "{seen}");
        let all = |name: &str| {
            let lines = seen.lines().filter_map(|line| line.split_once(": "));
            let values: Vec<_> = lines.filter(|(key, _)| *key == name).map(|(_, v)| v).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        let (key, betas) = expected;
        assert_eq!(all("x-api-key"), key.map(|_| KEY.to_owned()), "{credential:?}");
        let bearer = key.is_none().then(|| format!("bearer {KEY}"));
        assert_eq!(
            all("authorization").map(|value| value.to_lowercase()),
            bearer,
            "{credential:?}"
        );
        assert_eq!(all("anthropic-beta").as_deref(), betas, "{credential:?}");
        assert!(!seen.contains(shown(&access)), "{seen}");
    }
}

#[tokio::test]
async fn an_invalid_address_or_certificate_of_the_api_is_refused_at_start() {
    for address in [
        "",
        "api.anthropic.com",
        "ftp://a.example",
        "file:///etc/passwd",
        "http://",
        "unix:/x",
        "https://user@a.example",
        "https://user:hunter2@a.example",
        "https://a.example/?key=hunter2",
        "https://a.example/#hunter2",
    ] {
        let error = ModelProxy::builder().upstream(address).start().await.unwrap_err();
        assert_eq!(error.kind(), ccc_core::ErrorKind::InvalidInput, "{address}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let builder = ModelProxy::builder().ca_pem(Some(b"no certificate".to_vec()));
    assert_eq!(builder.start().await.unwrap_err().kind(), ccc_core::ErrorKind::InvalidInput);
}
