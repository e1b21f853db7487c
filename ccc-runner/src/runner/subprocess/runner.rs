//! The subprocess runner.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::container::{Capabilities, ContainerSpec, Network};
use ccc_core::private_dir::create_private_dir;
use ccc_core::{
    Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId, SystemClock, async_trait,
};

use crate::runner::container_user::{ContainerUser, chown_tree};
use crate::runner::subprocess::command::Launcher;
use crate::runner::subprocess::container::SubprocessContainer;
use crate::runner::subprocess::process_sessions::ProcessSessions;
use crate::runner::subprocess::processes::{self, Ownership};
use crate::runner::subprocess::program_path::host_tool;
use crate::runner::subprocess::uid_pool::UidPool;
use crate::runner::subprocess::user_switch::{CanSwitchUser, UserSwitch};
use crate::runner::workspace;

/// Runs the agent's programs as plain processes of this machine. **Isolates nothing**: a program
/// can read every file, and reach every address, that its user can.
///
/// Its user is yours. Where that is root, each run has a user of its own, 10002 or another up to
/// 10999, which gains no privileges and sees nothing of the directories that only root may enter,
/// the workspace and its home aside (spec: X4d).
///
/// What it does do: every program gets an environment of its own making, a session of its own, a
/// home of its own that goes with the run, a ceiling on open files, file sizes, processes and, for
/// each process, memory (`prlimit`), no core dumps, no way to more privileges, bounded output, and
/// an end when the workspace grows beyond its ceilings. All processes of a run end together, also
/// those that left their session or dropped their environment; one that did both gets away, where
/// the run has no user of its own. Linux only: it needs `/proc`.
///
/// [`Network`] is not enforced, nor the memory of all processes together;
/// [`capabilities`](ContainerRunner::capabilities) says so.
#[derive(Debug)]
pub struct SubprocessRunner {
    clock: Arc<dyn Clock>,
    /// Set where each run gets a dedicated UID.
    can_switch_user: Option<CanSwitchUser>,
    /// One directory per run: `home` and `tmp`.
    state_dir: PathBuf,
    ownership: Ownership,
    model_proxy: Option<String>,
}

impl SubprocessRunner {
    /// A runner that stores the homes of its runs under `state_dir`, a directory of its own. Every
    /// descriptor that this process has by now, but for the first three, is closed in programs that
    /// it starts from now on, runs or not.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be made.
    pub fn new(state_dir: impl Into<PathBuf>) -> Result<Self> {
        let state_dir = state_dir.into();
        // What whoever started this process left open is not for programs that we start.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        private_dir(&state_dir)?;
        let state_dir = fs::canonicalize(&state_dir).map_err(|e| unusable(&state_dir, &e))?;
        let owner = state_dir.to_string_lossy().into_owned();
        let ownership =
            Ownership { owner, sessions: ProcessSessions::default(), uids: UidPool::default() };
        let can_switch_user = rustix::process::geteuid().is_root().then(CanSwitchUser::default);
        let clock = Arc::new(SystemClock);
        Ok(Self { clock, can_switch_user, state_dir, ownership, model_proxy: None })
    }

    /// Lets programs be root where the service is: **they may do everything to the machine.**
    #[must_use]
    pub fn dangerously_as_root(mut self) -> Self {
        if self.can_switch_user.take().is_some() {
            tracing::warn!("the agent's programs run as root");
        }
        self
    }

    /// Where the model proxy is, as a URL without a path.
    #[must_use]
    pub fn with_model_proxy(mut self, url: impl Into<String>) -> Self {
        self.model_proxy = Some(url.into());
        self
    }
}

#[async_trait]
impl ContainerRunner for SubprocessRunner {
    fn name(&self) -> &'static str {
        "subprocess"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn check(&self) -> Result<()> {
        for program in ["setsid", "prlimit", "setpriv"] {
            host_tool(program)?;
        }
        if !Path::new("/proc/self/environ").exists() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the subprocess runner needs Linux with /proc mounted",
            ));
        }
        match &self.can_switch_user {
            Some(probe) => probe.check(&self.state_dir).await,
            None => Ok(()),
        }
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let mut spec = spec.clone();
        spec.workspace = workspace::resolve(&spec.workspace)?;
        let state = self.state_dir.join(run.to_string());
        for directory in [&state, &state.join("home"), &state.join("tmp")] {
            private_dir(directory)?;
        }
        let mut user_switch = None;
        if let Some(probe) = &self.can_switch_user {
            probe.check(&self.state_dir).await?;
            // No process of an earlier attempt may be alive: it could interfere with root.
            self.ownership.uids.restore(run, &state)?;
            processes::kill(&*self.clock, &self.ownership, run).await?;
            let uid = self.ownership.uids.acquire(run)?;
            for tree in [&spec.workspace, &state] {
                chown_tree(tree.clone(), ContainerUser { uid, gid: uid }).await?;
            }
            user_switch = Some(UserSwitch::new(uid, &spec.workspace, &state));
        }
        let asked = spec.network == Network::ModelProxy;
        let owner = self.ownership.owner.clone();
        Ok(Box::new(SubprocessContainer {
            clock: Arc::clone(&self.clock),
            ownership: self.ownership.clone(),
            launcher: Launcher { run, owner, spec, home: state, user_switch },
            model_proxy: asked.then(|| self.model_proxy.clone()).flatten(),
        }))
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        let state = self.state_dir.join(run.to_string());
        if self.can_switch_user.is_some() {
            self.ownership.uids.restore(run, &state)?;
        }
        processes::kill(&*self.clock, &self.ownership, run).await?;
        ccc_core::remove_tree::remove_tree(state).await?;
        self.ownership.uids.forget(run);
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let mut runs = processes::runs_alive(&self.ownership).await?;
        let entries = fs::read_dir(&self.state_dir).map_err(|e| unusable(&self.state_dir, &e))?;
        runs.extend(entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<RunId>().ok()));
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }
}

/// Creates a directory that only the present user may enter.
fn private_dir(path: &Path) -> Result<()> {
    create_private_dir(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot use {}: {error}", path.display()))
}
