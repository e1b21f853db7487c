//! Specifications of containers, and of the programs that are executed in them.

use std::path::PathBuf;

use crate::Secret;
use crate::egress::HostPattern;
use crate::setters::setters;

/// The network access of the programs in a container. [`ContainerSpec::egress`] can permit
/// additional hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// No network access.
    #[default]
    None,
    /// Access only to the model proxy that the runner is configured with.
    ModelProxy,
}

/// Resource limits for all programs in one container together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// Maximum memory, in bytes. No swap space is available in addition.
    pub memory: u64,
    /// Maximum processor time, in milli-CPUs: 1000 milli-CPUs are one whole processor.
    pub milli_cpus: u32,
    /// Maximum number of processes and threads.
    pub processes: u32,
    /// Maximum number of open files per process.
    pub open_files: u32,
    /// Maximum size, in bytes, of the workspace and of any single file in it.
    pub workspace_bytes: u64,
    /// Maximum number of files and directories in the workspace.
    pub workspace_entries: u64,
    /// Maximum number of bytes of one program's output, on both streams together, that
    /// [`Container::exec`](crate::Container::exec) passes to its caller. All further output is
    /// dropped. A note at the end of standard error contains the word `dropped` and the number of
    /// dropped bytes. Every runner that executes real programs must enforce this limit.
    pub output_bytes: u64,
}

setters!(Resources {
    /// Sets the maximum memory, in bytes.
    with_memory: memory: u64,
    /// Sets the maximum processor time, in milli-CPUs.
    with_milli_cpus: milli_cpus: u32,
    /// Sets the maximum number of processes and threads.
    with_processes: processes: u32,
    /// Sets the maximum number of open files per process.
    with_open_files: open_files: u32,
    /// Sets the maximum size, in bytes, of the workspace and of any single file in it.
    with_workspace_bytes: workspace_bytes: u64,
    /// Sets the maximum number of files and directories in the workspace.
    with_workspace_entries: workspace_entries: u64,
    /// Sets the maximum number of bytes of one program's output that
    /// [`Container::exec`](crate::Container::exec) passes to its caller.
    with_output_bytes: output_bytes: u64,
});

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            milli_cpus: 2_000,
            processes: 512,
            open_files: 4_096,
            workspace_bytes: 8 << 30,
            workspace_entries: 1_000_000,
            output_bytes: 256 << 20,
        }
    }
}

/// The value of one environment variable.
#[derive(Clone, Debug)]
pub enum EnvValue {
    /// A value that may appear in logs and `Debug` output.
    Plain(String),
    /// A value that must not appear in logs or `Debug` output.
    Secret(Secret),
}

/// The specification of a container. The pipeline builds it from the agent's requirements and the
/// operator's settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// The container image, for runners that use images. With `None`, the runner uses its default
    /// image.
    pub image: Option<String>,
    /// The directory on the host machine that is the container's workspace.
    pub workspace: PathBuf,
    /// The environment of every program in the container. Programs inherit nothing from the host
    /// machine's environment. A runner that executes real programs adds `PATH`, `HOME` and `TMPDIR`.
    /// No other run sees the files in the directories `HOME` and `TMPDIR`.
    pub env: Vec<(String, EnvValue)>,
    /// The network access of the container's programs.
    pub network: Network,
    /// Network hosts that the programs may reach in addition to the access that `network` permits.
    /// Programs reach these hosts over HTTPS, through the runner's egress proxy. Programs find the
    /// URL of the proxy in the environment variable `HTTPS_PROXY`. Runners without an egress proxy
    /// ignore this field.
    pub egress: Vec<HostPattern>,
    /// The resource limits of the container.
    pub resources: Resources,
}

impl ContainerSpec {
    /// Creates a specification with the workspace directory `workspace`, the default image and the
    /// default resource limits. Programs get no network access and no additional environment variables.
    pub fn new(workspace: impl Into<PathBuf>) -> Self {
        Self {
            image: None,
            workspace: workspace.into(),
            env: Vec::new(),
            network: Network::None,
            egress: Vec::new(),
            resources: Resources::default(),
        }
    }

    /// Sets the container image. With `None`, the runner uses its default image.
    #[must_use]
    pub fn with_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    /// Sets the environment variables of every program in the container.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(String, EnvValue)>) -> Self {
        self.env = env;
        self
    }

    /// Sets the network access of the container's programs.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the network hosts that the container's programs may reach in addition to the access
    /// that `network` permits.
    #[must_use]
    pub fn with_egress(mut self, hosts: Vec<HostPattern>) -> Self {
        self.egress = hosts;
        self
    }

    /// Sets the resource limits of the container.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }
}

/// A program to execute, and its arguments. No shell interprets them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Command {
    /// The program and its arguments. These strings must contain no secret and no untrusted text,
    /// because every process on the host machine can see them.
    pub argv: Vec<String>,
    /// Additional environment variables for this program only.
    pub env: Vec<(String, EnvValue)>,
    /// The complete standard input of the program. Standard input is closed after these bytes.
    pub stdin: Vec<u8>,
    /// Network hosts that all programs in the container may reach while this program is running, in
    /// addition to the hosts in [`ContainerSpec::egress`].
    pub egress: Vec<HostPattern>,
}

impl Command {
    /// Creates a command from the program and its arguments, with an empty standard input and no
    /// additional environment variables.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
            egress: Vec::new(),
        }
    }

    /// Sets the bytes that the program reads from standard input.
    #[must_use]
    pub fn with_stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets the additional network hosts that all programs in the container may reach while this
    /// program is running.
    #[must_use]
    pub fn with_egress(mut self, hosts: Vec<HostPattern>) -> Self {
        self.egress = hosts;
        self
    }

    /// Adds an environment variable for this program only.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: EnvValue) -> Self {
        self.env.push((name.into(), value));
        self
    }
}

/// The way in which a program ended. A program that fails is not an error of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitStatus {
    /// The program exited with this code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// The kernel killed the program because the container had no memory left.
    OutOfMemory,
}

impl ExitStatus {
    /// Returns whether the program exited with code 0.
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
