//! An HTTP server on loopback for programs that are not trusted: bounded in connections, and in the
//! time that a request's head may take.
//!
//! `axum::serve` has neither bound, and does not let a full server drop its longest idle
//! connection. So connections are accepted here.

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

/// When there are more, the one goes that has been idle for longest: nobody shuts others out by
/// opening connections and saying nothing.
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

/// The connection of a request, from which a handler takes a [`ConnectionGuard`].
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Weak<()>);

/// Keeps the connection from being dropped as idle, for as long as the guard lives.
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

/// An open connection, and the mark of those that need it.
struct Connection {
    mark: Arc<()>,
    task: AbortHandle,
}

/// Takes connections for as long as it is polled; when it is dropped, they end.
async fn accept(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut open: VecDeque<Connection> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            SystemClock.sleep(BREATHE).await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        open.retain(|connection| !connection.task.is_finished());
        if open.len() >= MAX_CONNECTIONS {
            // The oldest first. Where all are needed, this one is one too many.
            let idle = open.iter().position(|connection| Arc::strong_count(&connection.mark) == 1);
            let Some(idle) = idle.and_then(|at| open.remove(at)) else { continue };
            idle.task.abort();
        }
        // Events of a stream are small, and each is waited for.
        let _ = stream.set_nodelay(true);
        let mark = Arc::new(());
        let app = app.clone().layer(Extension(ConnectionHandle(Arc::downgrade(&mark))));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        let task = tasks.spawn(async move {
            // A connection that breaks is the other side's loss.
            let _ = connection.await;
        });
        open.push_back(Connection { mark, task });
    }
}
