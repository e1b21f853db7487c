//! An HTTP server on loopback for programs that we did not write: bounded in connections, and in the
//! time that a request's head may take.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ccc_core::{Clock, Error, ErrorKind, Result, SystemClock};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// More wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// How long a request's head may take, and how long a connection may lie idle between two.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait when the system has no connection to give.
const BREATHE: Duration = Duration::from_millis(100);

/// A server, which ends with the value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

/// Answers on a free port of loopback.
pub(crate) async fn on_loopback(app: Router) -> Result<Server> {
    let unusable = |e| {
        Error::new(ErrorKind::Unavailable, "cannot listen on a port of 127.0.0.1").with_source(e)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let mut task = JoinSet::new();
    task.spawn(accept(listener, app));
    Ok(Server { address, _task: task })
}

/// Takes connections for as long as it is polled; when it is dropped, they end.
async fn accept(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections: JoinSet<()> = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Never closed, so there is always a place in the end.
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            SystemClock.sleep(BREATHE).await;
            continue;
        };
        // Events of a stream are small, and each is waited for.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A connection that breaks is the other side's loss.
            let _ = connection.await;
            drop(place);
        });
    }
}
