//! The port behind which the agent's programs run.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

mod spec;

pub use spec::{Command, ContainerSpec, EnvValue, ExitStatus, Network, Resources};

use crate::{Result, RunId};

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

/// A container that runs. Dropping it may end its programs, and leaves the rest to
/// [`ContainerRunner::destroy`].
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Container: Debug + Send + Sync {
    /// The workspace as programs inside see it: `/workspace`, or the host directory itself where a
    /// runner has no file system of its own.
    fn workspace(&self) -> &Path;

    /// Where programs inside reach the model proxy, as a URL without a path; `None` unless
    /// [`Network::ModelProxy`] was asked for and the runner was built with one.
    fn model_proxy(&self) -> Option<&str>;

    /// Where programs inside wanted to and were not let, each once, as they named it: untrusted text, up to a
    /// bound. Empty for runners that keep nobody from anything.
    fn denied_hosts(&self) -> Vec<String>;

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
