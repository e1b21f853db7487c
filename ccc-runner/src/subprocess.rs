use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ccc_core::container::{
    Capabilities, Command, ContainerSpec, ExitStatus, Network, OutputSink, Resources,
};
use ccc_core::{
    Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId, SystemClock, async_trait,
};
use ccc_keeper::Breach;
use tokio::io::AsyncWriteExt;

mod command;
mod own_user;

use command::tool;
use own_user::{Ability, InFront};

use crate::breach;
use crate::processes::{self, Ours};
use crate::sessions::Sessions;
use crate::user::{give, take};
use crate::users::Users;

/// How long to wait between two looks at the workspace.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Runs the agent's programs as plain processes of this machine. **Isolates nothing**: a program can
/// read every file, and reach every address, that its user can.
///
/// Its user is yours. Where that is root, each run has a user of its own, 10002 or another up to 10999,
/// which gains no privileges and sees nothing of the directories that only root may enter, the workspace
/// and its home aside (spec: X4d).
///
/// What it does do: every program gets an environment of its own making, a session of its own, a
/// home of its own that goes with the run, a ceiling on open files, file sizes, processes and, for
/// each process, memory (`prlimit`), no core dumps, no way to more privileges, bounded output, and an
/// end when the workspace grows beyond its ceilings. All processes of a run end together, also those
/// that left their session or dropped their environment; one that did both gets away, where the run has
/// no user of its own. Linux only: it needs `/proc`.
///
/// [`Network`] is not enforced, nor the memory of all processes together;
/// [`capabilities`](ContainerRunner::capabilities) says so.
#[derive(Debug)]
pub struct SubprocessRunner {
    clock: Arc<dyn Clock>,
    /// Set where the programs get a user of their own.
    own_user: Option<Ability>,
    /// One directory per run: `home` and `tmp`.
    state_dir: PathBuf,
    ours: Ours,
    model_proxy: Option<String>,
}

#[derive(Debug)]
struct Subprocesses {
    clock: Arc<dyn Clock>,
    /// What goes in front of every program, where it has a user of its own.
    in_front: Option<InFront>,
    run: RunId,
    ours: Ours,
    spec: ContainerSpec,
    home: PathBuf,
    model_proxy: Option<String>,
}

impl SubprocessRunner {
    /// A runner that keeps the homes of its runs under `state_dir`, a directory of its own. Every descriptor that
    /// this process has by now, but for the first three, is closed in programs that it starts from now on, runs or
    /// not.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be made.
    pub fn new(state_dir: impl Into<PathBuf>) -> Result<Self> {
        let state_dir = state_dir.into();
        // What whoever started this process left open is not for programs that we start.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        make_private(&state_dir)?;
        let state_dir = fs::canonicalize(&state_dir).map_err(|e| unusable(&state_dir, &e))?;
        let owner = state_dir.to_string_lossy().into_owned();
        let ours = Ours { owner, sessions: Sessions::default(), users: Users::default() };
        let own_user = rustix::process::geteuid().is_root().then(Ability::default);
        Ok(Self { clock: Arc::new(SystemClock), own_user, state_dir, ours, model_proxy: None })
    }

    /// Lets programs be root where the service is: **they may do everything to the machine.**
    #[must_use]
    pub fn dangerously_as_root(mut self) -> Self {
        if self.own_user.take().is_some() {
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
            tool(program)?;
        }
        if !Path::new("/proc/self/environ").exists() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the subprocess runner needs Linux with /proc mounted",
            ));
        }
        match &self.own_user {
            Some(ability) => ability.check(&self.state_dir).await,
            None => Ok(()),
        }
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let workspace = fs::canonicalize(&spec.workspace).ok().filter(|path| path.is_dir());
        let workspace = workspace.ok_or_else(|| {
            let line = format!("the workspace {} is no directory", spec.workspace.display());
            Error::new(ErrorKind::InvalidInput, line)
        })?;
        let state = self.state_dir.join(run.to_string());
        for directory in [&state, &state.join("home"), &state.join("tmp")] {
            make_private(directory)?;
        }
        let mut in_front = None;
        if let Some(ability) = &self.own_user {
            ability.check(&self.state_dir).await?;
            // Nobody of an earlier attempt may be there to see what root does.
            self.ours.users.recall(run, &state)?;
            processes::kill(&*self.clock, &self.ours, run).await?;
            let user = self.ours.users.claim(run)?;
            for tree in [&workspace, &state] {
                give(tree.clone(), user, user).await?;
            }
            in_front = Some(own_user::in_front(user, &workspace, &state)?);
        }
        let mut spec = spec.clone();
        spec.workspace = workspace;
        let asked = spec.network == Network::ModelProxy;
        Ok(Box::new(Subprocesses {
            clock: Arc::clone(&self.clock),
            in_front,
            run,
            ours: self.ours.clone(),
            spec,
            home: state,
            model_proxy: asked.then(|| self.model_proxy.clone()).flatten(),
        }))
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        let state = self.state_dir.join(run.to_string());
        if self.own_user.is_some() {
            self.ours.users.recall(run, &state)?;
        }
        processes::kill(&*self.clock, &self.ours, run).await?;
        ccc_core::files::remove_tree(state).await?;
        self.ours.users.forget(run);
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        let mut runs = processes::runs_alive(&self.ours).await?;
        let entries = fs::read_dir(&self.state_dir).map_err(|e| unusable(&self.state_dir, &e))?;
        runs.extend(entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<RunId>().ok()));
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }
}

#[async_trait]
impl Container for Subprocesses {
    fn workspace(&self) -> &Path {
        &self.spec.workspace
    }

    fn model_proxy(&self) -> Option<&str> {
        self.model_proxy.as_deref()
    }

    fn denied_hosts(&self) -> Vec<String> {
        Vec::new()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        let mut child = self.command(command)?.spawn().map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot start a process").with_source(e)
        })?;
        self.ours.sessions.add(self.run, child.id());
        let stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program need not read all that it is given.
                let _ = stdin.write_all(&command.stdin).await;
            }
            std::future::pending().await
        };
        let max = self.spec.resources.output_bytes;
        let status = tokio::select! {
            status = crate::output::pump(&*self.clock, &mut child, max, output) => status?,
            breach = self.breach() => {
                processes::kill(&*self.clock, &self.ours, self.run).await?;
                return Err(breach::error(breach, &self.spec.resources));
            }
            never = write => never,
        };
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => ExitStatus::Code(code),
            (None, signal) => ExitStatus::Signal(signal.unwrap_or(0)),
        })
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        processes::terminate(&*self.clock, &self.ours, self.run, grace).await?;
        processes::kill(&*self.clock, &self.ours, self.run).await?;
        if self.in_front.is_some() {
            // Another run may hold a directory of it open: what root looks at from now on is not theirs to change.
            take(self.spec.workspace.clone()).await?;
        }
        Ok(())
    }
}

impl Subprocesses {
    /// The first ceiling that is exceeded, when one is: of the workspace, or of what the run has beside it, which
    /// may be as large.
    async fn breach(&self) -> Breach {
        let Resources { workspace_bytes: bytes, workspace_entries: entries, .. } =
            self.spec.resources;
        loop {
            self.clock.sleep(LOOK_AGAIN).await;
            let trees = [self.spec.workspace.clone(), self.home.clone()];
            let looked = tokio::task::spawn_blocking(move || {
                trees.iter().find_map(|tree| ccc_keeper::measure(tree, bytes, entries))
            });
            if let Ok(Some(breach)) = looked.await {
                return breach;
            }
        }
    }
}

fn make_private(path: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot use {}: {error}", path.display()))
}
