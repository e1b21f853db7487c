use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::lock;
use crate::container::{
    Capabilities, Command, ContainerSpec, EnvValue, ExitStatus, Network, OutputSink, OutputStream,
};
use crate::{Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId, SystemClock};

/// A container runner that starts no process. Its containers simulate the command lines in
/// [`COMMAND_LINES`](Self::COMMAND_LINES). The simulated `cat`, `ls` and `tee` access the files of
/// the workspace. Any other command line ends with exit status 127 and a message on standard error.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use ccc_core::container::{Command, ContainerExt, ContainerSpec};
/// use ccc_core::testing::FakeRunner;
/// use ccc_core::{ContainerRunner, RunId, SystemClock, Clock};
///
/// let (runner, workspace) = (FakeRunner::default(), std::env::temp_dir());
/// let run = RunId::new(SystemClock.now())?;
/// let container = runner.spawn(run, &ContainerSpec::new(workspace)).await?;
/// let output = container.output(&Command::new(["cat"]).with_stdin("hello")).await?;
/// assert_eq!(output.stdout, b"hello");
/// let output = container.output(&Command::new(["make"])).await?;
/// assert!(String::from_utf8_lossy(&output.stderr).contains("FakeRunner cannot execute"));
/// runner.destroy(run).await
/// # }
/// ```
#[derive(Debug, Default)]
pub struct FakeRunner {
    live: Mutex<BTreeMap<RunId, CancellationToken>>,
    destroyed: Mutex<Vec<RunId>>,
}

impl FakeRunner {
    /// The model proxy URL that each container with [`Network::ModelProxy`] reports. No server
    /// listens at this address.
    pub const MODEL_PROXY: &'static str = "http://127.0.0.1:1";

    /// The command lines that the containers of this runner can execute. Each PATH is relative to
    /// the workspace. `ls -- PATH` prints the names of all entries of a directory, hidden ones too,
    /// sorted, and one per line. It fails for a file.
    pub const COMMAND_LINES: &'static str = "true, false, cat, cat -- PATH, ls -- PATH, \
                                             tee -- PATH, printenv NAME and sleep SECONDS";

    /// Returns the runs for which [`destroy`](ContainerRunner::destroy) was called, in the order of
    /// the calls.
    #[must_use]
    pub fn destroyed(&self) -> Vec<RunId> {
        lock(&self.destroyed).clone()
    }
}

#[derive(Debug)]
struct FakeContainer {
    spec: ContainerSpec,
    workspace: PathBuf,
    /// When this token is cancelled, the simulated program in the container ends. The token is
    /// cancelled by `stop`, by `destroy`, and by a later `spawn` for the same run.
    ended: CancellationToken,
}

#[async_trait]
impl ContainerRunner for FakeRunner {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        if !spec.workspace.is_dir() {
            let line = format!("the workspace {} is not a directory", spec.workspace.display());
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let ended = CancellationToken::new();
        if let Some(earlier) = lock(&self.live).insert(run, ended.clone()) {
            earlier.cancel();
        }
        let workspace = spec.workspace.clone();
        Ok(Box::new(FakeContainer { spec: spec.clone(), workspace, ended }))
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        lock(&self.destroyed).push(run);
        if let Some(ended) = lock(&self.live).remove(&run) {
            ended.cancel();
        }
        Ok(())
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        Ok(lock(&self.live).keys().copied().collect())
    }
}

#[async_trait]
impl Container for FakeContainer {
    fn workspace(&self) -> &Path {
        &self.workspace
    }

    fn model_proxy(&self) -> Option<&str> {
        (self.spec.network == Network::ModelProxy).then_some(FakeRunner::MODEL_PROXY)
    }

    fn denied_hosts(&self) -> Vec<String> {
        Vec::new()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Ok(ExitStatus::Signal(9)),
            status = self.perform(command, output) => status,
        }
    }

    async fn stop(&self, _: Duration) -> Result<()> {
        self.ended.cancel();
        Ok(())
    }
}

impl FakeContainer {
    async fn perform(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let done = match argv[..] {
            ["true"] => Ok(Vec::new()),
            ["false"] => Err((1, String::new())),
            ["cat"] => Ok(command.stdin.clone()),
            ["cat" | "ls" | "tee", "--", path] if !is_inside(path) => {
                Err((1, format!("{path}: the path is outside the workspace")))
            }
            ["cat", "--", path] => {
                with_path_in_error(path, tokio::fs::read(self.workspace.join(path)).await)
            }
            ["ls", "--", path] => with_path_in_error(path, list(&self.workspace.join(path)).await),
            ["tee", "--", path] => {
                let written = tokio::fs::write(self.workspace.join(path), &command.stdin).await;
                with_path_in_error(path, written.map(|()| command.stdin.clone()))
            }
            ["printenv", name] => {
                let value = self.variable(command, name);
                value.map(|value| [&*value, b"\n"].concat()).ok_or((1, String::new()))
            }
            ["sleep", seconds] if let Ok(seconds) = seconds.parse() => {
                SystemClock.sleep(Duration::from_secs(seconds)).await;
                Ok(Vec::new())
            }
            _ => Err((
                127,
                format!(
                    "FakeRunner cannot execute the command line {argv:?}: FakeRunner supports \
                     only {}",
                    FakeRunner::COMMAND_LINES
                ),
            )),
        };
        let (code, stream, bytes) = match done {
            Ok(bytes) => (0, OutputStream::Stdout, bytes),
            Err((code, line)) if line.is_empty() => (code, OutputStream::Stderr, Vec::new()),
            Err((code, line)) => (code, OutputStream::Stderr, format!("{line}\n").into_bytes()),
        };
        if !bytes.is_empty() {
            output.chunk(stream, &bytes);
        }
        Ok(ExitStatus::Code(code))
    }

    fn variable(&self, command: &Command, wanted: &str) -> Option<Vec<u8>> {
        let mut all = command.env.iter().rev().chain(&self.spec.env);
        let (_, value) = all.find(|(name, _)| name == wanted)?;
        Some(match value {
            EnvValue::Plain(text) => text.as_bytes().to_vec(),
            EnvValue::Secret(secret) => secret.expose().to_vec(),
        })
    }
}

/// Returns whether `path` stays inside the workspace: the path is relative and has no `..`.
fn is_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Converts the result of a file operation to the result of a simulated program. An error becomes
/// the exit status 1 and an error message that contains `path`.
fn with_path_in_error(
    path: &str,
    done: io::Result<Vec<u8>>,
) -> std::result::Result<Vec<u8>, (i32, String)> {
    done.map_err(|e| (1, format!("{path}: {e}")))
}

/// Returns the names of the entries of `directory`, one per line and sorted.
async fn list(directory: &Path) -> io::Result<Vec<u8>> {
    let mut entries = tokio::fs::read_dir(directory).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        names.push(format!("{}\n", entry.file_name().to_string_lossy()));
    }
    names.sort_unstable();
    Ok(names.concat().into_bytes())
}
