//! An HTTP server on loopback for untrusted programs. It limits the number of connections, and the
//! time in which a request's head must arrive.
//!
//! `axum::serve` has neither limit, and cannot close an idle connection to make room for a new one.
//! Therefore this module accepts connections itself.

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

/// Maximum number of connections. When a client opens one more, the oldest connection without a
/// request in progress is closed. A client therefore cannot exclude other clients by opening
/// connections that it does not use.
const MAX_CONNECTIONS: usize = 512;
/// Time limit for receiving the head of a request. The same limit applies to the idle time of a
/// connection between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// Delay between a failed attempt to accept a connection and the next attempt.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A running server, which stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

/// Starts a server that serves `app` on a free port of 127.0.0.1.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if no port is available.
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

/// A handle to the connection over which a request arrived. With this handle, the request's handler
/// acquires a [`ConnectionGuard`].
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Weak<()>);

/// A guard that marks a connection as in use: while the guard exists, the server does not close
/// the connection to make room for a new one. `None` if the connection is already closed.
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

/// An open connection. `mark` is shared with the connection's guards: a reference count above 1
/// means that a request is in progress.
struct Connection {
    mark: Arc<()>,
    task: AbortHandle,
}

/// Accepts connections and serves `app` on them. The future never completes. When it is dropped,
/// all connections are closed.
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
        // Send at once: events of a streamed response are small, and the client waits for each
        // event.
        let _ = stream.set_nodelay(true);
        let mark = Arc::new(());
        let app = app.clone().layer(Extension(ConnectionHandle(Arc::downgrade(&mark))));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        let task = tasks.spawn(async move {
            // Ignore errors: a broken connection affects only its client.
            let _ = connection.await;
        });
        open.push_back(Connection { mark, task });
    }
}
