//! Tests of streamed answers.

use ccc_core::Secret;
use ccc_runner::ModelCredential;

use super::api::{Api, Reply, end, start as start_of, text};
use super::wire::{Wire, ask, message};
use super::{STREAM, notices, open, shown, soon, start, until};

/// Starts an API that begins a stream, which the test continues.
async fn held(begin: &str) -> (Api, std::sync::mpsc::Receiver<Say>) {
    let (hand, over) = std::sync::mpsc::channel();
    let (hand, begin) = (std::sync::Mutex::new(hand), begin.to_owned());
    let api = Api::saying(move || {
        let (reply, more) = Reply::events(&begin).then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    (api, over)
}

type Say = tokio::sync::mpsc::UnboundedSender<Vec<u8>>;

#[tokio::test]
async fn an_event_is_forwarded_before_the_next_is_sent() {
    let (api, over) = held(&start_of(7)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let mut wire = Wire::send(proxy.url(), &message(shown(&access), STREAM)).await;
    wire.until("message_start").await;
    let say = over.recv().unwrap();
    for n in 0..20 {
        say.send(text(&format!("piece {n}.")).into_bytes()).unwrap();
        wire.until(&format!("piece {n}.")).await;
    }
    // Half an event and half a character are forwarded too.
    say.send(b"event: content_block_delta\ndata: half \xc3".to_vec()).unwrap();
    wire.until("data: half ").await;
    say.send(b"\xa4 of it\n\n".to_vec()).unwrap();
    wire.until(" of it").await;
    say.send(end(3).into_bytes()).unwrap();
    drop(say);
    let answer = wire.rest().await;
    assert!(answer.whole && answer.body.contains("half \u{e4} of it"), "{answer:?}");
    assert_eq!(access.spent().0, 7 + 30);
}

#[tokio::test]
async fn the_bytes_of_a_stream_are_forwarded_unchanged() {
    let odd = ": a comment\r\n\r\nevent: ping\rdata: {\"type\": \"ping\"}\n\ndata:\ndata: x\nid: 1\nretry: 5\n\n";
    let long = text(&"x".repeat(600_000));
    for said in [
        format!("{}{}{}", start_of(1), text("\u{1f600} \\u00e4"), end(1)),
        format!("{}{odd}{}", start_of(1), end(1)),
        format!("{}{long}{}", start_of(1), end(1)),
        "no event at all, \0 and without an end of a line".to_owned(),
        String::new(),
    ] {
        let sent = said.clone();
        let api = Api::saying(move || Reply::events(&sent)).await;
        let proxy = start(&api.url, |builder| builder).await;
        let access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert!(answer.whole && answer.body == said, "{said:.300} {answer:.300?}");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_cut_off_for_the_agent_and_reported() {
    // spec: X3b
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut = format!("{head}{}{}", chunk(&start_of(5)), chunk(&text("half")));
    let whole = format!("{cut}{}0\r\n\r\n", chunk(&end(5)));
    let broken = "the model's API closed the connection in the middle of an answer";
    for (bytes, is_whole, expected) in [(cut, false, vec![broken]), (whole, true, vec![])] {
        let api = Api::saying(move || Reply::bytes(bytes.clone())).await;
        let proxy = start(&api.url, |builder| builder).await;
        let mut access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert_eq!((answer.status, answer.whole), (200, is_whole), "{answer:?}");
        assert_eq!(notices(&mut access), expected);
    }
}

#[tokio::test]
async fn an_error_in_a_stream_is_forwarded_and_reported() {
    // spec: X3b
    for kind in ["overloaded_error", "rate_limit_error", "api_error"] {
        let error = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"m\"}}}}\n\n"
        );
        let said = format!("{}{error}", start_of(1));
        let sent = said.clone();
        let api = Api::saying(move || Reply::events(&sent)).await;
        let proxy = start(&api.url, |builder| builder).await;
        let mut access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert_eq!(answer.body, said);
        assert_eq!(
            notices(&mut access),
            [format!("the model's API ended its answer with an error: {kind}")]
        );
    }
}

#[tokio::test]
async fn the_end_of_a_run_ends_its_streams() {
    // spec: X3b
    let (api, over) = held(&start_of(7)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let (access, other) = (open(&proxy, None), open(&proxy, None));
    let mut wires = Vec::new();
    for access in [&access, &other] {
        let mut wire = Wire::send(proxy.url(), &message(shown(access), STREAM)).await;
        wire.until("message_start").await;
        wires.push((wire, over.recv().unwrap()));
    }
    let secret = shown(&access).to_owned();
    drop(access);
    let ((theirs, say), (ours, _over)) = (wires.pop().unwrap(), wires.pop().unwrap());
    let answer = ours.rest().await;
    assert!(answer.status == 200 && !answer.whole, "{answer:?}");
    soon(api.left.acquire()).await.unwrap().forget();
    assert_eq!(ask(proxy.url(), &message(&secret, STREAM)).await.status, 401);
    // The stream of the other run continues.
    say.send(end(1).into_bytes()).unwrap();
    drop(say);
    assert!(theirs.rest().await.whole);
    assert_eq!(other.spent().0, 17);
}

#[tokio::test]
async fn the_end_of_a_run_ends_requests_that_were_not_answered_yet() {
    // spec: X3b
    let (hand, over) = std::sync::mpsc::channel();
    let hand = std::sync::Mutex::new(hand);
    let api = Api::saying(move || {
        let (reply, more) = Reply::bytes("").then();
        hand.lock().unwrap().send(more).unwrap();
        reply
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let wire = Wire::send(proxy.url(), &message(shown(&access), STREAM)).await;
    until(|| !api.seen().is_empty()).await;
    drop(access);
    let answer = wire.rest().await;
    assert_eq!((answer.status, &*answer.error()), (401, "authentication_error"), "{answer:?}");
    soon(api.left.acquire()).await.unwrap().forget();
    drop(over);
}

#[tokio::test]
async fn a_request_ends_when_the_agent_disconnects_and_its_cost_is_counted() {
    // spec: X3d
    let (api, over) = held(&format!("{}{}", start_of(7), text("x"))).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = proxy.open(ModelCredential::BearerToken(Secret::from("t")), None).unwrap();
    let asked = String::from_utf8(message(shown(&access), STREAM)).unwrap();
    let asked = asked.replace("connection: close\r\n", "");
    let mut wire = Wire::send(proxy.url(), asked.as_bytes()).await;
    wire.until("text_delta").await;
    let _say = over.recv().unwrap();
    drop(wire);
    soon(api.left.acquire()).await.unwrap().forget();
    until(|| !access.spent().1.is_empty()).await;
    assert!(access.spent().0 > 7, "{:?}", access.spent());
}
