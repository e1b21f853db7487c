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
use crate::runner::subprocess::guard::Guards;
use crate::runner::subprocess::process_sessions::ProcessSessions;
use crate::runner::subprocess::processes::{self, Ownership};
use crate::runner::subprocess::program_path::host_tool;
use crate::runner::subprocess::uid_pool::UidPool;
use crate::runner::subprocess::user_switch::{CanSwitchUser, UserSwitch};
use crate::runner::workspace;

/// A runner that starts the agent's programs as ordinary processes of the host machine. **It
/// isolates nothing**: a program can access every file and every network address that its user can
/// access.
///
/// The programs run as the user of this process. If that user is root, each run has a dedicated UID
/// from 10002 to 10999. Programs with such a UID cannot gain privileges. Directories that some users
/// may not enter are hidden from them, except the workspace and the run's home (spec: X4d).
///
/// Every program has its own environment and session, and each run has its own home, which is
/// removed with the run. `prlimit` limits open files, file sizes, processes and, for each process,
/// memory. Core dumps and new privileges are disabled. The amount of output is limited, and the
/// run's processes are killed when the workspace or the home exceeds a limit. At the end of a run,
/// all processes of the run are killed, including a process that left its session or cleared its
/// environment. There is one exception: a process that did both is not found if the run has no
/// dedicated UID. The runner needs `/proc`, and therefore Linux.
///
/// Each run also has a guard. If this process ends before the run, for example by SIGKILL, the guard
/// kills the processes of the run in the same way (spec: X14e). It also does so when the runner and
/// its containers are dropped. Without a dedicated UID, a program of the run can end the guard. The
/// next program of the run is then not started.
///
/// The runner does not enforce the setting [`Network`] of a container. It also does not limit the
/// total memory of all processes. [`capabilities`](ContainerRunner::capabilities) reports this.
#[derive(Debug)]
pub struct SubprocessRunner {
    clock: Arc<dyn Clock>,
    /// `Some` if each run has a dedicated UID. The value checks whether this service can switch
    /// UIDs.
    can_switch_user: Option<CanSwitchUser>,
    /// The directory that contains one directory per run. Each run's directory contains `home` and
    /// `tmp`.
    state_dir: PathBuf,
    ownership: Ownership,
    guards: Guards,
    model_proxy: Option<String>,
}

impl SubprocessRunner {
    /// Creates a runner that stores the home directories of its runs in the directory `state_dir`,
    /// which nothing else may use. Marks every open file descriptor of this process, except the
    /// first three, as close-on-exec. Programs that this process starts from now on do not inherit
    /// these descriptors. This affects all programs, not only the programs of runs.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if `state_dir` cannot be created.
    pub fn new(state_dir: impl Into<PathBuf>) -> Result<Self> {
        let state_dir = state_dir.into();
        // Descriptors that this process inherited must not reach the programs that it starts.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        private_dir(&state_dir)?;
        let state_dir = fs::canonicalize(&state_dir).map_err(|e| unusable(&state_dir, &e))?;
        let ownership = Ownership {
            state_dir: state_dir.to_string_lossy().into_owned(),
            sessions: ProcessSessions::default(),
            uids: UidPool::default(),
        };
        let can_switch_user = rustix::process::geteuid().is_root().then(CanSwitchUser::default);
        let clock = Arc::new(SystemClock);
        let guards = Guards::default();
        Ok(Self { clock, can_switch_user, state_dir, ownership, guards, model_proxy: None })
    }

    /// Permits the agent's programs to run as root if this service is root: **they can then do
    /// anything to the host machine.**
    #[must_use]
    pub fn dangerously_as_root(mut self) -> Self {
        if self.can_switch_user.take().is_some() {
            tracing::warn!(
                "the agent's programs run as root, and can do anything to the host machine"
            );
        }
        self
    }

    /// Sets the URL of the model proxy, such as `http://127.0.0.1:8080`. The URL must not contain a
    /// path. By default, programs have no access to a model.
    #[must_use]
    pub fn with_model_proxy(mut self, url: impl Into<String>) -> Self {
        self.model_proxy = Some(url.into());
        self
    }
}

impl SubprocessRunner {
    /// Restores the UID of `run`, whose directory is `state`, after a restart of the service.
    async fn restore_uid(&self, run: RunId, state: &Path) -> Result<()> {
        let (uids, state) = (self.ownership.uids.clone(), state.to_owned());
        processes::blocking(move || uids.restore(run, &state)).await?
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
        for program in ["setsid", "prlimit", "setpriv", "sh", "grep", "sleep"] {
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
        let state = self.state_dir.join(run.to_string());
        let (asked, made) = (spec.workspace.clone(), state.clone());
        let prepare = move || {
            for directory in [&made, &made.join("home"), &made.join("tmp")] {
                private_dir(directory)?;
            }
            workspace::resolve(&asked)
        };
        spec.workspace = processes::blocking(prepare).await??;
        self.guards.dismiss(&self.ownership, run).await?;
        let (mut user_switch, mut guarded) = (None, None);
        if let Some(probe) = &self.can_switch_user {
            probe.check(&self.state_dir).await?;
            // Kill the processes of an earlier attempt at this run, because they could interfere
            // with the work of root below.
            self.restore_uid(run, &state).await?;
            processes::kill(&*self.clock, &self.ownership, run).await?;
            let uids = self.ownership.uids.clone();
            let uid = processes::blocking(move || uids.acquire(run)).await??;
            for tree in [&spec.workspace, &state] {
                chown_tree(tree.clone(), ContainerUser { uid, gid: uid }).await?;
            }
            let (workspace, home) = (spec.workspace.clone(), state.clone());
            let switch = move || UserSwitch::new(uid, &workspace, &home);
            user_switch = Some(processes::blocking(switch).await?);
            guarded = Some((uid, self.ownership.uids.lock_of(run)?));
        }
        self.guards.start(&self.ownership, run, guarded).await?;
        let asked = spec.network == Network::ModelProxy;
        let state_dir = self.ownership.state_dir.clone();
        Ok(Box::new(SubprocessContainer {
            clock: Arc::clone(&self.clock),
            ownership: self.ownership.clone(),
            guards: self.guards.clone(),
            launcher: Arc::new(Launcher { run, state_dir, spec, home: state, user_switch }),
            model_proxy: asked.then(|| self.model_proxy.clone()).flatten(),
        }))
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        let state = self.state_dir.join(run.to_string());
        if self.can_switch_user.is_some() {
            self.restore_uid(run, &state).await?;
        }
        processes::kill(&*self.clock, &self.ownership, run).await?;
        self.guards.dismiss(&self.ownership, run).await?;
        ccc_core::remove_tree::remove_tree(state).await?;
        self.ownership.uids.forget(run);
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let mut runs = processes::runs_alive(&self.ownership).await?;
        let state_dir = self.state_dir.clone();
        let listed = processes::blocking(move || {
            let entries = fs::read_dir(&state_dir).map_err(|e| unusable(&state_dir, &e))?;
            let name = |e: std::io::Result<fs::DirEntry>| e.ok()?.file_name().into_string().ok();
            let found: Vec<RunId> = entries.filter_map(|e| name(e)?.parse().ok()).collect();
            Ok::<_, Error>(found)
        });
        runs.extend(listed.await??);
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }
}

/// Creates a directory that only the current user may enter.
fn private_dir(path: &Path) -> Result<()> {
    create_private_dir(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::from_io(error),
        format!("cannot use the directory {}: {error}", path.display()),
    )
}
