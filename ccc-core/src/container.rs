//! The container port: isolated environments in which the agent's programs run.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

mod spec;

pub use spec::{Command, ContainerSpec, EnvValue, ExitStatus, Network, Resources};

use crate::{Result, RunId};

/// The guarantees of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether a hostile program in a container cannot reach the host machine's files, processes
    /// and network.
    pub isolated: bool,
    /// Whether [`Network::None`] and [`Network::ModelProxy`] are enforced, and not only requested.
    pub network: bool,
    /// Whether the limits of [`Resources`] are enforced.
    pub resources: bool,
}

impl Capabilities {
    /// Returns capabilities that guarantee nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { isolated: false, network: false, resources: false }
    }

    /// Returns capabilities that guarantee everything.
    #[must_use]
    pub const fn all() -> Self {
        Self { isolated: true, network: true, resources: true }
    }
}

/// One of a program's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A receiver of a program's output, which is called while the program runs. Chunks of one stream
/// arrive in order. A chunk can end in the middle of a line or of a character. Implementations must
/// not block.
pub trait OutputSink: Send {
    /// Receives the next bytes of one stream. They are never empty.
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]);
}

impl<F: FnMut(OutputStream, &[u8]) + Send> OutputSink for F {
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]) {
        self(stream, bytes);
    }
}

/// A runner of containers.
///
/// # Contract
/// Implementations are safe to share. Calls for different runs can overlap. The caller makes the
/// calls for one run one after the other, with one exception: it can call `destroy` at any time.
///
/// Everything that a runner creates for a run carries the [`RunId`]. The id exists before anything
/// else of the run, so `destroy` needs no handle.
///
/// # Call order
/// [`spawn`](Self::spawn) → any number of [`Container::exec`] → [`Container::stop`] →
/// [`destroy`](Self::destroy).
///
/// # Errors
/// An error is [retryable](crate::Error::is_retryable) if the same call can succeed later. The
/// pipeline then repeats `spawn` up to two times.
///
/// # Deadlines and cancellation
/// The caller enforces the time limits by dropping the future of a call. A later `destroy` removes
/// the remains of the dropped call.
///
/// # Examples
///
/// A runner that adds a variable to every container of another one.
///
/// ```
/// use ccc_core::container::{Capabilities, Container, ContainerSpec, EnvValue};
/// use ccc_core::{ContainerRunner, Result, RunId, async_trait};
///
/// #[derive(Debug)]
/// struct WithTimeZone<R>(R);
///
/// #[async_trait]
/// impl<R: ContainerRunner> ContainerRunner for WithTimeZone<R> {
///     fn name(&self) -> &'static str {
///         self.0.name()
///     }
///
///     fn capabilities(&self) -> Capabilities {
///         self.0.capabilities()
///     }
///
///     async fn check(&self) -> Result<()> {
///         self.0.check().await
///     }
///
///     async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
///         let mut env = spec.env.clone();
///         env.push(("TZ".to_owned(), EnvValue::Plain("UTC".to_owned())));
///         self.0.spawn(run, &spec.clone().with_env(env)).await
///     }
///
///     async fn destroy(&self, run: RunId) -> Result<()> {
///         self.0.destroy(run).await
///     }
///
///     async fn orphans(&self) -> Result<Vec<RunId>> {
///         self.0.orphans().await
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::FakeRunner;
/// use ccc_core::testing::conformance::container_runner::Fixture;
///
/// ccc_core::container_runner_conformance!(@run async || {
///     Fixture::new(WithTimeZone(FakeRunner::default()))
/// })
/// .await;
/// # }
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait ContainerRunner: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs, such as `docker`.
    fn name(&self) -> &'static str;

    /// Returns the runner's guarantees. Performs no I/O and always returns the same value.
    fn capabilities(&self) -> Capabilities;

    /// Checks that `spawn` can succeed now: for example, that the engine is reachable and the
    /// required programs are installed. Changes nothing.
    ///
    /// # Errors
    /// The reason why `spawn` would fail.
    async fn check(&self) -> Result<()>;

    /// Creates the container of a run.
    ///
    /// The caller can repeat the call for the same run after a retryable error, and after it
    /// dropped the future. The remains of such an earlier call must not make the new call fail.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the workspace is not a directory.
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>>;

    /// Ends and removes everything that the runner created for `run`, in any state.
    ///
    /// The call is idempotent. The caller can make it before, during and after a `spawn`, whether
    /// that call succeeded, failed or was dropped. After `Ok`, no process of the run is alive. The
    /// workspace directory belongs to the caller and is not removed.
    async fn destroy(&self, run: RunId) -> Result<()>;

    /// Returns the runs for which this installation still holds resources, each once. Runs of other
    /// installations are never included.
    async fn orphans(&self) -> Result<Vec<RunId>>;
}

/// A running container.
///
/// An implementation may end the container's programs when the handle is dropped. Everything else
/// remains until [`ContainerRunner::destroy`].
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Container: Debug + Send + Sync {
    /// Returns the absolute path of the workspace as programs in the container see it:
    /// `/workspace`, or the directory on the host machine if the runner has no separate file
    /// system.
    fn workspace(&self) -> &Path;

    /// Returns the URL, without a path, at which programs in the container reach the model proxy.
    /// Returns `None` unless the specification has [`Network::ModelProxy`] and the runner was built
    /// with a model proxy.
    fn model_proxy(&self) -> Option<&str>;

    /// Returns the hosts that the egress proxy denied to programs in the container, each once, as
    /// the programs named them. The names are untrusted text, and their number is bounded. A runner
    /// without an egress proxy returns an empty list.
    fn denied_hosts(&self) -> Vec<String>;

    /// Runs a program in the workspace until it ends, and returns its exit status. All output of
    /// the program has reached the sink when this method returns. The caller runs one program at a
    /// time.
    ///
    /// # Errors
    /// A program that runs and fails is not an error, because its status is a value. A program that
    /// does not exist is [`NotFound`](crate::ErrorKind::NotFound), or has the exit status 126 or
    /// 127. If the container is destroyed meanwhile, the result is an error or a status other than
    /// 0.
    ///
    /// # Cancellation
    /// Dropping the future abandons the program, which can continue to run. Only `stop` and
    /// [`ContainerRunner::destroy`] guarantee its end.
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus>;

    /// Ends every program in the container: requests termination, waits for `grace`, then kills.
    ///
    /// After `Ok`, no program is alive, and the workspace directory on the host machine has the
    /// content of the container's workspace, whether that was mounted or copied.
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

/// The exit status and the output of a finished program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status.
    pub status: ExitStatus,
    /// The bytes that the program wrote to standard output.
    pub stdout: Vec<u8>,
    /// The bytes that the program wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Convenience methods for callers. A blanket implementation covers every [`Container`].
pub trait ContainerExt: Container {
    /// Runs a program and returns its output, which is collected in memory. Intended for short
    /// outputs.
    ///
    /// # Errors
    /// The errors of [`Container::exec`].
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
