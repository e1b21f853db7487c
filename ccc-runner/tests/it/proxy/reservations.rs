//! Tests of reservations: a request is forwarded only if the most that it can cost fits.

use std::sync::Mutex;

use ccc_runner::{ModelCredential, ScriptedModel};
use futures_util::future::join_all;

use super::api::{Api, Reply};
use super::unfinished::abandoned;
use super::wire::{Answer, Wire, ask, message};
use super::{PLAIN, STREAM, notices, open, shown, start, until};

/// Returns the most that a request with this body for `claude-a` can cost: one token for each byte,
/// 1,000 tokens that the API can add, and ten tokens of output.
pub(super) fn most(body: &str) -> u64 {
    body.len() as u64 + 1_000 + 100
}

/// Starts an API that counts `count` input tokens, and gives the same answer to all messages.
pub(super) async fn counting(count: u64, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Api {
    Api::start(move |seen| {
        if seen.contains("count_tokens") {
            return Reply::json(&format!(r#"{{"input_tokens":{count}}}"#));
        }
        reply()
    })
    .await
}

/// Returns the number of requests for a message that reached the API.
pub(super) fn forwarded(api: &Api) -> u64 {
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
    // The count and the bytes that are not counted, a sixteenth more, 256 more, and ten tokens of
    // output.
    let input = 320 + r#""max_tokens":10,"#.len() as u64;
    let needed = input + input / 16 + 256 + 100;
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
