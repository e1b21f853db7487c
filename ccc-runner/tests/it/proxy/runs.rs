//! Tests of several runs that share one proxy.

use std::sync::Arc;

use ccc_core::testing::ManualClock;
use ccc_core::{Clock as _, SystemClock};
use ccc_runner::{ModelCredential, ScriptedModel};
use futures_util::future::join_all;

use super::api::{Api, Reply, end, start as start_of, text};
use super::wire::{Wire, ask, message, request};
use super::{KEY, PLAIN, STREAM, open, shown, soon, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_concurrent_conversations_see_only_their_own_costs_and_answers() {
    // spec: X3b
    // spec: X3d
    let api = Api::start(|seen| {
        // The answer contains the name from the request. The name is also its number of input
        // tokens.
        let name: u64 = seen.split("name-").nth(1).unwrap()[..3].parse().unwrap();
        if seen.contains("\"stream\":true") {
            Reply::events(&format!(
                "{}{}{}",
                start_of(name),
                text(&format!("you-{name:03}")),
                end(1)
            ))
        } else {
            Reply::json(&format!(
                r#"{{"you":"you-{name:03}","usage":{{"input_tokens":{name},"output_tokens":1}}}}"#
            ))
        }
    })
    .await;
    let proxy = start(&api.url, |builder| builder).await;
    let conversation = async |name: u64| {
        let access = open(&proxy, Some(1_000_000));
        for turn in 1..=4 {
            let body = if turn % 2 == 0 { PLAIN } else { STREAM };
            let body = body.replace("\"hi\"", &format!("\"name-{name:03}\""));
            let answer = ask(proxy.url(), &message(shown(&access), body)).await;
            assert!(answer.whole && answer.body.contains(&format!("you-{name:03}")), "{answer:?}");
            until(|| access.spent().0 == turn * (name + 10)).await;
        }
        (access.spent().0, access.spent().1[0].input_tokens, access)
    };
    let all = join_all((100..150).map(conversation)).await;
    for (name, (spent, input, _)) in (100..).zip(&all) {
        assert_eq!((*spent, *input), (4 * (name + 10), 4 * name));
    }
    assert_eq!(api.seen().len(), 200);
    assert!(api.seen().iter().all(|seen| seen.contains(KEY)));
    assert!(
        all.iter().all(|(.., access)| api.seen().iter().all(|seen| !seen.contains(shown(access))))
    );
}

#[tokio::test]
async fn each_run_has_its_own_credential() {
    // spec: X3b
    let model = ScriptedModel::start("").await.unwrap();
    let proxy = start(model.url(), |builder| builder).await;
    let ours = proxy.open(ModelCredential::BearerToken(model.key().clone()), None).unwrap();
    let mut theirs = open(&proxy, None);
    assert_eq!(ask(proxy.url(), &message(shown(&ours), PLAIN)).await.status, 200);
    assert_eq!(ask(proxy.url(), &message(shown(&theirs), PLAIN)).await.status, 401);
    assert_eq!(super::notices(&mut theirs), ["the model's API rejected the credential (401)"]);
    assert_eq!((ours.spent().0 > 0, theirs.spent().0), (true, 0));
}

#[tokio::test]
async fn incomplete_bodies_of_one_run_do_not_delay_another() {
    // spec: X3b
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let same = Arc::clone(&clock);
    let proxy = start(&api.url, |builder| builder.clock(same)).await;
    let (hostile, other) = (open(&proxy, None), open(&proxy, None));
    let claim = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: p\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n{{",
        shown(&hostile),
        32 << 20
    );
    let mut wires = Vec::new();
    for _ in 0..16 {
        wires.push(Wire::send(proxy.url(), claim.as_bytes()).await);
    }
    // Waits until the proxy awaits the rest of these bodies, because requests are processed in the
    // order of their arrival.
    until(|| clock.sleepers() >= 2).await;
    for _ in 0..3 {
        assert_eq!(ask(proxy.url(), &request("GET /", &[], "")).await.status, 200);
    }
    assert_eq!(ask(proxy.url(), &message(shown(&other), PLAIN)).await.status, 200);
}

#[tokio::test]
async fn the_server_ends_with_its_last_handle() {
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let (access, address) = (open(&proxy, None), proxy.url()["http://".len()..].to_owned());
    let clone = proxy.clone();
    drop(proxy);
    assert_eq!(ask(clone.url(), &message(shown(&access), PLAIN)).await.status, 200);
    drop(clone);
    until(|| std::net::TcpStream::connect(&address).is_err()).await;
}

/// Checks that the agent does not see the credential if a gateway repeats the request in its
/// answer.
#[tokio::test]
async fn a_stream_that_shows_the_credential_is_cut() {
    // spec: X3b
    for (said, whole) in [(KEY, false), (&KEY[1..], true)] {
        let stream = format!("{}{}{}", start_of(1), text(&format!("you sent {said}")), end(1));
        let api = Api::start(move |_| Reply::events(&stream)).await;
        let proxy = start(&api.url, |builder| builder).await;
        let access = open(&proxy, None);
        let answer = ask(proxy.url(), &message(shown(&access), STREAM)).await;
        assert_eq!((answer.whole, answer.body.contains(said)), (whole, whole), "{answer:?}");
    }
}

/// Checks that idle connections do not block other clients, because opening a connection needs no
/// secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_block_other_clients() {
    // spec: X3b
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let api =
        Api::start(|_| Reply::json(r#"{"usage":{"input_tokens":1,"output_tokens":1}}"#)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    let address = proxy.url().strip_prefix("http://").unwrap().to_owned();
    let mut silent = Vec::new();
    for _ in 0..700 {
        silent.push(tokio::net::TcpStream::connect(&address).await.unwrap());
    }
    let answer = soon(ask(proxy.url(), &message(shown(&access), PLAIN))).await;
    assert!(answer.whole && answer.status == 200, "{answer:?}");
    drop(silent);
}

/// Checks that an answer ends with its run even if the client does not read it. A program that
/// outlives its run must not hold a request open that uses the credential.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_read_ends_with_the_run() {
    // spec: X3b
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = start(&url, |builder| builder).await;
    let access = open(&proxy, None);
    let address = proxy.url().strip_prefix("http://").unwrap();
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client.write_all(&message(shown(&access), STREAM)).await.unwrap();
    let (mut api, _) = listener.accept().await.unwrap();
    let mut asked = vec![0; 64 << 10];
    assert!(api.read(&mut asked).await.unwrap() > 0);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9000000000\r\n\r\n";
    api.write_all(head.as_bytes()).await.unwrap();
    // Writes until the buffers between the API and the client are full.
    let piece = text(&"x".repeat(60_000)).into_bytes();
    let stuck = async {
        while tokio::select! {
            written = api.write_all(&piece) => written.is_ok(),
            () = SystemClock.sleep(std::time::Duration::from_millis(500)) => false,
        } {}
    };
    soon(stuck).await;
    drop(access);
    // The proxy closes its connection to the API, although the client is connected and does not
    // read.
    let closed = async { while api.write_all(&piece).await.is_ok() {} };
    soon(closed).await;
    drop(client);
}
