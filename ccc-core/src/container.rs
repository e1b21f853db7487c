//! The port behind which the agent's programs run.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Result, RunId, Secret};

/// What one runner can promise. Plain facts, no I/O behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// A hostile program inside cannot reach the host's files, processes or network.
    pub isolated: bool,
    /// [`Network::None`] and [`Network::ModelProxy`] are enforced, not only asked for.
    pub network: bool,
    /// The limits of [`Resources`] are enforced.
    pub resources: bool,
}

impl Capabilities {
    /// Promises nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { isolated: false, network: false, resources: false }
    }

    /// Promises everything.
    #[must_use]
    pub const fn all() -> Self {
        Self { isolated: true, network: true, resources: true }
    }
}

/// What the programs in a container may talk to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Nothing.
    #[default]
    None,
    /// The model proxy that the runner was built with, and nothing else.
    ModelProxy,
}

/// Ceilings for everything that runs in one container together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// Memory, bytes; swap is not added to it.
    pub memory: u64,
    /// Processors, in thousandths.
    pub milli_cpus: u32,
    /// Processes and threads.
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Bytes of the workspace, and of any one file in it.
    pub workspace_bytes: u64,
    /// Files and directories of the workspace.
    pub workspace_entries: u64,
    /// Bytes of output that one `exec` hands on; what is beyond is dropped, and the drop reported.
    pub output_bytes: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            milli_cpus: 2_000,
            processes: 512,
            open_files: 4_096,
            workspace_bytes: 8 << 30,
            workspace_entries: 1_000_000,
            output_bytes: 64 << 20,
        }
    }
}

/// One environment variable's value.
#[derive(Clone, Debug)]
pub enum EnvValue {
    /// May be shown.
    Plain(String),
    /// May not.
    Secret(Secret),
}

/// What a container must be like. Made by the pipeline out of what the agent needs and what the
/// operator allows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// The image, for runners that have images; `None` is the runner's own default.
    pub image: Option<String>,
    /// The host directory that the container sees as its workspace.
    pub workspace: PathBuf,
    /// Environment of every program in the container; nothing else is inherited.
    pub env: Vec<(String, EnvValue)>,
    /// What it may talk to.
    pub network: Network,
    /// Its ceilings.
    pub resources: Resources,
}

impl ContainerSpec {
    /// A container over `workspace` with no network, default ceilings and an empty environment.
    pub fn new(workspace: impl Into<PathBuf>) -> Self {
        Self {
            image: None,
            workspace: workspace.into(),
            env: Vec::new(),
            network: Network::None,
            resources: Resources::default(),
        }
    }

    /// Sets the image.
    #[must_use]
    pub fn with_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    /// Sets the environment.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(String, EnvValue)>) -> Self {
        self.env = env;
        self
    }

    /// Sets what it may talk to.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the ceilings.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }
}

/// One program to run: an argument vector, never a line for a shell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Command {
    /// The program and its arguments. Visible to every process of the machine: no secret, no
    /// untrusted text.
    pub argv: Vec<String>,
    /// More environment, for this program only.
    pub env: Vec<(String, EnvValue)>,
    /// What it reads; the end of file comes after it.
    pub stdin: Vec<u8>,
}

impl Command {
    /// The program with its arguments.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
        }
    }

    /// What the program reads.
    #[must_use]
    pub fn with_stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Adds one environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: EnvValue) -> Self {
        self.env.push((name.into(), value));
        self
    }
}

/// How a program ended. A value: that a program failed is not an error of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// The kernel ended it because its memory was used up.
    OutOfMemory,
}

impl ExitStatus {
    /// Whether the code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::OutOfMemory => f.write_str("killed: out of memory"),
        }
    }
}

/// Which of a program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes a program's output as it comes. Chunks of one stream arrive in order; a chunk may end in
/// the middle of a line or of a character. Must not block.
pub trait OutputSink: Send {
    /// The next bytes of one stream; never empty.
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]);
}

impl<F: FnMut(OutputStream, &[u8]) + Send> OutputSink for F {
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]) {
        self(stream, bytes);
    }
}

/// Runs containers.
///
/// # Contract
/// Safe to share; calls for different runs may overlap freely, calls for one run are made one after
/// the other, with one exception: `destroy` may come at any time.
///
/// # Call order
/// `spawn` → any number of [`Container::exec`] → [`Container::stop`] → `destroy`. Everything that is
/// created for a run carries its [`RunId`], which exists before anything else does; so `destroy`
/// needs no handle.
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait ContainerRunner: Debug + Send + Sync + 'static {
    /// A name for logs: `docker`, `subprocess`.
    fn name(&self) -> &'static str;

    /// What it promises.
    fn capabilities(&self) -> Capabilities;

    /// Asks whether a `spawn` could work now: daemon reachable, programs there. Changes nothing.
    async fn check(&self) -> Result<()>;

    /// Makes the container. Called again for the same run only after a retryable error; what an
    /// earlier, failed or dropped call left must not stand in the way.
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the workspace is no directory.
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>>;

    /// Ends and removes all that was ever made for `run`, whatever state it is in. Idempotent;
    /// legal before, during and after a `spawn` that worked, failed or was dropped. After `Ok` no
    /// process of the run is alive. The workspace directory belongs to the caller and stays.
    async fn destroy(&self, run: RunId) -> Result<()>;

    /// The runs of which this installation still holds something; never another installation's.
    async fn orphans(&self) -> Result<Vec<RunId>>;
}

/// A container that runs. Dropping it does nothing: [`ContainerRunner::destroy`] ends it.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Container: Debug + Send + Sync {
    /// The workspace as programs inside see it: `/workspace`, or the host directory itself where a
    /// runner has no file system of its own.
    fn workspace(&self) -> &Path;

    /// Runs a program in the workspace until it ends. All its output reached the sink before this
    /// returns. One at a time. Dropping the future abandons the program; only `stop` and `destroy`
    /// promise its end.
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus>;

    /// Ends every program: asks, waits `grace`, kills. After `Ok` none is alive, and the host
    /// directory holds what the container left in its workspace, whether it was mounted or copied.
    async fn stop(&self, grace: Duration) -> Result<()>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: ContainerRunner + ?Sized> ContainerRunner for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn check(&self) -> Result<()> {
        (**self).check().await
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        (**self).spawn(run, spec).await
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        (**self).destroy(run).await
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        (**self).orphans().await
    }
}

/// What a finished program printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
}

/// Comfort for callers; implemented for every [`Container`], and by nobody else.
pub trait ContainerExt: Container {
    /// Runs a program and keeps what it prints, in memory: for short outputs.
    fn output(&self, command: &Command) -> impl Future<Output = Result<Output>> {
        async move {
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let mut keep = |stream, bytes: &[u8]| match stream {
                OutputStream::Stdout => stdout.extend_from_slice(bytes),
                OutputStream::Stderr => stderr.extend_from_slice(bytes),
            };
            let status = self.exec(command, &mut keep).await?;
            Ok(Output { status, stdout, stderr })
        }
    }
}

impl<C: Container + ?Sized> ContainerExt for C {}
