//! Tests of the channel over HTTP to a server on this machine.

use std::sync::Arc;

use ccc_core::{ErrorKind, Secret, SystemClock};
use ccc_store::durable_object::{Channel as _, HttpsChannel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

fn channel(address: &str) -> ccc_core::Result<HttpsChannel> {
    HttpsChannel::new(address, &Secret::from("hunter2".repeat(5)), Arc::new(SystemClock))
}

#[test]
fn an_address_is_encrypted_or_local_and_has_no_secret_in_it() {
    let cases = [
        ("https://ccc.example/credentials/main", None),
        ("http://127.0.0.1:8787/credentials/main", None),
        ("http://[::1]:8787/credentials/main", None),
        ("http://localhost:8787/credentials/main", None),
        ("http://ccc.example/credentials/main", Some("https://")),
        ("http://10.0.0.1/credentials/main", Some("https://")),
        ("http://localhost.example/credentials/main", Some("https://")),
        ("ftp://127.0.0.1/credentials/main", Some("https://")),
        ("https://hunter2@ccc.example/credentials/main", Some("password")),
        ("https://:hunter2@ccc.example/credentials/main", Some("password")),
        ("https://ccc.example/credentials/main?hunter2", Some("query")),
        ("ccc.example/credentials/main", Some("not a URL")),
        ("data:hunter2", Some("no host")),
    ];
    for (case, (address, expected)) in (1..).zip(cases) {
        let error = channel(address).err();
        assert_eq!(error.is_some(), expected.is_some(), "case {case}");
        if let Some(error) = error {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "case {case}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected.unwrap()), "case {case}");
            assert!(!shown.contains("hunter2"), "case {case}");
        }
    }
}

/// Sends a message to a server that answers it with `status` and `body`. The server answers a
/// second message with 200 and another body. Returns the answer that the channel returns.
async fn sent(status: &str, body: Vec<u8>) -> Result<Vec<u8>, ErrorKind> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/credentials/main", listener.local_addr().unwrap());
    let first =
        format!("HTTP/1.1 {status}\r\nlocation: {address}\r\ncontent-length: {}\r\n", body.len());
    let answers = [
        (first, body),
        ("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n".to_owned(), b"second".to_vec()),
    ];
    let mut server = JoinSet::new();
    server.spawn(async move {
        for (head, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut asked, mut buffer) = (Vec::new(), [0; 1024]);
            while !asked.ends_with(b"message") {
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the request ends early");
                asked.extend_from_slice(&buffer[..read]);
            }
            let answer = [head.as_bytes(), b"connection: close\r\n\r\n", &body].concat();
            // The write fails if the channel has closed the connection before the end of the
            // answer.
            let _ = stream.write_all(&answer).await;
        }
    });
    let answer = channel(&address).unwrap().send(b"message".to_vec()).await;
    answer.map_err(|error| error.kind())
}

#[tokio::test]
async fn the_status_of_an_answer_decides_whether_to_try_again() {
    // spec: S7c
    for (status, expected) in [
        ("200 OK", Ok(b"answer".to_vec())),
        ("204 No Content", Err(ErrorKind::Unexpected)),
        ("307 Temporary Redirect", Err(ErrorKind::Unexpected)),
        ("308 Permanent Redirect", Err(ErrorKind::Unexpected)),
        ("401 Unauthorized", Err(ErrorKind::Refused)),
        ("404 Not Found", Err(ErrorKind::Unexpected)),
        ("409 Conflict", Err(ErrorKind::Unavailable)),
        ("429 Too Many Requests", Err(ErrorKind::Unavailable)),
        ("500 Internal Server Error", Err(ErrorKind::Unavailable)),
        ("503 Service Unavailable", Err(ErrorKind::Unavailable)),
    ] {
        assert_eq!(sent(status, b"answer".to_vec()).await, expected, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused() {
    for (length, expected) in [(6 << 20, Ok(6 << 20)), ((6 << 20) + 1, Err(ErrorKind::Unexpected))]
    {
        let answer = sent("200 OK", vec![b'x'; length]).await;
        assert_eq!(answer.map(|answer| answer.len()), expected, "{length} bytes");
    }
}
