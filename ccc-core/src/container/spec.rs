//! What a container must be like, and what runs in it.

use std::path::PathBuf;

use crate::Secret;
use crate::egress::HostPattern;
use crate::setters::setters;

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

setters!(Resources {
    /// Sets the memory, bytes.
    with_memory: memory: u64,
    /// Sets the processors, in thousandths.
    with_milli_cpus: milli_cpus: u32,
    /// Sets the number of processes and threads.
    with_processes: processes: u32,
    /// Sets the number of open files of one process.
    with_open_files: open_files: u32,
    /// Sets the size of the workspace, and of any one file in it, bytes.
    with_workspace_bytes: workspace_bytes: u64,
    /// Sets the number of files and directories of the workspace.
    with_workspace_entries: workspace_entries: u64,
    /// Sets the output that one `exec` hands on, bytes.
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
    /// Hosts that its programs may reach beyond that, over HTTPS and through the runner's own proxy, for
    /// runners that have one: programs find it in `HTTPS_PROXY`.
    pub egress: Vec<HostPattern>,
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

    /// Sets what it may talk to.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the hosts that it may reach.
    #[must_use]
    pub fn with_egress(mut self, hosts: Vec<HostPattern>) -> Self {
        self.egress = hosts;
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
    /// Hosts that may be reached while this program runs, beside those of the container.
    pub egress: Vec<HostPattern>,
}

impl Command {
    /// The program with its arguments.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
            egress: Vec::new(),
        }
    }

    /// What the program reads.
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
