//! An HTTP client that can send arbitrary bytes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::soon;

/// Returns the bytes of a request. `headers` are whole lines. Adds a length if they have none.
pub(super) fn request(target: &str, headers: &[String], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes =
        format!("{target} HTTP/1.1\r\nhost: proxy\r\nconnection: close\r\n").into_bytes();
    for line in headers {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !headers.iter().any(|line| is_length(line)) {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn is_length(line: &str) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|name| line.starts_with(name))
}

/// Returns a request for a message with the secret of a run.
pub(super) fn message(secret: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    request("POST /v1/messages", &[format!("x-api-key: {secret}")], body)
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The status line and the headers, in lower case.
    pub(super) head: String,
    pub(super) body: String,
    /// Whether the answer is complete.
    pub(super) whole: bool,
}

impl Answer {
    /// Returns the `type` of the error in the body.
    pub(super) fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["type"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// A connection to the proxy.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Wire {
    pub(super) async fn send(url: &str, bytes: &[u8]) -> Self {
        let mut wire = Self::connect(url).await;
        wire.stream.write_all(bytes).await.unwrap();
        wire
    }

    pub(super) async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        Self { stream: TcpStream::connect(address).await.unwrap(), got: Vec::new() }
    }

    /// Reads until this text has arrived.
    pub(super) async fn until(&mut self, text: &str) {
        soon(async {
            while memchr::memmem::find(&self.got, text.as_bytes()).is_none() {
                let n = self.stream.read_buf(&mut self.got).await.unwrap();
                assert_ne!(n, 0, "ended before {text}: {}", String::from_utf8_lossy(&self.got));
            }
        })
        .await;
    }

    /// Reads until the connection ends.
    pub(super) async fn rest(mut self) -> Answer {
        // A server that does not read the rest of a request resets the connection.
        soon(async { while self.stream.read_buf(&mut self.got).await.is_ok_and(|n| n > 0) {} })
            .await;
        parse(&self.got)
    }
}

/// Sends one request. Returns the answer.
pub(super) async fn ask(url: &str, bytes: &[u8]) -> Answer {
    let mut wire = Wire::connect(url).await;
    let (mut reader, mut writer) = wire.stream.split();
    soon(async {
        let read = async { while reader.read_buf(&mut wire.got).await.is_ok_and(|n| n > 0) {} };
        let write = async {
            let _ = writer.write_all(bytes).await;
            std::future::pending::<()>().await;
        };
        tokio::select! { () = read => {}, () = write => {} }
    })
    .await;
    parse(&wire.got)
}

fn parse(bytes: &[u8]) -> Answer {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        assert!(bytes.is_empty(), "half a head: {}", String::from_utf8_lossy(bytes));
        return Answer { status: 0, head: String::new(), body: String::new(), whole: false };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut rest = &bytes[end + 4..];
    let (mut body, mut whole) = (rest.to_vec(), true);
    if head.contains("transfer-encoding: chunked") {
        (body, whole) = (Vec::new(), false);
        while let Some(line) = memchr::memmem::find(rest, b"\r\n") {
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            whole = size == 0;
            let Some(chunk) = rest.get(line + 2..line + 2 + size).filter(|_| size > 0) else {
                break;
            };
            body.extend_from_slice(chunk);
            rest = rest.get(line + 4 + size..).unwrap_or_default();
        }
    }
    Answer { status, head, body: String::from_utf8_lossy(&body).into_owned(), whole }
}
