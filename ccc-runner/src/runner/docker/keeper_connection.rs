//! Connection to the keeper (`ccc-keeper`), which is the first process of a container.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ccc_core::CancellationToken;
use ccc_keeper::{Hello, IncomingStreams, StreamKind, Tunnel, TunnelStream, read_short_head};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::egress::proxy::EgressProxy;
use crate::lock::lock;

/// The first bytes that the keeper wrote to its standard error.
pub(crate) type StderrBuffer = Arc<Mutex<Vec<u8>>>;

/// The connection to the keeper of a container. When this value is dropped, the keeper's standard
/// input ends, and the keeper then ends the container.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) tunnel: Tunnel,
    stderr: StderrBuffer,
    greeting: Option<oneshot::Receiver<Hello>>,
    pub(crate) egress: Arc<EgressProxy>,
    _tasks: JoinSet<()>,
}

impl Connection {
    pub(crate) fn new(
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        over: CancellationToken,
        stderr: StderrBuffer,
        model: Option<SocketAddr>,
        egress: Arc<EgressProxy>,
    ) -> Self {
        let (tunnel, incoming, work) = ccc_keeper::tunnel(socket, true);
        let (greet, greeting) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            over.run_until_cancelled_owned(work).await;
        });
        tasks.spawn(answer(incoming, greet, model, Arc::clone(&egress)));
        Self { tunnel, stderr, greeting: Some(greeting), egress, _tasks: tasks }
    }

    /// Waits for the keeper's greeting. Returns `None` if the keeper ended without a greeting.
    pub(crate) async fn hello(&mut self) -> Option<Hello> {
        self.greeting.take()?.await.ok()
    }

    /// Returns the text that has arrived so far from the keeper's standard error. Only the
    /// beginning of a long text is stored.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&lock(&self.stderr)).into_owned()
    }
}

/// Handles the streams that the keeper opens. The first stream must be the greeting. Each later
/// stream is connected to the model proxy or to the egress proxy. A stream that asks for anything
/// else is closed, because the keeper is not trusted.
async fn answer(
    mut incoming: IncomingStreams,
    greet: oneshot::Sender<Hello>,
    model: Option<SocketAddr>,
    egress: Arc<EgressProxy>,
) {
    let mut greet = Some(greet);
    let mut streams = JoinSet::new();
    while let Some(mut stream) = incoming.next().await {
        while streams.try_join_next().is_some() {}
        let greet = greet.take();
        // The first stream is the greeting: the keeper opens it before any program starts.
        if let Some(greet) = greet {
            if let Ok(hello) = hello(&mut stream).await {
                let _ = greet.send(hello);
            }
            continue;
        }
        let egress = Arc::clone(&egress);
        streams.spawn(async move {
            // Ignore errors, because both ends notice when a connection breaks.
            let _ = forward(stream, model, &egress).await;
        });
    }
}

async fn hello(stream: &mut TunnelStream) -> io::Result<Hello> {
    match read_short_head::<StreamKind>(stream).await? {
        StreamKind::Hello => read_short_head(stream).await,
        _ => Err(io::Error::other("the keeper's first stream is not a greeting")),
    }
}

async fn forward(
    mut stream: TunnelStream,
    model: Option<SocketAddr>,
    egress: &EgressProxy,
) -> io::Result<()> {
    let address = match read_short_head::<StreamKind>(&mut stream).await? {
        StreamKind::Model => model,
        StreamKind::Egress => return egress.serve(stream).await,
        StreamKind::Hello => None,
    };
    let Some(address) = address else { return Ok(()) };
    let mut proxy = TcpStream::connect(address).await?;
    proxy.set_nodelay(true)?;
    copy_bidirectional(&mut stream, &mut proxy).await.map(drop)
}
