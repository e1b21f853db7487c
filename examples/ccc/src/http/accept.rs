//! The loop that accepts connections.

use std::sync::Arc;

use axum::Router;
use ccc_core::{CancellationToken, Clock, SystemClock};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use crate::http::client_address::is_trusted;
use crate::http::connection::{Clients, Connection};
use crate::http::connection_limits::{
    ACCEPT_RETRY_DELAY, HEAD_DEADLINE, Limits, MAX_HEAD, SHUTDOWN_DEADLINE, WRITE_DEADLINE,
};
use crate::http::head_reader::HeadReader;
use crate::http::places::{Peer, Places};

/// Serves `app` over HTTP until `shutdown` is cancelled. Then accepts no more connections, and
/// finishes the responses in progress within [`SHUTDOWN_DEADLINE`].
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    clients: Clients,
    shutdown: CancellationToken,
) {
    serve_within(Limits::default(), listener, app, clients, shutdown).await;
}

/// Serves `app` as [`serve`] does, with at most as many connections as `limits` permits.
pub(super) async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    app: Router,
    clients: Clients,
    shutdown: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(MAX_HEAD);
    let (app, clients) = (TowerToHyperService::new(app), Arc::new(clients));
    let places = Arc::new(Places::new(limits));
    let graceful = GracefulShutdown::new();
    let mut connections: JoinSet<()> = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            SystemClock.sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        let address = address.ip();
        // All clients of a proxy have its address until the heads of their requests have arrived.
        let peer = match is_trusted(&clients.trusted_proxies, address) {
            true => None,
            false => Some(Peer::new(address)),
        };
        let place = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            place = places.admit(peer) => Arc::new(place),
        };
        // Without a timeout, a client that does not read the response would occupy its connection
        // forever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_DEADLINE));
        let stream = HeadReader::new(stream);
        let connection = Connection {
            clients: Arc::clone(&clients),
            app: app.clone(),
            address,
            place: Arc::clone(&place),
            body_length: stream.body_length(),
        };
        let service = service_fn(move |request| connection.answer(request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            tokio::select! {
                // A broken connection needs no handling here.
                _ = connection => {}
                () = place.evicted() => {}
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = SystemClock.sleep(SHUTDOWN_DEADLINE) => {}
    }
    connections.shutdown().await;
}
