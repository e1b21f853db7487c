use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::container::{
    Capabilities, Command, ContainerSpec, EnvValue, ExitStatus, Network, OutputSink,
};
use ccc_core::{
    Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId, SystemClock, async_trait,
};
use tokio::io::AsyncWriteExt;

use crate::processes::{self, OWNER_MARK, Ours, RUN_MARK};
use crate::sessions::Sessions;

/// Runs the agent's programs as plain processes of this machine and user. **Isolates nothing**: a
/// program can read every file, and reach every address, that you can.
///
/// What it does do: every program gets an environment of its own making, a session of its own, a
/// home of its own that goes with the run, a ceiling on open files, file sizes and processes
/// (`prlimit`; the kernel does not hold root to the last one), no core dumps, bounded output. All
/// processes of a run end together, also those that left their session or dropped their environment;
/// one that did both gets away. Linux only: it needs `/proc`.
///
/// [`Network`] and memory are not enforced;
/// [`capabilities`](ContainerRunner::capabilities) says so.
#[derive(Debug)]
pub struct SubprocessRunner {
    clock: Arc<dyn Clock>,
    /// One directory per run: `home` and `tmp`.
    state_dir: PathBuf,
    ours: Ours,
    model_proxy: Option<String>,
}

#[derive(Debug)]
struct Subprocesses {
    clock: Arc<dyn Clock>,
    run: RunId,
    ours: Ours,
    spec: ContainerSpec,
    home: PathBuf,
    model_proxy: Option<String>,
}

impl SubprocessRunner {
    /// A runner that keeps the homes of its runs under `state_dir`, a directory of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be made.
    pub fn new(state_dir: impl Into<PathBuf>) -> Result<Self> {
        let state_dir = state_dir.into();
        make_private(&state_dir)?;
        let state_dir = fs::canonicalize(&state_dir).map_err(|e| unusable(&state_dir, &e))?;
        let owner = state_dir.to_string_lossy().into_owned();
        let ours = Ours { owner, sessions: Sessions::default() };
        Ok(Self { clock: Arc::new(SystemClock), state_dir, ours, model_proxy: None })
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
        for program in ["setsid", "prlimit"] {
            if find_program(program, None).is_none() {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("`{program}` is not in PATH: install util-linux"),
                ));
            }
        }
        if !Path::new("/proc/self/environ").exists() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the subprocess runner needs Linux with /proc mounted",
            ));
        }
        Ok(())
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        if !spec.workspace.is_dir() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the workspace {} is no directory", spec.workspace.display()),
            ));
        }
        let state = self.state_dir.join(run.to_string());
        for directory in [&state, &state.join("home"), &state.join("tmp")] {
            make_private(directory)?;
        }
        let asked = spec.network == Network::ModelProxy;
        Ok(Box::new(Subprocesses {
            clock: Arc::clone(&self.clock),
            run,
            ours: self.ours.clone(),
            spec: spec.clone(),
            home: state,
            model_proxy: asked.then(|| self.model_proxy.clone()).flatten(),
        }))
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        processes::kill(&*self.clock, &self.ours, run).await?;
        ccc_core::files::remove_tree(self.state_dir.join(run.to_string())).await
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

    fn kept_from(&self) -> Vec<String> {
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
            never = write => never,
        };
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => ExitStatus::Code(code),
            (None, signal) => ExitStatus::Signal(signal.unwrap_or(0)),
        })
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        processes::terminate(&*self.clock, &self.ours, self.run, grace).await?;
        processes::kill(&*self.clock, &self.ours, self.run).await
    }
}

impl Subprocesses {
    fn command(&self, command: &Command) -> Result<tokio::process::Command> {
        let path = self.variable(command, "PATH");
        let program = command.argv.first().map_or("", String::as_str);
        let found = find_program(program, path.as_deref()).or_else(|| {
            // Relative to the workspace, where the program starts.
            let local = self.spec.workspace.join(program);
            (program.contains('/') && local.is_file()).then_some(local)
        });
        if found.is_none() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the program `{program}` is not in PATH"),
            ));
        }
        let resources = &self.spec.resources;
        // util-linux in front of the program: setting these in the child ourselves takes `unsafe`.
        let mut child = tokio::process::Command::new("setsid");
        child
            .arg("prlimit")
            .arg("--core=0")
            .arg(format!("--nofile={}", resources.open_files))
            .arg(format!("--nproc={}", resources.processes.max(1) * 8))
            .arg(format!("--fsize={}", resources.workspace_bytes))
            .arg("--")
            .args(&command.argv)
            .current_dir(&self.spec.workspace)
            .env_clear()
            .env("PATH", search_path(None))
            .env("LANG", "C.UTF-8")
            .env("HOME", self.home.join("home"))
            .env("TMPDIR", self.home.join("tmp"));
        for (name, value) in self.spec.env.iter().chain(&command.env) {
            match value {
                EnvValue::Plain(text) => child.env(name, text),
                EnvValue::Secret(secret) => child.env(name, secret.expose_str()?),
            };
        }
        child
            .env(RUN_MARK, self.run.to_string())
            .env(OWNER_MARK, &self.ours.owner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(child)
    }

    fn variable(&self, command: &Command, wanted: &str) -> Option<String> {
        let all = command.env.iter().chain(&self.spec.env);
        all.filter(|(name, _)| name == wanted).find_map(|(_, value)| match value {
            EnvValue::Plain(text) => Some(text.clone()),
            EnvValue::Secret(_) => None,
        })
    }
}

fn find_program(program: &str, path: Option<&str>) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Path::new(program).is_file().then(|| PathBuf::from(program));
    }
    if program.is_empty() || program.contains('/') {
        return None;
    }
    let path = search_path(path);
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// The directories in which programs are looked for: those of `path`, or our own. Only absolute ones: any
/// other would be one of the workspace, and a repository would choose our programs.
fn search_path(path: Option<&str>) -> OsString {
    let path = path.map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), OsString::from);
    let absolute = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    // What was split can be joined.
    std::env::join_paths(absolute).unwrap_or_default()
}

fn make_private(path: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot use {}: {error}", path.display()))
}
