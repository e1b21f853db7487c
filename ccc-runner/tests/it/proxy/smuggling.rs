//! Tests with ambiguous requests, and with requests that cost more to read than to send.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::Clock as _;
use ccc_core::SystemClock;
use ccc_core::testing::ManualClock;
use ccc_runner::{ModelAccess, ModelProxy, Rule, Rules};

use super::api::{Api, Reply};
use super::wire::{Wire, ask, message, request};
use super::{PLAIN, notices, open, shown, start, until};

/// Requests with duplicate keys: in the request, in a message, in a block, or in a tool.
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

/// Bodies that are not JSON requests, or that have fields of a wrong type.
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
    assert!(said.len() == 1 && said[0].contains("not a valid request"), "{shown}: {said:?}");
    assert_eq!(api.seen(), [""; 0], "{shown}");
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    // A request that cannot be read is refused independently of the rules.
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
async fn compressed_requests_are_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let mut access = open(&proxy, None);
    // `PLAIN` in an uncompressed gzip block: its text is present, but the body is not JSON.
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

/// Returns a request with blocks that are nested `depth` levels deep, and with `inside` in the
/// innermost.
fn deep(depth: usize, inside: &str) -> String {
    let (open, close) = (r#"[{"type":"tool_result","content":"#, "}]");
    let content = format!("{}[{inside}]{}", open.repeat(depth), close.repeat(depth));
    format!(r#"{{"model":"claude-a","messages":[{{"role":"user","content":{content}}}]}}"#)
}

#[tokio::test]
async fn a_deeply_nested_request_is_read_completely_or_refused() {
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
    // A field whose contents no rule checks can have any depth.
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
async fn a_body_must_have_the_length_that_its_header_declares() {
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
async fn bytes_after_a_body_are_another_request_without_a_secret() {
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
async fn a_body_that_does_not_arrive_is_given_up_after_a_minute() {
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
