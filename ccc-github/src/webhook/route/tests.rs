use std::sync::Mutex;

use bytes::Bytes;
use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::SkipReason;
use ccc_core::run_store::Accepted;
use ccc_core::{Error, Result, RunId, Secret, SystemClock, async_trait};
use hmac::{Hmac, KeyInit as _, Mac as _};
use tower::ServiceExt as _;

use super::*;
use crate::webhook::signature::Secrets;

type Answer = fn() -> Result<Admission>;

#[derive(Debug)]
struct Scripted(Answer, Mutex<Vec<(Delivery, IssueEvent)>>);

#[async_trait]
impl Intake for Scripted {
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        self.1.lock().unwrap().push((delivery.clone(), event.clone()));
        (self.0)()
    }
}

/// A clock whose sleeps end immediately. A deadline thus passes as soon as no other future can
/// proceed.
#[derive(Debug)]
struct Hasty;

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
    async fn sleep(&self, duration: Duration) {
        assert_eq!(duration, Duration::from_secs(8));
    }
}

const RUN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn accepted(duplicate: bool) -> Result<Admission> {
    let run: RunId = RUN.parse().unwrap();
    Ok(Admission::Accepted(Accepted { run, duplicate }))
}

fn issue() -> String {
    let account = json!({ "id": 1, "login": "alice", "type": "User" });
    json!({
        "action": "opened",
        "issue": { "number": 7, "title": "t", "user": account, "updated_at": "2026-01-02T03:04:05Z" },
        "repository": { "id": 42, "name": "hello", "owner": account },
        "sender": account,
    })
    .to_string()
}

fn request(event: &str, body: impl Into<Body>, signed: &[u8]) -> Request<Body> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"s").unwrap();
    mac.update(signed);
    Request::post("/webhook/github")
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", "d-1")
        .header(
            "x-hub-signature-256",
            format!("sha256={}", hex::encode(mac.finalize().into_bytes())),
        )
        .body(body.into())
        .unwrap()
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: serde_json::Value,
    admitted: usize,
}

async fn ask(answer: Answer, clock: Arc<dyn Clock>, request: Request<Body>) -> Got {
    let secrets = Secrets::new([Secret::from("s")]).unwrap();
    let intake = Arc::new(Scripted(answer, Mutex::default()));
    let app = router(
        Arc::new(Webhook::new(secrets, "github.com")),
        Arc::<Scripted>::clone(&intake),
        clock,
    );
    let response = app.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let admitted = intake.1.lock().unwrap().len();
    Got {
        status: head.status.as_u16(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        admitted,
    }
}

async fn post(answer: Answer, event: &str, body: &str) -> Got {
    ask(answer, Arc::new(SystemClock), request(event, body.to_owned(), body.as_bytes())).await
}

#[tokio::test]
async fn successful_responses_describe_the_result() {
    // spec: W4c, W5a, W9a
    let got = post(|| accepted(false), "issues", &issue()).await;
    assert_eq!((got.status, got.admitted), (202, 1));
    assert_eq!(got.body, json!({ "run_id": RUN, "duplicate": false }));
    let got = post(|| accepted(true), "issues", &issue()).await;
    assert_eq!((got.status, got.body), (202, json!({ "run_id": RUN, "duplicate": true })));
    let got = post(|| panic!(), "ping", r#"{"zen":"x"}"#).await;
    assert_eq!((got.status, got.body), (200, json!({ "pong": true })));
    let got = post(|| panic!(), "push", "{}").await;
    assert_eq!((got.status, got.body), (200, json!({ "ignored": "event" })));
    let own = || Ok(Admission::Ignored(SkipReason::OwnEvent));
    let got = post(own, "issues", &issue()).await;
    assert_eq!((got.status, got.body), (200, json!({ "ignored": "own event" })));
}

#[tokio::test]
async fn a_delivery_that_is_not_stored_never_gets_a_2xx_status() {
    // spec: W4b, W5b, W5c
    let full = || Err(Error::new(ErrorKind::Unavailable, "disk full at /secret/place"));
    let got = post(full, "issues", &issue()).await;
    assert_eq!((got.status, got.headers["retry-after"].as_bytes()), (503, &b"10"[..]));
    assert!(!got.body.to_string().contains("secret"), "{}", got.body);
    let busy = || {
        let wait = Duration::from_millis(300);
        Err(Error::new(ErrorKind::RateLimited, "busy").with_retry_after(wait))
    };
    let got = post(busy, "issues", &issue()).await;
    assert_eq!((got.status, got.headers["retry-after"].as_bytes()), (503, &b"1"[..]));
    let broken = || Err(Error::new(ErrorKind::Unexpected, "bug"));
    assert_eq!(post(broken, "issues", &issue()).await.status, 503);
    let other = || Err(Error::new(ErrorKind::Conflict, "same id, other body"));
    assert_eq!(post(other, "issues", &issue()).await.status, 409);
}

#[tokio::test]
async fn refusals_are_json_and_do_not_reach_the_intake() {
    // spec: W3, W4a, W1c
    let clock = || Arc::new(SystemClock);
    let body = issue();
    let check = |expected: u16, change: fn(&mut Request<Body>)| {
        let mut request = request("issues", body.clone(), body.as_bytes());
        change(&mut request);
        async move {
            let got = ask(|| panic!("admitted"), clock(), request).await;
            assert_eq!(got.status, expected);
            assert!(got.body["error"].is_string(), "{expected}: {}", got.body);
            got
        }
    };
    check(400, |r| drop(r.headers_mut().remove("x-github-event"))).await;
    check(400, |r| drop(r.headers_mut().remove("x-hub-signature-256"))).await;
    check(400, |r| {
        let again = r.headers()["x-hub-signature-256"].clone();
        r.headers_mut().append("x-hub-signature-256", again);
    })
    .await;
    check(401, |r| *r.body_mut() = Body::from("{}")).await;
    check(415, |r| {
        r.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    })
    .await;
    check(415, |r| {
        r.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    })
    .await;
    let got = check(405, |r| *r.method_mut() = axum::http::Method::GET).await;
    assert_eq!(got.headers["allow"], "POST");
    let got = ask(|| panic!(), clock(), request("issues", "{", b"{")).await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_slow_is_cut_off() {
    // spec: W1a, W1b
    let clock = || Arc::new(SystemClock);
    let mut announced = request("issues", Body::empty(), b"");
    let length = (MAX_BODY + 1).to_string();
    announced.headers_mut().insert("content-length", length.parse().unwrap());
    assert_eq!(ask(|| panic!(), clock(), announced).await.status, 413);
    // The body is chunked and endless, so only the limit on the stream can stop it.
    let mebibyte = Bytes::from(vec![b' '; 1 << 20]);
    let endless = futures_util::stream::repeat(mebibyte).map(Ok::<_, std::io::Error>);
    let endless = request("issues", Body::from_stream(endless), b"");
    assert_eq!(ask(|| panic!(), clock(), endless).await.status, 413);
    let stalled = futures_util::stream::pending::<std::result::Result<Bytes, std::io::Error>>();
    let stalled = request("issues", Body::from_stream(stalled), b"");
    assert_eq!(ask(|| panic!(), Arc::new(Hasty), stalled).await.status, 408);
    let body = issue();
    let arrived = request("issues", body.clone(), body.as_bytes());
    assert_eq!(ask(|| accepted(false), Arc::new(Hasty), arrived).await.status, 202);
}

#[tokio::test]
async fn without_secrets_deliveries_get_503_and_new_secrets_apply_to_the_next_delivery() {
    // spec: W2e
    let webhook = Webhook::without_secrets("github.com");
    let intake: Arc<dyn Intake> = Arc::new(Scripted(|| accepted(false), Mutex::default()));
    let app = router(Arc::new(webhook.clone()), intake, Arc::new(SystemClock));
    let deliver = async || {
        let body = issue();
        let response = app.clone().oneshot(request("issues", body.clone(), body.as_bytes())).await;
        response.unwrap()
    };
    let secrets = |all: &[&str]| Secrets::new(all.iter().map(|one| Secret::from(*one))).ok();
    let put_off = deliver().await;
    assert_eq!(
        (put_off.status(), &put_off.headers()["retry-after"]),
        (503.try_into().unwrap(), &"10".parse().unwrap())
    );
    // Without secrets, the body is not read, because its signature cannot be checked.
    let stalled = futures_util::stream::pending::<std::result::Result<Bytes, std::io::Error>>();
    let stalled = app.clone().oneshot(request("issues", Body::from_stream(stalled), b"")).await;
    assert_eq!(stalled.unwrap().status(), 503);
    for (all, expected) in [(&["s"][..], 202), (&["t"], 401), (&["t", "s"], 202), (&[], 503)] {
        webhook.use_secrets(secrets(all));
        assert_eq!(deliver().await.status(), expected, "{all:?}");
    }
}

#[tokio::test]
async fn unverified_bodies_share_a_memory_limit() {
    // spec: W4b, W3
    let secrets = Secrets::new([Secret::from("s")]).unwrap();
    let intake = Arc::new(Scripted(|| panic!(), Mutex::default()));
    let app = router(Arc::new(Webhook::new(secrets, "github.com")), intake, Arc::new(SystemClock));
    let chunk = Bytes::from(vec![b'x'; 24 << 20]);
    let unfinished = || {
        let chunk = chunk.clone();
        let first = futures_util::stream::once(async move { Ok::<_, std::io::Error>(chunk) });
        Body::from_stream(first.chain(futures_util::stream::pending()))
    };
    let hold = || Box::pin(app.clone().oneshot(request("issues", unfinished(), b"")));
    let (mut oldest, mut second, mut third) = (hold(), hold(), hold());
    for request in [&mut oldest, &mut second, &mut third] {
        assert!(futures_util::poll!(request.as_mut()).is_pending());
    }
    // A small delivery has memory that large bodies cannot use, if its length is declared.
    let mut small = request("ping", "{}", b"{}");
    small.headers_mut().insert("content-length", 2.into());
    assert_eq!(app.clone().oneshot(small).await.unwrap().status(), 200);
    // The third body displaces the oldest one.
    let response = oldest.await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "10");
    for request in [&mut second, &mut third] {
        assert!(futures_util::poll!(request.as_mut()).is_pending());
    }
    // A delivery without a declared length counts as large, and displaces the oldest one too.
    let undeclared = app.clone().oneshot(request("ping", "{}", b"{}"));
    let (undeclared, second) = tokio::join!(undeclared, second);
    assert_eq!(undeclared.unwrap().status(), 200);
    assert_eq!(second.unwrap().status(), 503);
    // A request that is refused because of its headers uses no memory. Its body, which never ends,
    // is not read.
    let mut headless = request("issues", unfinished(), b"");
    headless.headers_mut().remove("x-hub-signature-256");
    assert_eq!(app.clone().oneshot(headless).await.unwrap().status(), 400);
    drop(third);
    let wrong = request("issues", Body::from(chunk), b"something else");
    assert_eq!(app.oneshot(wrong).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_large_body_is_verified_in_parts() {
    // spec: W2a, W2b
    let body = issue().replace("\"t\"", &format!("\"{}\"", "t".repeat(100_000)));
    let other = body.replace("tt", "ta");
    for (signed, expected) in [(&body, 202), (&other, 401)] {
        for chunk in [1_000, 16_384, 1_000_000] {
            let chunks: Vec<_> = body.as_bytes().chunks(chunk).map(<[u8]>::to_vec).collect();
            let stream = futures_util::stream::iter(chunks).map(Ok::<_, std::io::Error>);
            let request = request("issues", Body::from_stream(stream), signed.as_bytes());
            let got = ask(|| accepted(false), Arc::new(SystemClock), request).await;
            assert_eq!((got.status, got.admitted), (expected, usize::from(expected == 202)));
        }
    }
    let mut malformed = request("issues", body.clone(), body.as_bytes());
    malformed.headers_mut().insert("x-hub-signature-256", "sha256=00".parse().unwrap());
    assert_eq!(ask(|| panic!(), Arc::new(SystemClock), malformed).await.status, 401);
}
