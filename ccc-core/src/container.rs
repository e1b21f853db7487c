//! The container port: isolated environments in which the agent's programs are executed.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

mod spec;

pub use spec::{Command, ContainerSpec, EnvValue, ExitStatus, Network, Resources};

use crate::{Result, RunId};

/// The protections that a runner enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether the runner protects the host machine's files, processes and network from a hostile
    /// program in a container.
    pub isolated: bool,
    /// Whether the runner enforces the [`Network`] of a container. If false, programs in the
    /// container can also reach network hosts that the `Network` does not permit.
    pub network: bool,
    /// Whether the runner enforces the limits of [`Resources`]. A runner that executes real programs
    /// must always enforce [`Resources::output_bytes`].
    pub resources: bool,
}

impl Capabilities {
    /// Returns the capabilities of a runner that enforces nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { isolated: false, network: false, resources: false }
    }

    /// Returns the capabilities of a runner that enforces every protection.
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

/// A receiver of a program's output. [`Container::exec`] calls the receiver while the program is
/// running. Chunks of one stream arrive in order. A chunk can end in the middle of a line or of a
/// character. Implementations must not block.
pub trait OutputSink: Send {
    /// Receives the next bytes that the program wrote to `stream`. `bytes` is never empty.
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]);
}

impl<F: FnMut(OutputStream, &[u8]) + Send> OutputSink for F {
    fn chunk(&mut self, stream: OutputStream, bytes: &[u8]) {
        self(stream, bytes);
    }
}

/// An adapter that creates and removes containers.
///
/// # Contract
/// Implementations are safe to share. Calls for different runs can overlap. The caller makes the
/// calls for one run one after the other, with one exception: `destroy` can be called at any time.
///
/// A runner labels everything that it creates for a run with the [`RunId`]. Therefore `destroy` can
/// find everything by this id, even after a `spawn` that failed or was dropped, or in a later process
/// of the service.
///
/// Programs inherit no file descriptors of the service (spec: X4b). They end if the process of the
/// service ends (spec: X14e).
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
/// A runner that wraps another runner and adds an environment variable to every container. A runner
/// whose containers execute real programs must also pass
/// [`processes_conformance!`](crate::processes_conformance), and the cases of both suites describe
/// the contract in detail.
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
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait ContainerRunner: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs, such as `docker`.
    fn name(&self) -> &'static str;

    /// Returns the protections that the runner enforces. Performs no I/O and always returns the
    /// same value.
    fn capabilities(&self) -> Capabilities;

    /// Checks that a call of `spawn` can succeed now: for example, that the container engine is
    /// reachable and the required programs are installed. Changes nothing.
    ///
    /// # Errors
    /// Returns an error that states why `spawn` would fail.
    async fn check(&self) -> Result<()>;

    /// Creates and starts the container of `run`, as `spec` describes.
    ///
    /// The caller can call `spawn` again for the same run after a retryable error, or after it
    /// dropped the future of an earlier call. The remains of the earlier call must not make the new
    /// call fail.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the workspace is not a directory.
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>>;

    /// Ends all processes of `run`, and removes everything that the runner created for this run.
    ///
    /// The call is idempotent. The caller can call `destroy` before, during and after a call of
    /// `spawn`, whether `spawn` succeeded, failed or was dropped. After `Ok`, no process of the run
    /// is alive. The workspace directory belongs to the caller and is not removed.
    async fn destroy(&self, run: RunId) -> Result<()>;

    /// Returns the ids of the runs for which this installation of the service still has containers
    /// or other resources. The result has no duplicates, and does not contain the runs of other
    /// installations.
    async fn orphans(&self) -> Result<Vec<RunId>>;
}

/// A running container.
///
/// An implementation may end the container's programs when the `Container` is dropped. The
/// container itself remains until [`ContainerRunner::destroy`] removes it.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Container: Debug + Send + Sync {
    /// Returns the absolute path of the workspace as programs in the container see it:
    /// `/workspace`, or the directory on the host machine if the runner has no separate file
    /// system. Use the path only in the commands that the container executes. On the host machine,
    /// the path can be absent or can name an unrelated directory.
    fn workspace(&self) -> &Path;

    /// Returns the URL, without a path, at which programs in the container reach the model proxy.
    /// The URL exists only if the specification of the container has [`Network::ModelProxy`] and
    /// the runner was built with a model proxy. Otherwise returns `None`.
    fn model_proxy(&self) -> Option<&str>;

    /// Returns the hosts that the egress proxy denied to programs in the container. Each host
    /// appears once, in the form that the programs used, such as `example.org:443`. The names are
    /// untrusted text. The number of names is limited. A runner without an egress proxy returns an
    /// empty list.
    fn denied_hosts(&self) -> Vec<String>;

    /// Executes the program of `command` in the workspace directory, and returns the exit status
    /// when the program has ended. Before this method returns, it passes all output of the program
    /// to `output`. It does not wait for background programs, even if they still have the output
    /// open. The caller executes only one program at a time, and none after `stop`.
    ///
    /// # Errors
    /// A program that was started and failed is not an error: the method returns its exit status.
    /// For a program that does not exist, the result is [`NotFound`](crate::ErrorKind::NotFound),
    /// or the exit status 126 or 127. If the container is destroyed during the call, the result is
    /// an error or a status other than 0.
    ///
    /// # Cancellation
    /// If the caller drops the future, the program can continue to execute. Only `stop` and
    /// [`ContainerRunner::destroy`] end the program reliably.
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus>;

    /// Ends every program in the container: requests their termination, waits for at most `grace`,
    /// and kills the programs that are still running.
    ///
    /// After `Ok`, no program is alive, and the workspace directory on the host machine has the
    /// content of the container's workspace. This must be true for runners that mount the directory
    /// and for runners that copy it.
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
    /// The exit status of the program.
    pub status: ExitStatus,
    /// The bytes that the program wrote to standard output.
    pub stdout: Vec<u8>,
    /// The bytes that the program wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Convenience methods of every [`Container`], for callers.
pub trait ContainerExt: Container {
    /// Executes the program of `command`, and returns its exit status and all its output. The
    /// output is collected in memory, so this method is only for short outputs.
    ///
    /// # Errors
    /// The same errors as [`Container::exec`].
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
