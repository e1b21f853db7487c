//! Listeners of the test, and the data that they received.

use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener as StdUnixListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio::task::JoinSet;

/// The received data in the order of arrival, one entry per connection or packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceivedData(Arc<Mutex<Vec<String>>>);

impl ReceivedData {
    fn note(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(crate) fn of(&self, sender: &str) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().any(|text| text.contains(sender))
    }
}

/// A set of listeners that record data before they answer, so all answered data is recorded.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) heard: ReceivedData,
    tasks: JoinSet<()>,
}

impl Listeners {
    pub(crate) async fn tcp(&mut self, address: &str) -> SocketAddr {
        let listener = TcpListener::bind(address).await;
        let listener = listener.unwrap_or_else(|e| panic!("cannot listen at {address}: {e}"));
        let (address, heard) = (listener.local_addr().unwrap(), self.heard.clone());
        self.tasks.spawn(async move {
            let mut callers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                callers.spawn(listen(stream, heard.clone()));
            }
        });
        address
    }

    pub(crate) fn abstract_socket(&mut self, name: &str) {
        let listener = UnixAddr::from_abstract_name(name).unwrap();
        let listener = StdUnixListener::bind_addr(&listener).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (listener, heard) = (UnixListener::from_std(listener).unwrap(), self.heard.clone());
        self.tasks.spawn(async move {
            let mut callers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                callers.spawn(listen(stream, heard.clone()));
            }
        });
    }

    /// Starts a name server that answers every query with "no such name".
    pub(crate) async fn dns(&mut self, address: &str) {
        let socket = UdpSocket::bind((address, 53)).await;
        let socket = socket.unwrap_or_else(|e| panic!("cannot listen at {address}, port 53: {e}"));
        let heard = self.heard.clone();
        self.tasks.spawn(async move {
            let mut packet = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                heard.note(&packet[..length]);
                // Sets the header to: response, recursion available, no such name.
                packet[2..4].copy_from_slice(&[0x81, 0x83]);
                let _ = socket.send_to(&packet[..length], from).await;
            }
        });
    }

    /// Starts a fake Messages API, which redirects requests with the header `x-app: elsewhere`.
    pub(crate) async fn api(&mut self, elsewhere: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), self.heard.clone());
        let answer = move |headers: HeaderMap, uri: Uri, body: String| async move {
            heard.note(format!("{uri} {body}").as_bytes());
            reply(&headers, elsewhere)
        };
        self.tasks.spawn(async move {
            let _ = axum::serve(listener, Router::new().fallback(answer)).await;
        });
        address
    }
}

fn reply(headers: &HeaderMap, elsewhere: SocketAddr) -> Response {
    if headers.get("x-app").is_some_and(|app| app == "elsewhere") {
        let location = format!("http://127.0.0.1:{}/", elsewhere.port());
        return (StatusCode::TEMPORARY_REDIRECT, [("location", location)]).into_response();
    }
    let json = r#"{"type":"message","usage":{"input_tokens":1,"output_tokens":1}}"#;
    ([("content-type", "application/json")], json).into_response()
}

/// Reads from a client up to a semicolon, records the data, and answers.
async fn listen(mut stream: impl AsyncRead + AsyncWrite + Unpin, heard: ReceivedData) {
    let mut said = Vec::new();
    while !said.contains(&b';') {
        if !matches!(stream.read_buf(&mut said).await, Ok(1..)) {
            break;
        }
    }
    heard.note(&said);
    let _ = stream.write_all(b"heard\n").await;
}
