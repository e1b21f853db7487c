//! Tests of the responses of `ccc serve` to real and hostile deliveries.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use ccc_core::testing::has_part;
use serde_json::Value;

use super::fixture::{SECRET, Site, sign};

/// Sends a request as raw bytes, because no client library would send some of these. Returns the
/// status, or 0 if there is no response.
fn raw(site: &Site, head: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    stream.write_all(format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    // The server can respond and close the connection before the whole body is sent.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn head(event: &str, id: &str, signatures: &[&str], length: usize) -> String {
    let mut head = format!(
        "POST /webhook/github HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {length}\
         \r\nx-github-event: {event}\r\nx-github-delivery: {id}"
    );
    for signature in signatures {
        head.push_str(&format!("\r\nx-hub-signature-256: {signature}"));
    }
    head
}

fn signed(site: &Site, event: &str, id: &str, body: &[u8]) -> u16 {
    raw(site, &head(event, id, &[&sign(SECRET, body)], body.len()), body)
}

fn opened(title: &str) -> Vec<u8> {
    let user = serde_json::json!({ "id": 1, "login": "someone", "type": "User" });
    let body = serde_json::json!({
        "action": "opened",
        "issue": {
            "id": 1, "number": 1, "title": title, "body": null, "user": user, "state": "open",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        },
        "repository": {
            "id": 5, "name": "hello", "full_name": "octo/hello",
            "owner": { "id": 2, "login": "octo", "type": "Organization" },
        },
        "sender": user,
    });
    body.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_signature_is_accepted() {
    // spec: W2a, W2b, W3, W4a
    let site = Site::start("command:true").await;
    let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(sign(SECRET, b"Hello, World!"), published);
    let ping = |signatures: &[&str], body: &[u8]| {
        raw(&site, &head("ping", "p", signatures, body.len()), body)
    };
    // GitHub's published test vector: the signature is valid, but the body is not JSON.
    assert_eq!(ping(&[published], b"Hello, World!"), 400);
    let good = sign(SECRET, b"{}");
    let sha1 = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
    for (signatures, expected) in [
        (vec![good.as_str()], 200),
        (vec![], 400),
        (vec![good.as_str(), good.as_str()], 400),
        (vec![published], 401),
        (vec![sha1], 401),
        (vec![&good[..70]], 401),
        (vec!["sha256="], 401),
        (vec!["757107ea"], 401),
    ] {
        assert_eq!(ping(&signatures, b"{}"), expected, "{signatures:?}");
    }
    let legacy = head("ping", "p", &[], 2) + "\r\nx-hub-signature: " + sha1;
    assert_eq!(
        raw(&site, &legacy, b"{}"),
        400,
        "a delivery with only a SHA-1 signature was accepted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_body_that_is_not_a_valid_event_is_refused() {
    // spec: W1a, W4a
    let site = Site::start("command:true").await;
    let event = |body: &[u8]| signed(&site, "issues", "e", body);
    let whole = opened("t");
    for (what, body) in [
        ("empty", Vec::new()),
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("10 000 deep", "[".repeat(10_000).into_bytes()),
        ("not UTF-8", [&whole[..20], &[0xff, 0xfe], &whole[20..]].concat()),
        ("NUL", whole.iter().map(|b| if *b == b't' { 0 } else { *b }).collect()),
        ("fields missing", br#"{"action":"opened"}"#.to_vec()),
        ("wrong types", br#"{"action":"opened","issue":[],"repository":1,"sender":""}"#.to_vec()),
    ] {
        assert_eq!(event(&body), 400, "{what}");
    }
    let too_long = vec![b' '; (25 << 20) + 1];
    assert_eq!(event(&too_long), 413);
    let chunked = "POST /webhook/github HTTP/1.1\r\ntransfer-encoding: chunked\
                   \r\nx-github-event: issues\r\nx-github-delivery: e\r\nx-hub-signature-256: sha256=00";
    let chunk =
        [format!("{:x}\r\n", too_long.len()).as_bytes(), &too_long, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(raw(&site, chunked, &chunk), 413);
    assert_eq!(raw(&site, "GET /webhook/github HTTP/1.1", b""), 405);
    assert_eq!(raw(&site, "POST /webhook HTTP/1.1\r\ncontent-length: 0", b""), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsupported_content_type_or_encoding_is_refused() {
    // spec: W1c, W4a
    let site = Site::start("command:true").await;
    let good = sign(SECRET, b"{}");
    let (encoded, typed) = (head("ping", "p", &[&good], 2), head("ping", "p", &[&good], 2));
    assert_eq!(raw(&site, &(encoded + "\r\ncontent-encoding: gzip"), b"{}"), 415);
    assert_eq!(raw(&site, &typed.replace("application/json", "text/plain"), b"{}"), 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_title_has_no_effect() {
    // spec: X12d
    let site = Site::start("command:true").await;
    for (id, title) in [
        "\n\n\n",
        "\"'`",
        "$(touch /tmp/x)",
        "😀",
        &"x".repeat(64 << 10),
        "\u{202e}\u{200b}",
        "--help",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(signed(&site, "issues", &format!("t{id}"), &opened(title)), 202, "{title:?}");
    }
    let log = site.service.log();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(signed(&site, "ping", "last", b"{}"), 200, "the service does not answer any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_delivery_is_the_same_run_and_another_body_with_its_id_is_refused() {
    // spec: W5a, W5b, W6
    let site = Site::start("command:sleep 2").await;
    let url = site.url("/webhook/github");
    let send = async |id: &str, body: Vec<u8>| -> (u16, Value) {
        let request = http::Request::post(&url)
            .header("content-type", "application/json")
            .header("x-github-event", "issues")
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", sign(SECRET, &body));
        let (status, body) = site.send(request, body).await;
        (status, serde_json::from_str(&body).unwrap())
    };
    let (status, first) = send("a", opened("t")).await;
    assert_eq!((status, &first["duplicate"]), (202, &false.into()), "{first}");
    let (status, again) = send("a", opened("t")).await;
    assert_eq!((status, &again["duplicate"]), (202, &true.into()), "{again}");
    assert_eq!(first["run_id"], again["run_id"]);
    let (status, other) = send("a", opened("another")).await;
    assert_eq!(status, 409, "{other}");
}

/// Returns the expected status and response for a real payload, according to the table in
/// `docs/spec.md` (W4).
fn expected(event: &str, payload: &Value) -> (u16, &'static str) {
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let person = text("/sender/type") == "User";
    let wanted = match (event, text("/action")) {
        ("ping", _) => return (200, "pong"),
        ("issues", "opened") => {
            payload.pointer("/changes/old_repository").is_none()
                && payload.pointer("/sender/id") == payload.pointer("/issue/user/id")
        }
        ("issues", "labeled") => text("/label/name").eq_ignore_ascii_case("claude"),
        ("issue_comment", "created") => {
            payload.pointer("/issue/pull_request").is_none()
                && text("/comment/body").contains("@claude")
        }
        _ => false,
    };
    if wanted && person { (202, "run_id") } else { (200, "ignored") }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_real_payload_gets_the_expected_response() {
    // spec: W4c, W9a, W9b
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/npm/node_modules");
    let file = root.join("@octokit/webhooks-examples/api.github.com/index.json");
    if !has_part("webhooks-examples", file.exists(), "run .ci/install") {
        return;
    }
    let site = Site::start("command:true").await;
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &all {
        let event = entry["name"].as_str().unwrap();
        if !matches!(event, "issues" | "issue_comment" | "ping") {
            continue;
        }
        for (n, payload) in entry["examples"].as_array().unwrap().iter().enumerate() {
            *counts.entry(event).or_default() += 1;
            let json = payload.to_string();
            let form: String = std::iter::once("payload=".to_owned())
                .chain(json.bytes().map(|b| format!("%{b:02X}")))
                .collect();
            for (kind, body) in
                [("application/json", json), ("application/x-www-form-urlencoded", form)]
            {
                let id = format!("{event}-{n}-{}", kind.len());
                let request = http::Request::post(site.url("/webhook/github"))
                    .header("content-type", kind)
                    .header("x-github-event", event)
                    .header("x-github-delivery", &id)
                    .header("x-hub-signature-256", sign(SECRET, body.as_bytes()));
                let (status, answer) = site.send(request, body.into_bytes()).await;
                let (code, word) = expected(event, payload);
                assert_eq!(status, code, "{id}: {answer}");
                assert!(answer.contains(&format!("\"{word}\"")), "{id}: {answer}");
                *answers.entry(word).or_default() += 1;
            }
        }
    }
    assert_eq!(counts, BTreeMap::from([("issue_comment", 9), ("issues", 29), ("ping", 4)]));
    assert!(
        answers["run_id"] >= 2 && answers["ignored"] >= 40 && answers["pong"] == 8,
        "{answers:?}"
    );
}

/// Returns the field `name` of the service's status in `/proc`, in kB (proc(5)).
fn status_kb(site: &Site, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.service.child.id()));
    let line = status.unwrap().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    line.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_unsigned_bodies_use_little_memory_and_do_not_starve_a_small_delivery() {
    // spec: W4b
    const LENGTH: usize = 25 << 20;
    let site = Site::start("command:true").await;
    assert_eq!(signed(&site, "ping", "p", b"{}"), 200);
    let before = status_kb(&site, "VmHWM");
    let bad = sign("another secret", b"{}");
    let head = head("issues", "e", &[&bad], LENGTH) + "\r\nhost: x\r\n\r\n";
    // Fewer than the connections that one client may have before their heads have arrived.
    let senders: Vec<_> = (0..30)
        .map(|_| {
            let (head, address) = (head.clone(), site.address);
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_write_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
                let _ = stream.write_all(head.as_bytes());
                for _ in 0..LENGTH >> 20 {
                    if stream.write_all(&[b' '; 1 << 20]).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    while !senders.iter().all(std::thread::JoinHandle::is_finished) {
        assert_eq!(signed(&site, "ping", "p", b"{}"), 200, "a small delivery was refused");
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let used = (status_kb(&site, "VmHWM") - before) / 1_024;
    // 64 MiB of bodies, and the buffers of the connections.
    assert!(used <= 64 + 24, "{used} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_a_client_causes_many_times_is_logged_once() {
    // spec: W12g
    let site = Site::start("command:sleep 60").await;
    let bad = sign("another secret", b"{}");
    assert_eq!(signed(&site, "issues", "e", &opened("t")), 202);
    for number in 0..40 {
        assert_eq!(raw(&site, &head("ping", "p", &[&bad], 2), b"{}"), 401);
        assert_eq!(signed(&site, "issues", "e", &opened(&format!("t{number}"))), 409);
    }
    let log = site.service.log();
    for line in ["its signature is not valid", "has the id of an earlier delivery"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}
