//! Requests that two readers could read in two ways, or that cost more to read than to send.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::Clock as _;
use ccc_core::SystemClock;
use ccc_core::testing::ManualClock;
use ccc_runner::{ModelAccess, ModelProxy, Rule, Rules};

use super::api::{Api, Reply};
use super::wire::{Wire, ask, message, request};
use super::{PLAIN, notices, open, shown, start, until};

/// Inside a request that is good otherwise: beside its fields, in a message, as a block, as a tool.
const TWICE: &[&str] = &[
    r#"{"model":"claude-a","model":"gpt-5","messages":[]}"#,
    r#"{"model":"gpt-5","messages":[],"mod\u0065l":"claude-a"}"#,
    r#"{"model":"claude-a","tools":[],"messages":[],"tools":[{"type":"web_search_20250305"}]}"#,
    r#"{"model":"claude-a","tools":[{"type":"web_search_20250305"}],"messages":[],"tools":null}"#,
    r#"{"model":"claude-a","messages":[],"messages":[]}"#,
    r#"{"model":"claude-a","messages":[],"system":"a","system":"b"}"#,
    r#"{"model":"claude-a","messages":[],"stream":true,"stream":false}"#,
    r#"{"model":"claude-a","messages":[],"max_tokens":1,"max_tokens":100000}"#,
    r#"{"model":"claude-a","messages":[],"mcp_servers":null,"mcp_servers":[]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":"a","content":"b"}]}"#,
    r#"{"model":"claude-a","messages":[],"tools":[{"type":"custom","type":"web_search_20250305"}]}"#,
    r#"{"model":"claude-a","messages":[],"tools":[{"type":"custom","t\u0079pe":"web_search_20250305"}]}"#,
    r#"{"model":"claude-a","messages":[],"tools":[{"allowed_callers":[],"allowed_callers":["x"]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":"text","type":"container_upload"}]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64"},"source":{"type":"url"}}]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","type":"url"}}]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":"tool_result","content":"a","content":"b"}]}]}"#,
];

/// No request in JSON, or one of other types than those that are known.
const UNREADABLE: &[&str] = &[
    "",
    " ",
    "null",
    "[]",
    "\"\"",
    "1",
    "{",
    "{}x",
    "{'model':'claude-a'}",
    r#"[{"model":"claude-a","messages":[]}]"#,
    r#"{"model":"claude-a","messages":[]} {"model":"claude-a"}"#,
    "{\"model\":\"claude-a\",\"messages\":[]}\0",
    "\u{feff}{\"model\":\"claude-a\",\"messages\":[]}",
    r#"{"model":"claude-a","messages":[],}"#,
    r#"{"model":"claude-a","messages":[]/*,"mcp_servers":[]*/}"#,
    "{\"model\":\"claude-a\",\"messages\":[]}//",
    r#"{"model":"claude-a","messages":[],"temperature":NaN}"#,
    r#"{"model":["claude-a"],"messages":[]}"#,
    r#"{"model":"claude-a","messages":[],"stream":"true"}"#,
    r#"{"model":"claude-a","messages":[],"stream":1}"#,
    r#"{"model":"claude-a","messages":[],"max_tokens":-1}"#,
    r#"{"model":"claude-a","messages":[],"max_tokens":1e3}"#,
    r#"{"model":"claude-a","messages":[],"max_tokens":"10"}"#,
    r#"{"model":"claude-a","messages":[],"max_tokens":99999999999999999999}"#,
    r#"{"model":"claude-a","messages":{}}"#,
    r#"{"model":"claude-a","messages":[["user",[{"type":"container_upload"}]]]}"#,
    r#"{"model":"claude-a","messages":[],"tools":{"0":{"type":"web_search_20250305"}}}"#,
    r#"{"model":"claude-a","messages":[],"tools":[{"type":["web_search_20250305"]}]}"#,
    r#"{"model":"claude-a","messages":[],"tools":[{"name":"x","allowed_callers":"code_execution_20250825"}]}"#,
    r#"{"model":"claude-a","messages":[],"tools":["web_search_20250305"]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":["x"]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[[{"type":"container_upload"}]]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":"image","source":["url"]}]}]}"#,
    r#"{"model":"claude-a","messages":[{"role":"user","content":[{"type":1}]}]}"#,
    r#"{"model":"claude-a","messages":[],"\ud800":1}"#,
    "grant_type=x",
];

async fn refused(proxy: &ModelProxy, access: &mut ModelAccess, api: &Api, body: &[u8]) {
    let answer = ask(proxy.url(), &message(shown(access), body)).await;
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    assert_eq!(
        (answer.status, &*answer.error()),
        (400, "invalid_request_error"),
        "{shown}: {answer:?}"
    );
    let said = notices(access);
    assert!(said.len() == 1 && said[0].contains("does not read"), "{shown}: {said:?}");
    assert_eq!(api.seen(), [""; 0], "{shown}");
}

#[tokio::test]
async fn what_two_readers_could_read_in_two_ways_is_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    // What does not read cannot be judged, whatever rules there are.
    for rules in
        [Rules::default(), Rule::ALL.into_iter().fold(Rules::default(), Rules::dangerously_without)]
    {
        let proxy = start(&api.url, |builder| builder.rules(rules)).await;
        let mut access = open(&proxy, None);
        for body in TWICE.iter().chain(UNREADABLE) {
            refused(&proxy, &mut access, &api, body.as_bytes()).await;
        }
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let body: Vec<u8> = PLAIN.encode_utf16().flat_map(order).collect();
            refused(&proxy, &mut access, &api, &body).await;
            let marked = [&order(0xfeff)[..], &body].concat();
            refused(&proxy, &mut access, &api, &marked).await;
        }
        let wide: Vec<u8> = PLAIN.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        refused(&proxy, &mut access, &api, &wide).await;
        let key = b"{\"model\":\"claude-a\",\"mess\xffages\":[]}";
        refused(&proxy, &mut access, &api, key).await;
        assert_eq!(access.spent().0, 0);
    }
}

#[tokio::test]
async fn packed_requests_are_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let mut access = open(&proxy, None);
    // `PLAIN`, stored in gzip without being made smaller: its words are there, and it is no JSON.
    let length = u16::try_from(PLAIN.len()).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let packed =
        [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), PLAIN.as_bytes(), &[0; 8]]
            .concat();
    for name in ["gzip", "x-gzip", "identity", "br"] {
        let headers =
            [format!("x-api-key: {}", shown(&access)), format!("content-encoding: {name}")];
        let answer = ask(proxy.url(), &request("POST /v1/messages", &headers, &packed)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!((api.seen().len(), notices(&mut access).len()), (0, 4));
}

/// Blocks within blocks, so deep, with this one inside.
fn deep(depth: usize, inside: &str) -> String {
    let (open, close) = (r#"[{"type":"tool_result","content":"#, "}]");
    let content = format!("{}[{inside}]{}", open.repeat(depth), close.repeat(depth));
    format!(r#"{{"model":"claude-a","messages":[{{"role":"user","content":{content}}}]}}"#)
}

#[tokio::test]
async fn a_deep_request_is_read_to_its_ground_or_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let mut access = open(&proxy, None);
    let url = r#"{"type":"image","source":{"type":"url","url":"https://evil.example/"}}"#;
    let text = r#"{"type":"text","text":"x"}"#;
    for (depth, inside, expected) in [
        (0, text, 200),
        (50, text, 200),
        (0, url, 400),
        (1, url, 400),
        (50, url, 400),
        (1_000, text, 400),
        (100_000, text, 400),
    ] {
        let answer = ask(proxy.url(), &message(shown(&access), deep(depth, inside))).await;
        assert_eq!(answer.status, expected, "{depth} {inside}: {answer:?}");
    }
    assert_eq!((api.seen().len(), notices(&mut access).len()), (2, 5));
    // Where nothing is looked for, depth costs nothing.
    let nest = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let body = format!(r#"{{"model":"claude-a","messages":[],"metadata":{}}}"#, nest(100_000));
    assert_eq!(ask(proxy.url(), &message(shown(&access), body)).await.status, 200);
}

#[tokio::test]
async fn a_body_has_32_mib_at_most() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let mut access = open(&proxy, None);
    let blank = |len: usize| [PLAIN.as_bytes(), &vec![b' '; len - PLAIN.len()]].concat();
    for (len, expected) in [(32 << 20, 200), ((32 << 20) + 1, 413), (50_000_000, 413)] {
        let answer = ask(proxy.url(), &message(shown(&access), blank(len))).await;
        let kind = if expected == 200 { "" } else { "request_too_large" };
        assert_eq!((answer.status, &*answer.error()), (expected, kind), "{len}");
    }
    let said = notices(&mut access);
    assert_eq!((api.seen().len(), said.len()), (1, 2), "{said:?}");
}

#[tokio::test]
async fn a_body_says_its_length_first_and_keeps_to_it() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let chunked = format!("{:x}\r\n{PLAIN}\r\n0\r\n\r\n", PLAIN.len());
    let len = PLAIN.len();
    for (headers, body, expected) in [
        (&["transfer-encoding: chunked"][..], &*chunked, 411),
        (&["transfer-encoding: Chunked"], &chunked, 411),
        (&["transfer-encoding: gzip, chunked"], &chunked, 411),
        (&["transfer-encoding: chunked", &format!("content-length: {len}")], &chunked, 411),
        (&["transfer-encoding: identity"], PLAIN, 400),
        (&["transfer-encoding: xchunked"], PLAIN, 400),
        (&["content-length: 3", &format!("content-length: {len}")], PLAIN, 400),
        (&["content-length: -1"], PLAIN, 400),
        (&["content-length: 0x10"], PLAIN, 400),
        (&["content-length: 18446744073709551616"], PLAIN, 400),
        (&["content-length: 18446744073709551615"], PLAIN, 431),
        (&["content-length: 1000000000000000"], PLAIN, 413),
        (&["content-length: 10"], PLAIN, 400),
        (&["content-length: 0"], PLAIN, 400),
        (&[&format!("content-length: {len}")], PLAIN, 200),
    ] {
        let before = api.seen().len();
        let mut lines = vec![format!("x-api-key: {}", shown(&access))];
        lines.extend(headers.iter().map(|&line| line.to_owned()));
        let answer = ask(proxy.url(), &request("POST /v1/messages", &lines, body)).await;
        assert_eq!(answer.status, expected, "{headers:?}: {answer:?}");
        assert_eq!(api.seen().len() - before, usize::from(expected == 200), "{headers:?}");
    }
}

#[tokio::test]
async fn what_follows_a_body_is_another_request_without_a_secret() {
    // spec: X3b
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let first = String::from_utf8(message(shown(&access), PLAIN)).unwrap();
    let first = first.replace("connection: close\r\n", "");
    let second = request("POST /v1/messages", &[], PLAIN);
    let mut wire = Wire::send(proxy.url(), &[first.as_bytes(), &second].concat()).await;
    wire.until("HTTP/1.1 401").await;
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_nobody_up_for_long() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let same = Arc::clone(&clock);
    let proxy = start(&api.url, |builder| builder.clock(same)).await;
    let access = open(&proxy, None);
    let headers = [format!("x-api-key: {}", shown(&access)), "content-length: 1000".to_owned()];
    let wire = Wire::send(proxy.url(), &request("POST /v1/messages", &headers, PLAIN)).await;
    until(|| clock.sleepers() > 0).await;
    clock.advance(Duration::from_secs(60));
    let answer = wire.rest().await;
    assert_eq!((answer.status, &*answer.error()), (400, "invalid_request_error"), "{answer:?}");
    assert_eq!((api.seen().len(), access.spent().0), (0, 0));
}
