//! What runs the agent, and how much of the machine it may have.

use ccc_core::container::Resources;
use ccc_core::{Result, pipeline::Limits};
use ccc_runner::Workspaces;
use serde::Deserialize;

use crate::config::invalid::invalid;

/// What runs the agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct RunnerConfig {
    /// `subprocess` or `docker`.
    pub kind: String,
    /// Where the container engine is, where `DOCKER_HOST` does not say so.
    pub host: Option<String>,
    /// Lets the way to an engine on another machine be plain.
    pub dangerously_unencrypted: bool,
    /// The image that agents run in; `name@sha256:…` for that one and no other.
    pub image: Option<String>,
    /// Another runtime of the engine: `runsc`.
    pub runtime: Option<String>,
    /// `auto`, `mounted` or `copied`.
    pub workspaces: Option<String>,
    /// Memory of one container, MiB.
    pub memory_mib: Option<u64>,
    /// Processors of one container; parts of one, too.
    pub cpus: Option<f64>,
    /// Processes and threads in one container.
    pub processes: Option<u32>,
    /// What a workspace may hold, MiB.
    pub workspace_mib: Option<u64>,
    /// Files and directories that a workspace may hold.
    pub workspace_files: Option<u64>,
    /// Lets plain processes be root where the service is.
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
    /// How workspaces get into containers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a word that is none of
    /// the three.
    pub fn workspaces(&self) -> Result<Workspaces> {
        match self.workspaces.as_deref().unwrap_or("auto") {
            "auto" => Ok(Workspaces::Auto),
            "mounted" => Ok(Workspaces::Mounted),
            "copied" => Ok(Workspaces::Copied),
            other => Err(invalid(format!(
                "runner.workspaces is `{other}`: it is auto, mounted or copied"
            ))),
        }
    }

    /// Puts what is set in place of the defaults.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a ceiling under which
    /// nothing can be done.
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
                return Err(invalid(format!("runner.cpus is {cpus}: give 0.1 to 1024")));
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
                let line = format!("runner.{name} is {set}: nothing works with less than {least}");
                return Err(invalid(line));
            }
        }
        Ok(())
    }
}
