//! A container that runs, as the host talks to it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::query_parameters::StopContainerOptionsBuilder;
use ccc_core::container::{
    Command, ContainerSpec, EnvValue, ExitStatus, Network, OutputSink, OutputStream,
};
use ccc_core::{CancellationToken, Container, Error, ErrorKind, Result, RunId, async_trait};
use ccc_keeper::{
    Arrivals, Door, EGRESS_PORT, Ended, Ending, Hello, MODEL_PORT, Order, Piece, Pipe, Tunnel,
    read_piece, read_word, write_head,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::engine::Image;
use super::fault::{self, Attempt};
use super::walls::{HOME, WORKSPACE};
use super::{Shared, copy, name};
use crate::egress::Egress;
use crate::output::Room;

/// What the keeper says on standard error, the beginning of it.
type Words = Arc<Mutex<Vec<u8>>>;

/// The tunnel to a keeper. When it is dropped, the keeper is alone, and ends its container.
#[derive(Debug)]
pub(super) struct Connection {
    tunnel: Tunnel,
    words: Words,
    greeting: Option<oneshot::Receiver<Hello>>,
    egress: Arc<Egress>,
    _tasks: JoinSet<()>,
}

impl Connection {
    pub(super) fn new(
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        over: CancellationToken,
        words: Words,
        model: Option<SocketAddr>,
        egress: Arc<Egress>,
    ) -> Self {
        let (tunnel, arrivals, work) = ccc_keeper::tunnel(socket, true);
        let (greet, greeting) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            over.run_until_cancelled_owned(work).await;
        });
        tasks.spawn(answer(arrivals, greet, model, Arc::clone(&egress)));
        Self { tunnel, words, greeting: Some(greeting), egress, _tasks: tasks }
    }

    /// The keeper's first words; `None` when it ended without any.
    pub(super) async fn hello(&mut self) -> Option<Hello> {
        self.greeting.take()?.await.ok()
    }

    /// What it complained of.
    pub(super) fn words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&words).into_owned()
    }
}

/// Answers the streams that the keeper opens: its greeting, and those who want to the model proxy. Whatever
/// else comes is closed: who is inside can say what they like.
async fn answer(
    mut arrivals: Arrivals,
    greet: oneshot::Sender<Hello>,
    model: Option<SocketAddr>,
    egress: Arc<Egress>,
) {
    let mut greet = Some(greet);
    let mut streams = JoinSet::new();
    while let Some(mut stream) = arrivals.next().await {
        while streams.try_join_next().is_some() {}
        let greet = greet.take();
        // The first stream is the greeting: opened before any program runs.
        if let Some(greet) = greet {
            if let Ok(hello) = hello(&mut stream).await {
                let _ = greet.send(hello);
            }
            continue;
        }
        let egress = Arc::clone(&egress);
        streams.spawn(async move {
            // A connection that breaks is told to both ends by its end.
            let _ = lead(stream, model, &egress).await;
        });
    }
}

async fn hello(stream: &mut Pipe) -> io::Result<Hello> {
    match read_word::<Door>(stream).await? {
        Door::Hello => read_word(stream).await,
        _ => Err(io::Error::other("it does not greet first")),
    }
}

async fn lead(mut stream: Pipe, model: Option<SocketAddr>, egress: &Egress) -> io::Result<()> {
    let address = match read_word::<Door>(&mut stream).await? {
        Door::Model => model,
        Door::Egress => return egress.serve(stream).await,
        Door::Hello => None,
    };
    let Some(address) = address else { return Ok(()) };
    let mut proxy = TcpStream::connect(address).await?;
    proxy.set_nodelay(true)?;
    copy_bidirectional(&mut stream, &mut proxy).await.map(drop)
}

/// A container of a run.
#[derive(Debug)]
pub(super) struct DockerContainer {
    pub(super) shared: Arc<Shared>,
    pub(super) run: RunId,
    pub(super) spec: ContainerSpec,
    image: Image,
    /// Its workspace is the host's directory itself.
    mounted: bool,
    model_proxy: Option<String>,
    connection: Connection,
}

impl DockerContainer {
    pub(super) fn new(
        shared: Arc<Shared>,
        run: RunId,
        spec: ContainerSpec,
        (image, mounted): (Image, bool),
        connection: Connection,
    ) -> Self {
        let model_proxy =
            (spec.network == Network::ModelProxy).then(|| format!("http://127.0.0.1:{MODEL_PORT}"));
        Self { shared, run, spec, image, mounted, model_proxy, connection }
    }

    fn order(&self, command: &Command) -> Result<Order> {
        let mut env = self.image.env.clone();
        let proxy = format!("http://127.0.0.1:{EGRESS_PORT}");
        // In both spellings: programs know one or the other.
        let ours = [
            ("HOME", HOME),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("HTTPS_PROXY", &proxy),
            ("https_proxy", &proxy),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("no_proxy", "127.0.0.1,localhost"),
        ];
        env.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, value) in self.spec.env.iter().chain(&command.env) {
            let value = match value {
                EnvValue::Plain(text) => text.clone(),
                EnvValue::Secret(secret) => secret.expose_str()?.to_owned(),
            };
            env.push((name.clone(), value));
        }
        Ok(Order {
            argv: command.argv.clone(),
            env,
            directory: WORKSPACE.to_owned(),
            stdin: command.stdin.len() as u64,
            output: self.spec.resources.output_bytes,
        })
    }

    /// Has the keeper run the program, and hands on what comes back.
    async fn converse(
        &self,
        order: &Order,
        stdin: &[u8],
        output: &mut dyn OutputSink,
    ) -> io::Result<Ended> {
        let mut stream = self.connection.tunnel.open().await?;
        write_head(&mut stream, order).await?;
        let (mut from, mut to) = tokio::io::split(stream);
        let feed = async {
            // A program need not read all that it is given.
            let _ = async {
                to.write_all(stdin).await?;
                to.flush().await
            }
            .await;
            std::future::pending().await
        };
        let listen = async {
            // Counted here as well: who is inside may have taken the keeper over.
            let mut room = Room::new(order.output, output);
            let mut bytes = Vec::new();
            loop {
                let stream = match read_piece(&mut from, &mut bytes).await? {
                    Piece::Stdout => OutputStream::Stdout,
                    Piece::Stderr => OutputStream::Stderr,
                    Piece::Ended => {
                        let ended: Ended = serde_json::from_slice(&bytes)?;
                        room.report(ended.dropped);
                        return Ok(ended);
                    }
                };
                room.hand_on(stream, &bytes);
                // Output that never pauses must leave others their turn: the clock of a limit.
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = listen => ended,
            never = feed => never,
        }
    }
}

#[async_trait]
impl Container for DockerContainer {
    fn workspace(&self) -> &Path {
        Path::new(WORKSPACE)
    }

    fn model_proxy(&self) -> Option<&str> {
        self.model_proxy.as_deref()
    }

    fn denied_hosts(&self) -> Vec<String> {
        self.connection.egress.denied_hosts()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        let order = self.order(command)?;
        let _wider = self.connection.egress.widen(&command.egress);
        let ended = match self.converse(&order, &command.stdin, output).await {
            Ok(ended) => ended,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Err(Error::new(ErrorKind::InvalidInput, error.to_string()));
            }
            Err(broken) => return Err(self.why_gone(&broken).await),
        };
        let program = command.argv.first().map_or("", String::as_str);
        match ended.ending {
            Ending::Code(code) => Ok(ExitStatus::Code(code)),
            Ending::Signal(signal) => Ok(ExitStatus::Signal(signal)),
            Ending::OutOfMemory => Ok(ExitStatus::OutOfMemory),
            Ending::NotFound => Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no program `{program}` in the container"),
            )),
            Ending::NotStarted(why) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "`{program}` does not start in the container: {}",
                    ccc_core::text::one_line(&why, 200)
                ),
            )),
        }
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        let engine = self.shared.engine().await?;
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options = StopContainerOptionsBuilder::default()
            .t(i32::try_from(seconds).unwrap_or(i32::MAX))
            .build();
        match engine.patient().stop_container(&name(self.run), Some(options)).await {
            Err(refusal) if fault::answer(&refusal).is_some_and(|(status, _)| status == 304) => {}
            // Who is gone has stopped; what a copy held is lost.
            Err(refusal) if self.mounted && fault::is_missing(&refusal) => {}
            stopped => stopped.attempt("the container does not stop")?,
        }
        if !self.mounted {
            let limits =
                (self.spec.resources.workspace_bytes, self.spec.resources.workspace_entries);
            copy::copy_out(engine, &name(self.run), &self.spec.workspace, limits).await?;
        }
        Ok(())
    }
}
