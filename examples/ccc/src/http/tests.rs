//! Tests of the server over TCP connections.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a panic fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use ccc_core::CancellationToken;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::http::accept::serve_within;
use crate::http::connection::Clients;
use crate::http::connection_limits::{Limits, MAX_HEAD};

const PING: &str =
    "POST /webhook/github HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

struct Fixture {
    address: SocketAddr,
    server: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Fixture {
    async fn start(limits: Limits, trusted_proxies: &[&str]) -> Self {
        let app = Router::new()
            .route("/webhook/github", post(async |body: String| body))
            .route("/", get(async || "hello"))
            // A stream without an end, which only the admin may open.
            .route("/stream", get(async || axum::body::Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>())));
        let clients = Clients {
            trusted_proxies: trusted_proxies.iter().map(|text| text.parse().unwrap()).collect(),
            admits_admin: Arc::new(|headers: &HeaderMap| headers.contains_key("authorization")),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let server = tokio::spawn(serve_within(limits, listener, app, clients, shutdown.clone()));
        Self { address, server, shutdown }
    }

    /// Connects from the address 127.0.0.`host`, and sends `bytes`.
    async fn connect(&self, host: u8, bytes: impl AsRef<[u8]>) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        // The server can close the connection before all bytes are written.
        let _ = stream.write_all(bytes.as_ref()).await;
        stream
    }

    /// Sends a request from the address 127.0.0.`host`. Returns the status, or 0 if the connection
    /// was closed without a response.
    async fn ask(&self, host: u8, bytes: impl AsRef<[u8]>) -> u16 {
        status(&mut self.connect(host, bytes).await).await
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap();
    }
}

/// Reads a response to its end. Returns its status, or 0 if there is no response.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    let text = String::from_utf8_lossy(&response);
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Returns whether the server has closed the connection without a response.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]).await, Ok(0) | Err(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn half_requests_of_one_client_do_not_delay_others() {
    // spec: W1d, W12a, W12b
    let site = Fixture::start(Limits::default(), &[]).await;
    let mut half = Vec::new();
    for part in
        ["POST /webhook/github HTTP/1.1\r\nx-a: ", "GET ", "\r\n", ""].iter().cycle().take(1_400)
    {
        half.push(site.connect(1, part).await);
    }
    // From the same address and from another one.
    for host in [1, 2] {
        assert_eq!(site.ask(host, PING).await, 200);
        assert_eq!(site.ask(host, GET).await, 200);
    }
    // The oldest connections were closed, and at most 32 are open.
    let (old, young) = half.split_at_mut(1_400 - 32);
    for stream in old {
        assert!(is_closed(stream).await);
    }
    let last = young.last_mut().unwrap();
    last.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(status(last).await, 200, "the youngest is still open");
    drop(half);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_requests_of_many_clients_do_not_close_the_connections_of_others() {
    // spec: W12b
    let site = Fixture::start(Limits::default(), &[]).await;
    for half in ["POST /webhook/github HTTP/1.1\r\nx-a: ", ""] {
        // These connect first, and send their requests last.
        let mut others = Vec::new();
        for host in 101..=167 {
            others.push(site.connect(host, "").await);
        }
        let mut flood = Vec::new();
        for _ in 0..2 {
            for host in 1..=20 {
                for _ in 0..32 {
                    flood.push(site.connect(host, half).await);
                }
            }
            // All connections before this one were accepted.
            assert_eq!(site.ask(200, PING).await, 200);
        }
        let mut answered = 0;
        for (number, stream) in others.iter_mut().enumerate() {
            let request = if number % 2 == 0 { PING } else { GET };
            let _ = stream.write_all(request.as_bytes()).await;
            answered += u32::from(status(stream).await == 200);
        }
        assert_eq!(answered, 67, "{half}");
        drop(flood);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dribbles_is_closed_when_its_place_is_needed() {
    // spec: W12b
    let limits = Limits { places: 4, others: 3, admins: 1, per_peer: 2 };
    let site = Fixture::start(limits, &[]).await;
    let body = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n{";
    let mut slow = Vec::new();
    for (host, part) in [(1, "GET / HTT"), (2, "GET / HTT"), (3, body), (4, body)] {
        slow.push(site.connect(host, part).await);
    }
    // Each dribbles one more byte. That does not make a connection younger.
    for stream in &mut slow {
        stream.write_all(b"P").await.unwrap();
    }
    // Six clients in turn: each needs a place, and each gets one at once.
    let mut held = Vec::new();
    for host in 5..9 {
        held.push(site.connect(host, "GET / HTTP/1.1\r\n").await);
    }
    for stream in &mut held[2..] {
        stream.write_all(b"host: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert_eq!(status(stream).await, 200);
    }
    for stream in &mut slow[..2] {
        assert!(is_closed(stream).await);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_deliveries_use_the_last_places() {
    // spec: W12a, W12c
    let limits = Limits { places: 6, others: 4, admins: 1, per_peer: 2 };
    let site = Fixture::start(limits, &[]).await;
    let stream = "GET /stream HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut open = Vec::new();
    for host in [1, 1, 2, 2] {
        let mut one = site.connect(host, stream).await;
        one.read_exact(&mut [0; 12]).await.unwrap();
        open.push(one);
    }
    for host in [1, 2] {
        assert_eq!(site.ask(host, GET).await, 503, "{host}");
        assert_eq!(site.ask(host, PING).await, 200, "{host}");
    }
    // The admin has a place of its own, and a second request of the admin counts like any other.
    let with_token = "GET /stream HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n";
    let mut admin = site.connect(2, with_token).await;
    admin.read_exact(&mut [0; 12]).await.unwrap();
    assert_eq!(site.ask(2, with_token).await, 503);
    // A client without a request displaces one of a client with two.
    assert_eq!(site.ask(3, GET).await, 200);
    drop(open);
    drop(admin);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_names_the_clients_that_the_limits_count() {
    // spec: W12d
    let limits = Limits { places: 20, others: 15, admins: 1, per_peer: 2 };
    let site = Fixture::start(limits, &["127.0.0.9"]).await;
    let stream = |client: &str| {
        format!(
            "GET /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {client}\r\n\r\n"
        )
    };
    let mut open = Vec::new();
    // Through the proxy, each client has two places; the header of another client counts nothing.
    for (host, client, accepted) in [
        (9, "198.51.100.1", true),
        (9, "198.51.100.1", true),
        (9, "198.51.100.1", false),
        (9, "192.0.2.1, 198.51.100.1", false),
        (9, "198.51.100.2", true),
        (1, "198.51.100.3", true),
        (1, "198.51.100.4", true),
        (1, "198.51.100.5", false),
    ] {
        if accepted {
            let mut one = site.connect(host, stream(client)).await;
            let mut line = [0; 12];
            one.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"HTTP/1.1 200", "{host} {client}");
            open.push(one);
        } else {
            assert_eq!(site.ask(host, stream(client)).await, 503, "{host} {client}");
        }
    }
    drop(open);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_of_a_trusted_proxy_makes_the_requests_of_the_proxy_itself_fail() {
    // spec: W12a, W12d
    let site = Fixture::start(Limits::default(), &["127.0.0.9"]).await;
    for headers in [
        "x-forwarded-for: 203.0.113.7\r\nforwarded: for=192.0.2.1",
        "x-forwarded-for: 203.0.113.7\r\nforwarded: for=127.0.0.9",
        "x-forwarded-for: \", 203.0.113.7",
        "x-forwarded-for: 203.0.113.7, unknown",
        "forwarded: for=192.0.2.1;host=\"a, for=203.0.113.7",
        "forwarded:",
    ] {
        // Requests without a body, and requests whose responses have no end.
        let slow = format!(
            "POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n{headers}\r\n\r\n"
        );
        let long = format!("GET /stream HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n");
        let mut flood = Vec::new();
        for _ in 0..33 {
            flood.push(site.connect(9, &slow).await);
        }
        assert_eq!(site.ask(9, GET).await, 200, "{headers}");
        for _ in 0..32 {
            let mut one = site.connect(9, &long).await;
            one.read_exact(&mut [0; 12]).await.unwrap();
            flood.push(one);
        }
        assert_eq!(site.ask(9, GET).await, 200, "{headers}");
    }
    // A client closes its own slow requests, also without a proxy.
    let mut flood = Vec::new();
    for _ in 0..33 {
        let slow = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n";
        flood.push(site.connect(1, slow).await);
    }
    assert_eq!(site.ask(1, GET).await, 200);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_more_than_64_kib_is_refused() {
    // spec: W1d
    let site = Fixture::start(Limits::default(), &[]).await;
    let head = |length: usize| {
        let begin = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-a: ";
        format!("{begin}{}\r\n\r\n", "a".repeat(length - begin.len() - 4))
    };
    let first = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let with_body = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    for (length, expected) in
        [(MAX_HEAD - 1, 200), (MAX_HEAD, 200), (MAX_HEAD + 1, 431), (100_000, 431), (130_000, 431)]
    {
        for before in ["", first, with_body] {
            // In one write.
            let mut stream = site.connect(1, format!("{before}{}", head(length))).await;
            let got = last_status(&mut stream).await;
            assert_eq!(got, expected, "{length} after {} bytes", before.len());
            // In many writes.
            let mut stream = site.connect(1, before).await;
            for piece in head(length).as_bytes().chunks(3_000) {
                let _ = stream.write_all(piece).await;
                tokio::task::yield_now().await;
            }
            let got = last_status(&mut stream).await;
            assert_eq!(got, expected, "{length} after {} bytes, in pieces", before.len());
        }
    }
    site.stop().await;
}

/// Reads all responses of a connection. Returns the status of the last response.
async fn last_status(stream: &mut TcpStream) -> u16 {
    let mut responses = Vec::new();
    // A refused client can get a reset after the response, because it has sent more than was read.
    while let Ok(1..) = stream.read_buf(&mut responses).await {}
    let text = String::from_utf8_lossy(&responses);
    let last = text.rsplit("HTTP/1.1 ").next().unwrap();
    last.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests_and_ends_after_a_body_without_a_length() {
    // spec: W1d
    let site = Fixture::start(Limits::default(), &[]).await;
    let sized = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n\r\n\r\n";
    let chunked = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let many =
        [sized.repeat(3), GET.replace("close", "keep-alive"), chunked.to_owned(), sized.to_owned()]
            .concat();
    let mut stream = site.connect(1, many).await;
    let mut responses = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut responses).await {}
    let text = String::from_utf8_lossy(&responses);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 5, "{text}");
    for (request, expected) in [
        ("GET / HTTP/1.1\r\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
        ("GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
    ] {
        let got = site.ask(1, request).await;
        assert!(got == expected || expected == 0, "{request:?}: {got}");
    }
    site.stop().await;
}
