//! The loop that accepts connections.

use std::sync::Arc;

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

use crate::http::connection_limits::{
    ACCEPT_RETRY_DELAY, HEAD_DEADLINE, MAX_CONNECTIONS, MAX_HEAD, SHUTDOWN_DEADLINE, WRITE_DEADLINE,
};
use crate::http::drain::drain_body;

/// Serves `app` over HTTP until `shutdown` is cancelled. Then accepts no more connections, and
/// finishes the responses in progress within [`SHUTDOWN_DEADLINE`].
pub(crate) async fn serve(listener: TcpListener, app: Router, shutdown: CancellationToken) {
    let app = app.layer(map_request(async |request| drain_body(request)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(MAX_HEAD);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections: JoinSet<()> = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            // This always returns a permit, because the semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, _)) = accepted else {
            SystemClock.sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        let service = TowerToHyperService::new(app.clone());
        // Without a timeout, a client that does not read the response would occupy its connection
        // forever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_DEADLINE));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = graceful.watch(http.serve_connection(stream, service));
        connections.spawn(async move {
            // A broken connection needs no handling here.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = SystemClock.sleep(SHUTDOWN_DEADLINE) => {}
    }
    connections.shutdown().await;
}
