//! A tunnel: many streams over one connection.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

/// A stream of a tunnel: a yamux stream that implements tokio's `AsyncRead` and `AsyncWrite`.
pub type TunnelStream = Compat<yamux::Stream>;

/// Maximum number of streams that are open in a tunnel at the same time. The streams of both sides
/// count together. If either side opens a further stream, yamux ends the connection.
const MAX_STREAMS: usize = 64;
/// Maximum size, in bytes, of the data that one side has received but not yet read. All streams of
/// the tunnel share this limit. yamux requires 256 KiB for each stream.
const RECEIVE_WINDOW: usize = MAX_STREAMS * (256 << 10);
/// Maximum number of incoming streams that wait until [`IncomingStreams::next`] returns them.
/// Further incoming streams are closed. Calls of [`Tunnel::open`] wait in a second queue, which has
/// the same length.
const QUEUE_LENGTH: usize = 64;

/// A handle that opens streams in a tunnel. Clones of a handle open streams in the same tunnel.
#[derive(Clone, Debug)]
pub struct Tunnel(mpsc::Sender<OpenRequest>);

type OpenRequest = oneshot::Sender<io::Result<TunnelStream>>;

/// The incoming streams of a tunnel: the streams that the other side opens.
#[derive(Debug)]
pub struct IncomingStreams(mpsc::Receiver<TunnelStream>);

impl Tunnel {
    /// Opens a stream, which the other side receives from [`IncomingStreams::next`].
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the tunnel has ended. [`io::ErrorKind::Other`] if yamux
    /// refuses the stream and ends the tunnel, for example when 64 streams are already open.
    pub async fn open(&self) -> io::Result<TunnelStream> {
        let (request, granted) = oneshot::channel();
        let gone = || {
            io::Error::new(
                io::ErrorKind::NotConnected,
                "the connection between the runner and the keeper has ended",
            )
        };
        self.0.send(request).await.map_err(|_| gone())?;
        granted.await.map_err(|_| gone())?
    }
}

impl IncomingStreams {
    /// Waits for the next stream that the other side opens. Returns `None` when the tunnel has
    /// ended.
    pub async fn next(&mut self) -> Option<TunnelStream> {
        self.0.recv().await
    }
}

/// Creates a tunnel over the connection `socket`. The tunnel works only while the returned future
/// is polled. The future completes when either side ends the connection or violates the protocol.
/// `host` selects the role of this side in yamux: client if `true`, server if `false`. Exactly one
/// side of the connection must pass `true`.
pub fn tunnel<T>(
    socket: T,
    host: bool,
) -> (Tunnel, IncomingStreams, impl Future<Output = ()> + Send)
where
    T: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS);
    config.set_max_connection_receive_window(Some(RECEIVE_WINDOW));
    let mode = if host { yamux::Mode::Client } else { yamux::Mode::Server };
    let mut connection = yamux::Connection::new(socket.compat(), config, mode);
    let (requests, mut received) = mpsc::channel::<OpenRequest>(QUEUE_LENGTH);
    let (arrived, arrivals) = mpsc::channel(QUEUE_LENGTH);
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
                            // The task that requested the stream may have ended.
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
