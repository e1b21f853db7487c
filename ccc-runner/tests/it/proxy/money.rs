//! Tests of costs and spending limits.

use std::sync::{Arc, Mutex};

use ccc_core::agent::ModelUsage;
use ccc_runner::{ModelAccess, ModelCredential, ScriptedModel};
use futures_util::future::join_all;

use super::api::{Api, Reply, end, start as start_of, text};
use super::wire::{Answer, Wire, ask, message, request};
use super::{PLAIN, STREAM, notices, open, shown, start, until};

const HOURS: &str = r#"{"usage":{"input_tokens":100,"output_tokens":5,"cache_read_input_tokens":1000,"cache_creation_input_tokens":60,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":40}}}"#;
const MINUTES: &str = r#"{"usage":{"input_tokens":100,"output_tokens":5,"cache_read_input_tokens":1000,"cache_creation_input_tokens":60}}"#;

fn for_model(body: &str, model: &str) -> String {
    body.replace("claude-a", model)
}

#[tokio::test]
async fn an_answer_costs_the_price_of_the_operators_table() {
    // spec: X3d
    let cached = format!("{MINUTES}\n")
        .replace("{\"usage\"", "data: {\"type\":\"message_start\",\"message\":{\"usage\"");
    let cached = cached.replace("}}\n", "}}}\n\n");
    let next = Arc::new(Mutex::new(None));
    let said = Arc::clone(&next);
    let api = Api::saying(move || said.lock().unwrap().take().unwrap()).await;
    let proxy = start(&api.url, |builder| builder).await;
    for (model, reply, expected) in [
        // An input token of `claude-a` costs one micro-dollar, and an output token costs ten.
        ("claude-a", (PLAIN, Reply::message(100, 5)), 100 + 50),
        ("claude-a", (PLAIN, Reply::message(0, 0)), 0),
        ("claude-a", (PLAIN, Reply::json(MINUTES)), 100 + 50 + 100 + 75),
        ("claude-a", (PLAIN, Reply::json(HOURS)), 100 + 50 + 100 + 25 + 80),
        ("claude-a", (STREAM, Reply::events(&format!("{}{}", start_of(100), end(5)))), 100 + 50),
        ("claude-a", (STREAM, Reply::events(&format!("{cached}{}", end(7)))), 100 + 70 + 100 + 75),
        // The token count of the API replaces the estimate from the forwarded text.
        (
            "claude-a",
            (
                STREAM,
                Reply::events(&format!("{}{}{}", start_of(100), text(&"x".repeat(9_000)), end(5))),
            ),
            150,
        ),
        // The counts of the API are cumulative: the last number is the total.
        (
            "claude-a",
            (STREAM, Reply::events(&format!("{}{}{}", start_of(100), end(3), end(5)))),
            150,
        ),
        // A request for a stream that is answered with a message, and the reverse.
        ("claude-a", (STREAM, Reply::message(100, 5)), 150),
        ("claude-a", (PLAIN, Reply::events(&format!("{}{}", start_of(100), end(5)))), 150),
        ("claude-b", (PLAIN, Reply::message(100, 5)), 10_000 + 1_000),
        ("claude-c", (PLAIN, Reply::message(100, 5)), 5_000 + 2_500),
        // Default prices: $4 per million input tokens, and $20 per million output tokens.
        ("claude-opus-5-5", (PLAIN, Reply::message(1_000, 100)), 4_000 + 2_000),
        ("claude-opus-5-5", (PLAIN, Reply::message(1, 0)), 4),
        ("claude-haiku-5-5", (PLAIN, Reply::message(1, 0)), 1),
        // A model without a price costs the highest input price and the highest output price.
        ("claude-unknown", (PLAIN, Reply::message(100, 5)), 10_000 + 2_500),
        ("claude-ab", (PLAIN, Reply::message(100, 5)), 10_000 + 2_500),
    ] {
        let body = for_model(reply.0, model);
        *next.lock().unwrap() = Some(reply.1);
        let access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), &body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        until(|| expected == 0 || !access.spent().1.is_empty()).await;
        let (spent, usage) = access.spent();
        assert_eq!(spent, expected, "{model} {answer:?}");
        let by_model = usage.iter().map(|usage| (&*usage.model, usage.micro_usd));
        let all: Vec<_> = by_model.collect();
        let one = [(model, Some(expected))];
        assert_eq!(all, if expected == 0 { &[][..] } else { &one }, "{model}");
    }
}

#[tokio::test]
async fn usage_is_reported_for_each_model() {
    // spec: X3d
    let api = Api::saying(|| Reply::json(HOURS)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    for model in ["claude-a", "claude-b", "claude-a"] {
        ask(proxy.url(), &message(shown(&access), for_model(PLAIN, model))).await;
    }
    let used = |model: &str, times: u64, each: u64| ModelUsage {
        model: model.to_owned(),
        input_tokens: 100 * times,
        output_tokens: 5 * times,
        cache_read_tokens: 1_000 * times,
        cache_write_tokens: 60 * times,
        micro_usd: Some(each * times),
    };
    let expected = vec![used("claude-a", 2, 355), used("claude-b", 1, 31_500)];
    assert_eq!(access.spent(), (710 + 31_500, expected));
}

#[tokio::test]
async fn a_broken_stream_costs_the_tokens_that_were_forwarded() {
    // spec: X3d
    let price = |tokens: usize| u64::try_from(tokens).unwrap() * 10;
    let piece = text(&"x".repeat(4_000));
    // The text after `data: `, without line ends, at four bytes per token.
    let data = piece.split_once("data: ").unwrap().1.trim_end().len() / 4;
    let error =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000000\r\n\r\n";
    for (said, expected) in [
        // The API reported no count: the request costs its size, as if no token came from a cache.
        (String::new(), STREAM.len() as u64 / 4),
        (start_of(100), 100 + 10),
        (format!("{}{piece}", start_of(100)), 100 + price(data)),
        (
            format!(
                "{}{piece}{}",
                start_of(100),
                end(50).split_once("event: message_stop").unwrap().0
            ),
            100 + 500,
        ),
    ] {
        let bytes = format!("{error}{said}");
        let api = Api::saying(move || Reply::bytes(bytes.clone())).await;
        let proxy = start(&api.url, |builder| builder).await;
        let access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert!(!answer.whole || answer.body.is_empty(), "{answer:?}");
        until(|| !access.spent().1.is_empty()).await;
        assert_eq!(access.spent().0, expected, "{said}");
    }
}

/// Starts an API that streams a thousand pieces of text.
async fn flood() -> Api {
    let all: String = (0..1_000).map(|n| text(&format!("{n:0400}"))).collect();
    Api::saying(move || Reply::events(&format!("{}{all}{}", start_of(100), end(100_000)))).await
}

#[tokio::test]
async fn a_limit_cuts_the_answer_in_the_middle_and_refuses_the_next() {
    // spec: X3c
    // spec: X3d
    let api = flood().await;
    let proxy = start(&api.url, |builder| builder).await;
    for (limit, cut) in [(None, false), (Some(2_000_000), false), (Some(20_000), true)] {
        let mut access = open(&proxy, limit);
        let bystander = open(&proxy, limit);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        let billed = answer.body.contains("\"billing_error\"");
        let ended = answer.body.contains("message_stop");
        assert_eq!((answer.status, billed, ended), (200, cut, !cut), "{limit:?}");
        assert!(answer.whole, "the stream must end with an event that gives the reason");
        assert_eq!(access.is_exhausted(), cut);
        let before = api.seen().len();
        for body in [STREAM, PLAIN] {
            let next = ask(proxy.url(), &message(shown(&access), body)).await;
            let (status, kind) = if cut { (403, "billing_error") } else { (200, "") };
            assert_eq!((next.status, &*next.error()), (status, kind), "{limit:?} {next:?}");
            if limit == Some(2_000_000) {
                break;
            }
        }
        assert_eq!(api.seen().len() == before, cut);
        let said = notices(&mut access);
        assert_eq!(
            said.iter().filter(|line| line.contains("reached its spending limit")).count(),
            if cut { 2 } else { 0 }
        );
        assert!(bystander.spent().0 == 0 && !bystander.is_exhausted());
    }
}

/// Returns the most that a request with this body for `claude-a` can cost: one token for each byte,
/// 1,000 tokens that the API can add, and ten tokens of output.
fn most(body: &str) -> u64 {
    body.len() as u64 + 1_000 + 100
}

/// Starts an API that counts `count` input tokens, and gives the same answer to all messages.
async fn counting(count: u64, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Api {
    Api::start(move |seen| {
        if seen.contains("count_tokens") {
            return Reply::json(&format!(r#"{{"input_tokens":{count}}}"#));
        }
        reply()
    })
    .await
}

/// Returns the number of requests for a message that reached the API.
fn forwarded(api: &Api) -> u64 {
    api.seen().iter().filter(|seen| !seen.contains("count_tokens")).count() as u64
}

#[tokio::test]
async fn a_request_is_forwarded_only_if_the_most_that_it_can_cost_fits() {
    // spec: X3c
    // spec: X3d
    let api = Api::saying(|| Reply::message(900, 10)).await;
    let proxy = start(&api.url, |builder| builder).await;
    for body in [PLAIN, STREAM] {
        let most = most(body);
        for (limit, expected) in
            [(0, 403), (1, 403), (most - 1, 403), (most, 200), (most + 999, 200)]
        {
            let mut access = open(&proxy, Some(limit));
            let answer = ask(proxy.url(), &message(shown(&access), body)).await;
            let spent = if expected == 200 { 1_000 } else { 0 };
            assert_eq!((answer.status, access.spent().0), (expected, spent), "{limit}");
            // The rest of the limit does not cover a second request.
            let next = ask(proxy.url(), &message(shown(&access), body)).await;
            assert_eq!((next.status, &*next.error()), (403, "billing_error"), "{limit}");
            assert_eq!(access.is_exhausted(), limit == 0, "{limit}");
            let said = notices(&mut access).pop().unwrap();
            let amount = |micro_usd: u64| format!("$0.{micro_usd:06}");
            for part in [amount(most), amount(limit), format!("{} is spent", amount(spent))] {
                assert!(limit == 0 || said.contains(&part), "{part}: {said}");
            }
        }
    }
    let access = open(&proxy, Some(u64::MAX / 2));
    let many = PLAIN.replace("\"max_tokens\":10", "\"max_tokens\":18446744073709551615");
    let none = PLAIN.replace("\"max_tokens\":10,", "");
    let before = api.seen().len();
    for body in [many, none] {
        assert_eq!(ask(proxy.url(), &message(shown(&access), body)).await.status, 403);
    }
    // No count of the input can make them fit.
    assert_eq!(api.seen().len(), before);
    assert!(!access.is_exhausted());
}

#[tokio::test]
async fn an_agent_that_ignores_refusals_reaches_the_limit() {
    // spec: X14c
    let api = Api::saying(|| Reply::message(900, 10)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, Some(most(PLAIN) + 999));
    assert_eq!(ask(proxy.url(), &message(shown(&access), PLAIN)).await.status, 200);
    for n in 1..=9 {
        let answer = ask(proxy.url(), &message(shown(&access), PLAIN)).await;
        assert_eq!((answer.status, access.is_exhausted()), (403, n >= 8), "{n}");
    }
}

#[tokio::test]
async fn the_api_counts_the_input_if_the_size_of_the_body_does_not_fit() {
    // spec: X3d
    let api = counting(320, || Reply::message(320, 10)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let body = PLAIN.replace("\"hi\"", &format!("\"{}\"", "x".repeat(5_000)));
    // The count, a sixteenth more, 256 more, and ten tokens of output.
    let needed = 320 + 20 + 256 + 100;
    for (limit, status, counts) in
        [(needed - 1, 403, 1), (needed, 200, 1), (most(&body) - 1, 200, 1), (most(&body), 200, 0)]
    {
        let before = (api.seen().len() as u64, forwarded(&api));
        let access = open(&proxy, Some(limit));
        let answer = ask(proxy.url(), &message(shown(&access), &body)).await;
        assert_eq!(answer.status, status, "{limit}: {answer:?}");
        let sent = forwarded(&api) - before.1;
        assert_eq!(
            (sent, api.seen().len() as u64 - before.0 - sent),
            (u64::from(status == 200), counts)
        );
    }
    let count = api.seen().into_iter().find(|seen| seen.contains("count_tokens")).unwrap();
    let (head, sent) = count.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("post /v1/messages/count_tokens http/1.1"), "{head}");
    assert!(sent.starts_with(r#"{"model":"claude-a","messages":"#), "{sent}");
    assert!(!sent.contains("max_tokens"), "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_do_not_exceed_the_limit_together() {
    // spec: X3c
    // spec: X3d
    let api = Api::saying(|| Reply::message(0, 10)).await;
    let proxy = start(&api.url, |builder| builder).await;
    // Each answer costs 100. A request is forwarded while the rest of the limit covers it.
    for (limit, expected) in [(most(PLAIN) + 500, 6), (3 * most(PLAIN), 16)] {
        for _ in 0..10 {
            let access = open(&proxy, Some(limit));
            let all = (0..16).map(|_| ask_apart(proxy.url(), message(shown(&access), PLAIN)));
            let answers = join_all(all).await;
            let served = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!((served as u64, access.spent().0), (expected, 100 * expected));
        }
    }
}

async fn ask_apart(url: &str, bytes: Vec<u8>) -> Answer {
    ask(url, &bytes).await
}

/// Starts sixteen streams at once, each of which costs $2.70 of a limit of $10.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_parallel_streams_stay_within_the_limit() {
    // spec: X3d
    let (one, limit) = (2_700_000, 10_000_000);
    let turn = "[[turn]]\nsay = 'More.'\ntokens = { input = 20000, output = 32000 }\n";
    let text = "x".repeat(80_000);
    let body = format!(
        r#"{{"model":"claude-opus-4-1","max_tokens":32000,"stream":true,"tools":[{{"name":"x"}}],"messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    for (limit, forwarded) in [(Some(limit), 3), (None, 16)] {
        let model = ScriptedModel::start(turn).await.unwrap();
        let proxy = start(model.url(), |builder| builder).await;
        let credential = ModelCredential::ApiKey(model.key().clone());
        let access = proxy.open(credential, limit).unwrap();
        let all = (0..16).map(|_| ask_apart(proxy.url(), message(shown(&access), &body)));
        let answers = join_all(all).await;
        let whole = answers.iter().filter(|it| it.body.contains("message_stop")).count();
        let refused = answers.iter().filter(|it| it.status == 403).count();
        let sent = model.seen().iter().filter(|seen| seen.path == "/v1/messages").count();
        assert_eq!((sent, whole, refused), (forwarded, forwarded, 16 - forwarded));
        until(|| access.spent().0 == one * forwarded as u64).await;
    }
    // Without a reservation, the same requests cost more than four times the limit.
    assert!(3 * one <= limit && 16 * one > 4 * limit);
}

/// A function that returns the answer to the next request.
type Answers = Box<dyn Fn() -> Reply + Send + Sync>;

/// Checks that answers whose cost the API does not count completely use up what was reserved for
/// them.
#[tokio::test]
async fn an_answer_that_was_not_counted_costs_the_most_that_it_can() {
    // spec: X3d
    let usage = |json: &str| {
        format!("data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{json}}}}}\n\n")
    };
    let delta = |json: &str| {
        format!(
            "data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{json}}}\n\n"
        )
    };
    let counted = usage(r#"{"input_tokens":10}"#);
    let rest = delta(r#"{"output_tokens":1}"#);
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n";
    let json = |body: &str| Reply::json(body);
    let replies = {
        let mut all: Vec<(&str, Answers)> = Vec::new();
        for events in [
            String::new(),
            "data: {}\n\n".to_owned(),
            text("hidden"),
            format!("{}{rest}", usage("null")),
            format!("{}{rest}", usage("{}")),
            format!("{}{rest}", usage("[]")),
            format!("{}{rest}", usage(r#"{"input_tokens":-1}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":1.5}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":"1"}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":1e999}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":NaN}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":null}"#)),
            format!("{}{rest}", usage(r#"{"input_tokens":18446744073709551616}"#)),
        ] {
            all.push(("a stream", Box::new(move || Reply::events(&events))));
        }
        for body in [
            "",
            "{}",
            "[]",
            r#"{"usage":null}"#,
            r#"{"usage":{"input_tokens":1}}"#,
            r#"{"usage":{"output_tokens":1}}"#,
            r#"{"usage":{"input_tokens":1,"output_tokens":-1}}"#,
        ] {
            all.push(("a message", Box::new(move || json(body))));
        }
        all.push(("compressed", Box::new(|| Reply::of(200, &["content-encoding: gzip"], "x"))));
        all.push(("no answer", Box::new(|| Reply::bytes(""))));
        all.push(("cut before any event", Box::new(move || Reply::bytes(cut))));
        all
    };
    for (what, reply) in replies {
        let shown_reply = format!("{what}: {:?}", reply());
        let api = Api::saying(reply).await;
        let proxy = start(&api.url, |builder| builder).await;
        let most = most(STREAM);
        let access = open(&proxy, Some(3 * most));
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(ask(proxy.url(), &message(shown(&access), STREAM)).await.status);
        }
        assert_eq!(statuses[3], 403, "{statuses:?} {shown_reply}");
        assert!(!statuses[..3].contains(&403), "{statuses:?} {shown_reply}");
    }
    // The input is counted, and the rest is not: ten tokens of output stay reserved.
    for events in [counted.clone(), format!("{counted}{}", delta("{}")), format!("{cut}{counted}")]
    {
        let whole = !events.starts_with("HTTP");
        let api =
            Api::saying(
                move || {
                    if whole { Reply::events(&events) } else { Reply::bytes(events.clone()) }
                },
            )
            .await;
        let proxy = start(&api.url, |builder| builder).await;
        let access = open(&proxy, Some(most(STREAM) + 3 * 110));
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(ask(proxy.url(), &message(shown(&access), STREAM)).await.status);
        }
        assert_eq!(statuses, [200, 200, 200, 200, 403]);
    }
}

/// Returns a request for a message on a connection whose end the proxy notices at once.
fn abandoned(access: &ModelAccess, body: &str) -> Vec<u8> {
    let asked = String::from_utf8(message(shown(access), body)).unwrap();
    asked.replace("connection: close\r\n", "").into_bytes()
}

/// Checks that an agent that disconnects again and again gains nothing.
#[tokio::test]
async fn streams_that_an_agent_leaves_stay_within_the_limit() {
    // spec: X3d
    let (hand, over) = std::sync::mpsc::channel();
    let hand = Mutex::new(hand);
    let api = counting(10_000, move || {
        let (reply, more) = Reply::events(&start_of(100)).then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    // At the start of each stream, 200 are reserved: 100 for the input, and 100 for the output.
    let access = open(&proxy, Some(most(STREAM) + 4 * 200));
    let mut left = Vec::new();
    for n in 1..=5 {
        let mut wire = Wire::send(proxy.url(), &abandoned(&access, STREAM)).await;
        wire.until("message_start").await;
        left.push(over.recv().unwrap());
        drop(wire);
        until(|| access.spent().1.first().is_some_and(|usage| usage.input_tokens == 100 * n)).await;
    }
    let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
    assert_eq!((answer.status, &*answer.error()), (403, "billing_error"), "{answer:?}");
    assert!(answer.body.contains("for responses that were cut off"), "{answer:?}");
    assert_eq!(forwarded(&api), 5);
}

#[tokio::test]
async fn a_request_that_does_not_fit_waits_for_those_in_progress() {
    // spec: X3c
    // spec: X3d
    let (hand, over) = std::sync::mpsc::channel();
    let hand = Mutex::new(hand);
    let api = counting(10_000, move || {
        let (reply, more) = Reply::bytes("").then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, Some(3 * most(PLAIN)));
    let mut wires = Vec::new();
    for n in 1..=3 {
        wires.push(Wire::send(proxy.url(), &message(shown(&access), PLAIN)).await);
        until(|| forwarded(&api) == n).await;
    }
    let fourth = Wire::send(proxy.url(), &abandoned(&access, PLAIN)).await;
    until(|| api.seen().len() == 4).await;
    let fifth = Wire::send(proxy.url(), &message(shown(&access), PLAIN)).await;
    // The fourth request asked for a count, and then waits. When its agent disconnects, the fifth
    // is the next.
    drop(fourth);
    until(|| api.seen().len() == 5).await;
    let body = r#"{"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    wires.push(fifth);
    for (n, wire) in (1..).zip(wires) {
        until(|| forwarded(&api) >= n).await;
        over.recv().unwrap().send(reply.clone().into_bytes()).unwrap();
        assert_eq!(wire.rest().await.status, 200);
    }
    assert_eq!((access.spent().0, forwarded(&api)), (44, 4));
}

#[tokio::test]
async fn waiting_requests_do_not_use_the_memory_that_other_runs_need() {
    // spec: X3d
    let (hand, over) = std::sync::mpsc::channel();
    let hand = Mutex::new(hand);
    let api = counting(u64::MAX, move || {
        let (reply, more) = Reply::bytes("").then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let large = PLAIN.replace("\"hi\"", &format!("\"{}\"", "x".repeat(5 << 20)));
    let access = open(&proxy, Some(most(&large)));
    let first = Wire::send(proxy.url(), &message(shown(&access), PLAIN)).await;
    until(|| forwarded(&api) == 1).await;
    let _second = Wire::send(proxy.url(), &message(shown(&access), &large)).await;
    until(|| api.seen().len() == 2).await;
    let answer = ask(proxy.url(), &message(shown(&access), &large)).await;
    assert_eq!((answer.status, &*answer.error()), (429, "rate_limit_error"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop((first, over));
}

#[tokio::test]
async fn all_concurrent_streams_of_a_run_end_at_its_limit() {
    // spec: X3c
    let (hand, over) = std::sync::mpsc::channel();
    let hand = Mutex::new(hand);
    let api = Api::saying(move || {
        let (reply, more) = Reply::events(&start_of(100)).then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let (access, other) = (open(&proxy, Some(10_000)), open(&proxy, Some(10_000)));
    let mut streams = Vec::new();
    for access in std::iter::repeat_n(&access, 10).chain([&other]) {
        let mut wire = Wire::send(proxy.url(), &message(shown(access), STREAM)).await;
        wire.until("message_start").await;
        streams.push((wire, over.recv().unwrap()));
    }
    let (theirs, say_theirs) = streams.pop().unwrap();
    assert!(!access.is_exhausted());
    // One of the streams exceeds the rest of the limit.
    streams[4].1.send(text(&"x".repeat(8_000)).into_bytes()).unwrap();
    let mut says = Vec::new();
    for (wire, say) in streams {
        let answer = wire.rest().await;
        assert!(answer.body.contains("billing_error"), "{answer:?}");
        says.push(say);
    }
    assert!(access.is_exhausted() && access.spent().0 < 10_000 + 20_000 + 1_000, "{access:?}");
    say_theirs.send(end(1).into_bytes()).unwrap();
    drop(say_theirs);
    let answer = theirs.rest().await;
    assert!(answer.whole && answer.body.contains("message_stop"), "{answer:?}");
    assert_eq!(other.spent().0, 110);
}

#[tokio::test]
async fn counting_tokens_is_free_and_is_refused_after_the_limit() {
    // spec: X3d
    let api = Api::start(|seen| {
        if seen.contains("count_tokens") {
            Reply::json(r#"{"input_tokens":9}"#)
        } else {
            Reply::message(1_000, 0)
        }
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, Some(500));
    let count = |access| {
        let headers = [format!("x-api-key: {}", shown(access))];
        request("POST /v1/messages/count_tokens", &headers, PLAIN)
    };
    let answer = ask(proxy.url(), &count(&access)).await;
    assert_eq!((answer.status, access.spent()), (200, (0, Vec::new())), "{answer:?}");
    ask(proxy.url(), &message(shown(&access), PLAIN)).await;
    assert!(access.is_exhausted());
    let answer = ask(proxy.url(), &count(&access)).await;
    assert_eq!((answer.status, &*answer.error()), (403, "billing_error"), "{answer:?}");
}

#[tokio::test]
async fn a_run_has_at_most_32_requests_in_progress() {
    // spec: X3d
    let (hand, over) = std::sync::mpsc::channel();
    let hand = Mutex::new(hand);
    let api = Api::saying(move || {
        let (reply, more) = Reply::events(&start_of(1)).then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let (access, other) = (open(&proxy, None), open(&proxy, None));
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut wire = Wire::send(proxy.url(), &message(shown(&access), STREAM)).await;
        wire.until("message_start").await;
        streams.push(wire);
    }
    let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
    assert_eq!((answer.status, &*answer.error()), (429, "rate_limit_error"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let mut wire = Wire::send(proxy.url(), &message(shown(&other), STREAM)).await;
    wire.until("message_start").await;
    // When one request ends, another is accepted.
    drop(over.recv().unwrap());
    assert!(streams.remove(0).rest().await.whole);
    let mut wire = Wire::send(proxy.url(), &message(shown(&access), STREAM)).await;
    wire.until("message_start").await;
}
