//! Settings of the container runner, and the resource limits of a container.

use ccc_core::container::Resources;
use ccc_core::{Result, pipeline::Limits};
#[cfg(feature = "docker")]
use ccc_runner::Workspaces;
use serde::Deserialize;

use crate::config::invalid::invalid;

/// Settings of the container runner, and the resource limits of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct RunnerConfig {
    /// The kind of runner: `subprocess` (the default) or `docker`.
    pub kind: String,
    /// The address of the container engine. Default: the value of the environment variable
    /// `DOCKER_HOST` if it is set, otherwise `/var/run/docker.sock`.
    pub host: Option<String>,
    /// Whether an unencrypted connection to a container engine on a remote machine is permitted.
    pub dangerously_unencrypted: bool,
    /// The image of agent containers. The form `name@sha256:…` pins the contents of the image.
    pub image: Option<String>,
    /// The container runtime of the engine, such as `runsc`. Default: the engine's default runtime.
    pub runtime: Option<String>,
    /// The method by which workspaces get into containers: `auto` (the default), `mounted` or
    /// `copied`.
    pub workspaces: Option<String>,
    /// Maximum memory of one container, in MiB.
    pub memory_mib: Option<u64>,
    /// Maximum number of processors that one container can use. Fractions such as 0.5 are possible.
    pub cpus: Option<f64>,
    /// Maximum number of processes and threads in one container.
    pub processes: Option<u32>,
    /// Maximum size of a workspace, in MiB.
    pub workspace_mib: Option<u64>,
    /// Maximum number of files and directories in a workspace.
    pub workspace_files: Option<u64>,
    /// Whether the agent may run as root with the subprocess runner, if the service runs as root.
    pub dangerously_as_root: bool,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            kind: "subprocess".to_owned(),
            host: None,
            dangerously_unencrypted: false,
            image: None,
            runtime: None,
            workspaces: None,
            memory_mib: None,
            cpus: None,
            processes: None,
            workspace_mib: None,
            workspace_files: None,
            dangerously_as_root: false,
        }
    }
}

impl RunnerConfig {
    /// Returns the method by which workspaces get into containers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for an unknown value of
    /// `runner.workspaces`.
    #[cfg(feature = "docker")]
    pub fn workspaces(&self) -> Result<Workspaces> {
        match self.workspaces.as_deref().unwrap_or("auto") {
            "auto" => Ok(Workspaces::Auto),
            "mounted" => Ok(Workspaces::Mounted),
            "copied" => Ok(Workspaces::Copied),
            _ => Err(invalid(
                "runner.workspaces has an unknown value: set it to auto, mounted or copied"
                    .to_owned(),
            )),
        }
    }

    /// Copies the configured resource limits to `limits`. All other limits stay unchanged.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a limit that is too low for
    /// any run, and for a number of processors outside 0.1 to 1024.
    pub fn limit(&self, limits: &mut Limits) -> Result<()> {
        let resources: &mut Resources = &mut limits.resources;
        let mib =
            |set: Option<u64>, bytes: u64| set.map_or(bytes, |mib| mib.saturating_mul(1 << 20));
        resources.memory = mib(self.memory_mib, resources.memory);
        resources.workspace_bytes = mib(self.workspace_mib, resources.workspace_bytes);
        resources.workspace_entries = self.workspace_files.unwrap_or(resources.workspace_entries);
        resources.processes = self.processes.unwrap_or(resources.processes);
        if let Some(cpus) = self.cpus {
            if !(0.1..=1_024.0).contains(&cpus) {
                let line = "runner.cpus is out of range: set a number from 0.1 to 1024";
                return Err(invalid(line.to_owned()));
            }
            resources.milli_cpus = (cpus * 1e3).round() as u32;
        }
        for (name, set, least) in [
            ("memory_mib", resources.memory >> 20, 64),
            ("workspace_mib", resources.workspace_bytes >> 20, 1),
            ("workspace_files", resources.workspace_entries, 100),
            ("processes", resources.processes.into(), 16),
        ] {
            if set < least {
                let line = format!("runner.{name} is {set}: set it to {least} or more");
                return Err(invalid(line));
            }
        }
        Ok(())
    }
}
