use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::lock;
use crate::container::{
    Capabilities, Command, ContainerSpec, EnvValue, ExitStatus, Network, OutputSink, OutputStream,
};
use crate::{Clock, Container, ContainerRunner, Error, ErrorKind, Result, RunId, SystemClock};

/// A container runner that starts no process. It simulates a few programs: `true`, `false`, `cat`,
/// `tee -- PATH`, `printenv NAME` and `sleep SECONDS`.
#[derive(Debug, Default)]
pub struct FakeRunner {
    live: Mutex<BTreeMap<RunId, CancellationToken>>,
    destroyed: Mutex<Vec<RunId>>,
}

impl FakeRunner {
    /// The URL of the model proxy for its containers. No server listens at this address.
    pub const MODEL_PROXY: &'static str = "http://127.0.0.1:1";

    /// Returns the runs for which `destroy` was called, in the order of the calls and with repeats.
    #[must_use]
    pub fn destroyed(&self) -> Vec<RunId> {
        lock(&self.destroyed).clone()
    }
}

#[derive(Debug)]
struct FakeContainer {
    spec: ContainerSpec,
    workspace: PathBuf,
    /// A token that is cancelled when no program may run any more.
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
            return Err(Error::new(ErrorKind::InvalidInput, "the workspace is not a directory"));
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
        let mut print = |bytes: &[u8]| {
            if !bytes.is_empty() {
                output.chunk(OutputStream::Stdout, bytes);
            }
        };
        match argv[..] {
            ["true"] => Ok(ExitStatus::Code(0)),
            ["cat"] => {
                print(&command.stdin);
                Ok(ExitStatus::Code(0))
            }
            ["tee", "--", path] => {
                print(&command.stdin);
                let written = tokio::fs::write(self.workspace.join(path), &command.stdin).await;
                Ok(ExitStatus::Code(i32::from(written.is_err())))
            }
            ["printenv", name] => {
                Ok(self.variable(command, name).map_or(ExitStatus::Code(1), |value| {
                    print(&[value.as_slice(), b"\n"].concat());
                    ExitStatus::Code(0)
                }))
            }
            ["sleep", seconds] => {
                SystemClock.sleep(Duration::from_secs(seconds.parse().unwrap_or(0))).await;
                Ok(ExitStatus::Code(0))
            }
            ["false"] => Ok(ExitStatus::Code(1)),
            _ => Ok(ExitStatus::Code(127)),
        }
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
