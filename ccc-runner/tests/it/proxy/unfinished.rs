//! Tests of the cost of responses that end before the API has counted all of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::{Clock, SystemClock, async_trait};
use ccc_runner::ModelAccess;
use jiff::Timestamp;

use super::api::{Api, Reply, start as start_of, text};
use super::reservations::{counting, forwarded, most};
use super::wire::{Wire, ask, message};
use super::{STREAM, open, shown, start, until};

/// The head of a stream whose connection ends before its announced length.
const CUT: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n";

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
        all.push(("cut before any event", Box::new(move || Reply::bytes(CUT))));
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
    // The response is complete, and its output is not counted: ten tokens stay reserved.
    let events = format!("{counted}{}", delta("{}"));
    let api = Api::saying(move || Reply::events(&events)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, Some(most(STREAM) + 3 * 110));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(ask(proxy.url(), &message(shown(&access), STREAM)).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 403]);
}

/// Returns a request for a message on a connection whose end the proxy notices at once.
pub(super) fn abandoned(access: &ModelAccess, body: &str) -> Vec<u8> {
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

/// Returns the event with which the API reports an error.
fn error(kind: &str) -> String {
    let error = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
    format!("event: error\ndata: {error}\n\n")
}

/// Sends the same request again and again, with a limit that covers one request and little more.
/// Checks that each answer costs `cost`, and that no further part of the limit stays reserved for
/// it.
async fn check(what: &str, reply: impl Fn() -> Reply + Send + Sync + 'static, cost: u64) {
    let api = Api::saying(reply).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, Some(most(STREAM) + 4 * cost));
    for n in 1..=5 {
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert_eq!(answer.status, 200, "{what}: request {n}: {answer:?}");
        until(|| access.spent().0 == n * cost).await;
    }
    if cost > 0 {
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_the_api_ends_early_costs_what_was_counted_and_what_has_arrived() {
    // spec: X3d
    let overloaded = error("overloaded_error");
    let delta = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n";
    let unnamed = overloaded.split_once('\n').unwrap().1.to_owned();
    for (what, events, cost) in [
        ("an error before the message", overloaded.clone(), 0),
        ("an error without a name of the event", unnamed, 0),
        ("an error after a ping", format!("data: {{\"type\": \"ping\"}}\n\n{overloaded}"), 0),
        ("an error of another kind", error("api_error"), 0),
        ("an error whose data is not JSON", "event: error\r\ndata: overloaded\r\n\r\n".into(), 0),
        ("an error after the start", format!("{}{overloaded}", start_of(100)), 100 + 10),
        ("an error after a count", format!("{}{delta}{overloaded}", start_of(50)), 50 + 70),
        ("an end after the start", start_of(100), 100 + 10),
        ("an end after a count", format!("{}{delta}", start_of(50)), 50 + 70),
    ] {
        let broken = format!("{CUT}{events}");
        check(what, move || Reply::events(&events), cost).await;
        check(what, move || Reply::bytes(broken.clone()), cost).await;
    }
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
    check("an error that is not in a stream", || Reply::json(body), 0).await;
}

#[tokio::test]
async fn an_error_does_not_make_an_answer_free_whose_message_has_begun() {
    // spec: X3d
    let overloaded = error("overloaded_error");
    let uncounted = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{}}}\n\n";
    let unreadable = "data: {\"type\":\"message_start\",\"message\":{\"usage\":7}}\n\n";
    let stopped = "data: {\"type\":\"message_stop\"}\n\n";
    for events in [
        format!("{uncounted}{overloaded}"),
        format!("{unreadable}{overloaded}"),
        format!("{}{overloaded}", text("hidden")),
        format!("{overloaded}{uncounted}"),
        format!("{overloaded}{}", text("it goes on")),
        // The model writes the event of an error.
        text("\\n\\nevent: error\\ndata: {}\\n\\n"),
        // The response is complete, and was not counted.
        format!("{uncounted}{stopped}{overloaded}"),
    ] {
        let sent = events.clone();
        let api = Api::saying(move || Reply::events(&sent)).await;
        let proxy = start(&api.url, |builder| builder).await;
        let access = open(&proxy, Some(2 * most(STREAM)));
        for expected in [200, 200, 403] {
            let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
            assert_eq!(answer.status, expected, "{events}: {answer:?}");
        }
    }
}

/// A clock that advances by `step` each time it is read.
#[derive(Debug)]
struct Late {
    step: Duration,
    now: Mutex<Timestamp>,
}

#[async_trait]
impl Clock for Late {
    fn now(&self) -> Timestamp {
        let mut now = self.now.lock().unwrap();
        *now += self.step;
        *now
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// Checks that an agent that does not read a response cannot choose when the response ends.
#[tokio::test]
async fn an_early_end_does_not_lower_the_cost_if_the_agent_held_the_answer_back() {
    // spec: X3d
    let replies = [Reply::events(&start_of(10)), Reply::bytes(format!("{CUT}{}", start_of(10)))];
    for reply in replies {
        let shown_reply = format!("{reply:?}");
        for (seconds, expected) in [(0, 200), (6, 403)] {
            let again = reply.again();
            let api = Api::saying(move || again.again()).await;
            let now = Mutex::new(SystemClock.now());
            let clock = Arc::new(Late { step: Duration::from_secs(seconds), now });
            let proxy = start(&api.url, |builder| builder.clock(clock)).await;
            let access = open(&proxy, Some(most(STREAM) + 4 * 110 - 1));
            let mut last = 0;
            for _ in 0..5 {
                last = ask(proxy.url(), &message(shown(&access), STREAM)).await.status;
            }
            assert_eq!(last, expected, "{seconds}: {shown_reply}");
        }
    }
}
