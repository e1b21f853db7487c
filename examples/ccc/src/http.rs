//! Serving HTTP to strangers: bounded in connections, in the time of a request's head, and in the
//! time that an end takes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_request;
use ccc_core::{CancellationToken, Clock, SystemClock};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

mod unread;

/// More wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// How large a request's head may be, in bytes, and what is held of a body that nobody reads.
const MAX_HEAD: usize = 64 << 10;
/// How long a request's head may take, and how long a connection may lie idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may wait for the other side to take some of it.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// How long answers that are under way may take when the program is to end.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait when the system has no connection to give, such as without open files to spare.
const BREATHE: Duration = Duration::from_millis(100);

/// Answers until `shutdown`; then finishes what it is answering, for [`ANSWER_WITHIN`] at most.
pub(crate) async fn serve(listener: TcpListener, app: Router, shutdown: CancellationToken) {
    let app = app.layer(map_request(async |request| unread::read_to_the_end(request)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_HEAD);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections: JoinSet<()> = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            // Never closed, so there is always a place in the end.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, _)) = accepted else {
            SystemClock.sleep(BREATHE).await;
            continue;
        };
        let service = TowerToHyperService::new(app.clone());
        // Who asks and asks and reads nothing of the answers would hold a place for good.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(TAKEN_WITHIN));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = graceful.watch(http.serve_connection(stream, service));
        connections.spawn(async move {
            // A connection that breaks is the other side's loss.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = SystemClock.sleep(ANSWER_WITHIN) => {}
    }
    connections.shutdown().await;
}
