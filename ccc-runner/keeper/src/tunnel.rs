//! Many streams over one connection.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

/// A stream of a tunnel: a stream of yamux behind tokio's traits.
pub type TunnelStream = Compat<yamux::Stream>;

/// Streams of both sides at once; who opens more is refused.
const STREAMS: usize = 64;
/// What the other side may send before we have read it, bytes, all streams together: yamux wants
/// 256 KiB for each.
const WINDOW: usize = STREAMS * (256 << 10);
/// Streams that nobody has taken yet; one that finds no place is closed.
const WAITING: usize = 64;

/// Opens streams. Clones open them in the same tunnel.
#[derive(Clone, Debug)]
pub struct Tunnel(mpsc::Sender<OpenRequest>);

type OpenRequest = oneshot::Sender<io::Result<TunnelStream>>;

/// The streams that the other side opened.
#[derive(Debug)]
pub struct IncomingStreams(mpsc::Receiver<TunnelStream>);

impl Tunnel {
    /// A new stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] when the tunnel has ended.
    pub async fn open(&self) -> io::Result<TunnelStream> {
        let (request, granted) = oneshot::channel();
        let gone = || io::Error::new(io::ErrorKind::NotConnected, "the tunnel has ended");
        self.0.send(request).await.map_err(|_| gone())?;
        granted.await.map_err(|_| gone())?
    }
}

impl IncomingStreams {
    /// The next one; `None` when the tunnel has ended.
    pub async fn next(&mut self) -> Option<TunnelStream> {
        self.0.recv().await
    }
}

/// A tunnel over `socket`. It works for as long as the future is polled, which ends when either
/// side does, or breaks the rules. One side is its `host`.
pub fn tunnel<T>(
    socket: T,
    host: bool,
) -> (Tunnel, IncomingStreams, impl Future<Output = ()> + Send)
where
    T: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS);
    config.set_max_connection_receive_window(Some(WINDOW));
    let mode = if host { yamux::Mode::Client } else { yamux::Mode::Server };
    let mut connection = yamux::Connection::new(socket.compat(), config, mode);
    let (requests, mut received) = mpsc::channel::<OpenRequest>(WAITING);
    let (arrived, arrivals) = mpsc::channel(WAITING);
    let work = async move {
        let mut request: Option<OpenRequest> = None;
        poll_fn(|cx| {
            loop {
                if request.is_none()
                    && let Poll::Ready(Some(next)) = received.poll_recv(cx)
                {
                    request = Some(next);
                }
                if let Some(answer) = request.take() {
                    match connection.poll_new_outbound(cx) {
                        Poll::Ready(opened) => {
                            let opened = opened
                                .map(FuturesAsyncReadCompatExt::compat)
                                .map_err(io::Error::other);
                            // Who asked may have gone.
                            let _ = answer.send(opened);
                            continue;
                        }
                        Poll::Pending => request = Some(answer),
                    }
                }
                match connection.poll_next_inbound(cx) {
                    Poll::Ready(Some(Ok(stream))) => {
                        let _ = arrived.try_send(stream.compat());
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    };
    (Tunnel(requests), IncomingStreams(arrivals), work)
}

#[cfg(test)]
mod tests;
