//! A fake API that can misbehave.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    /// Further bytes, which the test sends. The connection ends when the sender is dropped.
    more: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
}

impl Reply {
    /// Creates an answer of these bytes, after which the connection ends.
    pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), more: None }
    }

    /// Creates a whole answer. `headers` are whole lines.
    pub(super) fn of(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        // The header `connection: close` prevents the client from using the connection again.
        let length = body.len();
        let mut all =
            format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
        headers.iter().for_each(|line| all += &format!("{line}\r\n"));
        Self::bytes([all.as_bytes(), b"\r\n", body].concat())
    }

    /// Creates a message with these token counts.
    pub(super) fn message(input: u64, output: u64) -> Self {
        let usage = format!(r#"{{"input_tokens":{input},"output_tokens":{output}}}"#);
        Self::json(&format!(r#"{{"type":"message","usage":{usage}}}"#))
    }

    pub(super) fn json(body: &str) -> Self {
        Self::of(200, &["content-type: application/json"], body)
    }

    /// Creates server-sent events, which end with the connection.
    pub(super) fn events(body: &str) -> Self {
        Self::bytes(format!("{STREAM_HEAD}{body}"))
    }

    /// Returns the same answer for another request.
    pub(super) fn again(&self) -> Self {
        Self::bytes(self.bytes.clone())
    }

    /// Lets the test continue the answer. Returns the sender for its further bytes.
    pub(super) fn then(mut self) -> (Self, mpsc::UnboundedSender<Vec<u8>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.more = Some(receiver);
        (self, sender)
    }
}

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Returns the event at the beginning of a stream.
pub(super) fn start(input: u64) -> String {
    let usage = format!(r#"{{"input_tokens":{input},"output_tokens":1}}"#);
    format!(
        "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"usage\":{usage}}}}}\n\n"
    )
}

/// Returns an event with a piece of text.
pub(super) fn text(text: &str) -> String {
    let delta = format!(r#"{{"type":"text_delta","text":"{text}"}}"#);
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}\n\n"
    )
}

/// Returns the events at the end of a stream.
pub(super) fn end(output: u64) -> String {
    format!(
        "event: message_delta\ndata: {{\"type\":\"message_delta\",\"usage\":{{\"output_tokens\":{output}}}}}\n\n\
         event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
    )
}

#[derive(Debug)]
pub(super) struct Api {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<String>>>,
    /// A permit for each connection that the client ended first.
    pub(super) left: Arc<Semaphore>,
    _task: JoinSet<()>,
}

impl Api {
    /// Starts an API that gives the same answer to all requests.
    pub(super) async fn saying(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_| reply()).await
    }

    /// Starts an API whose answer depends on the request.
    pub(super) async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, left) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(Semaphore::new(0)));
        let (noted, leaving, reply) = (Arc::clone(&seen), Arc::clone(&left), Arc::new(reply));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (noted, leaving, reply) =
                    (Arc::clone(&noted), Arc::clone(&leaving), Arc::clone(&reply));
                connections.spawn(async move {
                    let mut stream = stream;
                    let Some(request) = read(&mut stream).await else { return };
                    noted.lock().unwrap().push(request.clone());
                    if say(stream, reply(&request)).await {
                        leaving.add_permits(1);
                    }
                });
            }
        });
        Self { url, seen, left, _task: task }
    }

    /// Returns all requests until now.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads one request. Returns it with its head in lower case.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    loop {
        if stream.read_buf(&mut got).await.ok()? == 0 {
            return None;
        }
        let Some(at) = memchr::memmem::find(&got, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&got[..at]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if got.len() >= at + 4 + length {
            return Some(format!("{head}\r\n\r\n{}", String::from_utf8_lossy(&got[at + 4..])));
        }
    }
}

/// Sends an answer. Returns whether the client ended the connection first.
async fn say(stream: TcpStream, reply: Reply) -> bool {
    let (mut reader, mut writer) = stream.into_split();
    let speak = async {
        if writer.write_all(&reply.bytes).await.is_err() {
            return true;
        }
        let Some(mut more) = reply.more else { return false };
        while let Some(bytes) = more.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return true;
            }
        }
        false
    };
    let mut byte = [0];
    tokio::select! {
        left = speak => left,
        _ = reader.read(&mut byte) => true,
    }
}
