//! An HTTP server on loopback for untrusted programs. It limits the number of connections, and the
//! time in which a request's head must arrive.
//!
//! `axum::serve` has neither limit, and a full server could not close an idle connection. Therefore
//! this module accepts connections itself.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::{Extension, Router};
use ccc_core::{Clock, Error, ErrorKind, Result, SystemClock};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// Maximum number of connections. If there are more, the oldest connection without a request in
/// progress is closed. A client therefore cannot exclude others by opening connections that it does
/// not use.
const MAX_CONNECTIONS: usize = 512;
/// Time limit for a request's head, and for the idle time of a connection between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// Delay after the system failed to accept a connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A running server, which stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

/// Serves `app` on a free port of 127.0.0.1.
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

/// The connection of a request, from which a handler acquires a [`ConnectionGuard`].
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Weak<()>);

/// A guard that prevents its connection from being closed as idle.
pub(crate) type ConnectionGuard = Option<Arc<()>>;

#[cfg_attr(
    not(feature = "model-proxy"),
    allow(dead_code, reason = "only the model proxy holds connections")
)]
impl ConnectionHandle {
    pub(crate) fn hold(&self) -> ConnectionGuard {
        self.0.upgrade()
    }
}

/// An open connection, and the mark that its guards share.
struct Connection {
    mark: Arc<()>,
    task: AbortHandle,
}

/// Accepts connections for as long as it is polled. When it is dropped, the connections are closed.
async fn accept(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut open: VecDeque<Connection> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            SystemClock.sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        open.retain(|connection| !connection.task.is_finished());
        if open.len() >= MAX_CONNECTIONS {
            // Close the oldest idle connection. If no connection is idle, drop the new one.
            let idle = open.iter().position(|connection| Arc::strong_count(&connection.mark) == 1);
            let Some(idle) = idle.and_then(|at| open.remove(at)) else { continue };
            idle.task.abort();
        }
        // Events of a stream are small, and the client waits for each of them.
        let _ = stream.set_nodelay(true);
        let mark = Arc::new(());
        let app = app.clone().layer(Extension(ConnectionHandle(Arc::downgrade(&mark))));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        let task = tasks.spawn(async move {
            // A broken connection affects only its client.
            let _ = connection.await;
        });
        open.push_back(Connection { mark, task });
    }
}
