//! The attacker's server.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An HTTP server that records requests and answers 404. It lives as long as the process.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    /// Starts the server at an address of the loopback interface, such as `127.0.0.1:0`.
    pub(crate) fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(&stream, &kept);
            }
        });
        Self { port, heads }
    }

    /// Returns the requests since the last call: request lines with their headers.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }
}

fn serve(mut stream: &TcpStream, heads: &Mutex<Vec<String>>) {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    // A connection counts even without a complete request.
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    heads.lock().unwrap().push(head);
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).ok();
}
