//! Tests of costs and spending limits.

use std::sync::{Arc, Mutex};

use ccc_core::agent::ModelUsage;

use super::api::{Api, Reply, end, start as start_of, text};
use super::wire::{Wire, ask, message, request};
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
