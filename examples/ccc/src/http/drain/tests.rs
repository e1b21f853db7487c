#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, header};
use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;

use super::drain_body;

const CHUNK: usize = 1 << 20;

/// A request, and how its body is used.
struct Sent {
    request: Request,
    /// The number of bytes that were read from the body.
    read: Arc<AtomicUsize>,
    /// A receiver that returns an error when the body is dropped.
    gone: oneshot::Receiver<()>,
}

/// Creates a request whose body has `chunks` chunks of [`CHUNK`] bytes. If `ends` is true, the body
/// then ends. Otherwise the body stays open, and no more data arrives.
fn sent(chunks: usize, ends: bool) -> Sent {
    let (read, (there, gone)) = (Arc::new(AtomicUsize::new(0)), oneshot::channel::<()>());
    let counted = Arc::clone(&read);
    let chunks = stream::iter(0..chunks).map(move |_| {
        counted.fetch_add(CHUNK, Ordering::Relaxed);
        Ok::<_, axum::Error>(Bytes::from(vec![0; CHUNK]))
    });
    let rest = stream::pending().take(if ends { 0 } else { 1 });
    // The closure owns the sender, so that it is dropped with the stream.
    let whole = chunks.chain(rest).map(move |chunk| {
        let _ = &there;
        chunk
    });
    let request = Request::builder().method(Method::POST).body(Body::from_stream(whole)).unwrap();
    Sent { request, read, gone }
}

impl Sent {
    /// Returns the number of bytes that are read in total, if the handler reads `by_the_handler`
    /// chunks. If `expect` is true, the client waits for `100 Continue`.
    async fn read(mut self, expect: bool, by_the_handler: usize) -> usize {
        if expect {
            self.request.headers_mut().insert(header::EXPECT, "100-continue".parse().unwrap());
        }
        // The router and the server both wrap the body. The limits hold once.
        let mut body = drain_body(drain_body(self.request)).into_body().into_data_stream();
        for _ in 0..by_the_handler {
            body.next().await.unwrap().unwrap();
        }
        drop(body);
        self.gone.await.unwrap_err();
        self.read.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_body_is_read_after_the_handler() {
    // spec: W1e
    for by_the_handler in [0, 1, 3] {
        assert_eq!(sent(3, true).read(false, by_the_handler).await, 3 * CHUNK);
    }
    assert_eq!(sent(0, true).read(false, 0).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_continue_is_not_drained_before_the_handler_reads() {
    // spec: W1e
    assert_eq!(sent(3, true).read(true, 0).await, 0);
    // After the handler has read a chunk, the client sends the body like any other client.
    assert_eq!(sent(3, true).read(true, 1).await, 3 * CHUNK);
}

#[tokio::test(start_paused = true)]
async fn draining_has_a_limit_of_bytes_and_of_time() {
    // spec: W1e
    assert_eq!(
        sent(1_000, true).read(false, 0).await,
        (32 << 20) + CHUNK,
        "one chunk beyond the limit"
    );
    let began = tokio::time::Instant::now();
    assert_eq!(sent(3, false).read(false, 0).await, 3 * CHUNK);
    assert_eq!(began.elapsed().as_secs(), 5);
}
