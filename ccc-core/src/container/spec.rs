//! Specifications of containers, and of the programs that run in them.

use std::path::PathBuf;

use crate::Secret;
use crate::egress::HostPattern;
use crate::setters::setters;

/// The network access of the programs in a container. [`ContainerSpec::egress`] can add hosts to
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// No network access.
    #[default]
    None,
    /// Access only to the model proxy that the runner was built with.
    ModelProxy,
}

/// Resource limits for all programs in one container together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// Maximum memory, in bytes. Swap is not added to it.
    pub memory: u64,
    /// Maximum processor time, in thousandths of a processor.
    pub milli_cpus: u32,
    /// Maximum number of processes and threads.
    pub processes: u32,
    /// Maximum number of open files of one process.
    pub open_files: u32,
    /// Maximum size of the workspace, and of any single file in it, in bytes.
    pub workspace_bytes: u64,
    /// Maximum number of files and directories in the workspace.
    pub workspace_entries: u64,
    /// Maximum output that one `exec` passes on, in bytes. Further output is dropped, and the drop
    /// is reported.
    pub output_bytes: u64,
}

setters!(Resources {
    /// Sets the maximum memory, in bytes.
    with_memory: memory: u64,
    /// Sets the maximum processor time, in thousandths of a processor.
    with_milli_cpus: milli_cpus: u32,
    /// Sets the maximum number of processes and threads.
    with_processes: processes: u32,
    /// Sets the maximum number of open files of one process.
    with_open_files: open_files: u32,
    /// Sets the maximum size of the workspace, and of any single file in it, in bytes.
    with_workspace_bytes: workspace_bytes: u64,
    /// Sets the maximum number of files and directories in the workspace.
    with_workspace_entries: workspace_entries: u64,
    /// Sets the maximum output that one `exec` passes on, in bytes.
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
    /// A value that may be shown.
    Plain(String),
    /// A value that must not be shown.
    Secret(Secret),
}

/// The specification of a container. The pipeline builds it from the agent's requirements and the
/// operator's settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// The image, for runners that use images; `None` is the runner's default image.
    pub image: Option<String>,
    /// The directory on the host machine that is the container's workspace.
    pub workspace: PathBuf,
    /// The environment of every program in the container. Programs inherit nothing from the host
    /// machine's environment.
    pub env: Vec<(String, EnvValue)>,
    /// The network access of the container's programs.
    pub network: Network,
    /// Hosts that the programs may reach in addition to `network`, over HTTPS and through the
    /// runner's egress proxy. Programs find the proxy in `HTTPS_PROXY`. The field has no effect on
    /// runners without an egress proxy.
    pub egress: Vec<HostPattern>,
    /// The resource limits.
    pub resources: Resources,
}

impl ContainerSpec {
    /// Returns a specification over `workspace` with no network, default resource limits and an
    /// empty environment.
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

    /// Sets the network access.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the hosts that the container's programs may reach in addition.
    #[must_use]
    pub fn with_egress(mut self, hosts: Vec<HostPattern>) -> Self {
        self.egress = hosts;
        self
    }

    /// Sets the resource limits.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }
}

/// A program to run, as an argument vector. No shell interprets it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Command {
    /// The program and its arguments. They must contain no secret and no untrusted text, because
    /// every process on the machine can see them.
    pub argv: Vec<String>,
    /// Additional environment variables for this program only.
    pub env: Vec<(String, EnvValue)>,
    /// The program's standard input. End of file follows it.
    pub stdin: Vec<u8>,
    /// Hosts that may be reached while this program runs, in addition to the container's.
    pub egress: Vec<HostPattern>,
}

impl Command {
    /// Returns a command with these arguments, an empty standard input and no additional
    /// environment.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
            egress: Vec::new(),
        }
    }

    /// Sets the program's standard input.
    #[must_use]
    pub fn with_stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets the hosts that may be reached while the program runs.
    #[must_use]
    pub fn with_egress(mut self, hosts: Vec<HostPattern>) -> Self {
        self.egress = hosts;
        self
    }

    /// Adds one environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: EnvValue) -> Self {
        self.env.push((name.into(), value));
        self
    }
}

/// The end of a program. A failed program is a value, not an error of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitStatus {
    /// The program exited with this code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// The kernel ended the program because no memory was left.
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
