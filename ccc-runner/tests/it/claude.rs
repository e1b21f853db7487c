//! Tests of the Claude Code agent: with the real program, whose model follows a scenario, and with
//! programs that take its place and misbehave.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ccc_core::agent::{AgentEvent, AgentReport, Task};
use ccc_core::container::{ContainerSpec, Network};
use ccc_core::testing::has_part;
use ccc_core::{
    Agent as _, Clock as _, Container, ContainerRunner as _, CredentialKey, Result, RunId,
    SystemClock,
};
use ccc_runner::{
    ClaudeCode, CredentialKind, ModelLogin, ModelProxy, Permissions, ScriptedModel,
    SubprocessRunner,
};
use tempfile::TempDir;

mod conformance;
mod corpus;
mod fuzz;
mod impostors;
mod issue;
mod repository;
mod secrets;
mod work;

/// Time limit of each operation in these tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the path of the real Claude Code: from the environment, or where `.ci/install` installs
/// it.
fn program() -> Option<String> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/npm/node_modules/@anthropic-ai/claude-code-linux-x64/claude");
    let said = std::env::var_os("CCC_AGENT__PROGRAM").map(PathBuf::from);
    let found = said.into_iter().chain([installed]).find(|program| program.is_file());
    let there = has_part("claude", found.is_some(), "run .ci/install");
    found.filter(|_| there).map(|found| found.to_string_lossy().into_owned())
}

fn key() -> CredentialKey {
    CredentialKey::new("model/api-key").unwrap()
}

/// A model with its scenario, a proxy in front of it, and a runner whose programs know the proxy.
struct Fixture {
    model: ScriptedModel,
    proxy: ModelProxy,
    runner: Arc<SubprocessRunner>,
    workspace: TempDir,
    _state: TempDir,
}

/// The result and the events of one run.
struct Ran {
    result: Result<AgentReport>,
    events: Vec<AgentEvent>,
}

impl Ran {
    fn report(&self) -> &AgentReport {
        self.result.as_ref().unwrap_or_else(|error| panic!("{error}\n{:?}", self.events))
    }
}

impl Fixture {
    async fn new(scenario: &str) -> Self {
        let model = ScriptedModel::start(scenario).await.unwrap();
        let proxy = ModelProxy::builder().upstream(model.url()).start().await.unwrap();
        let (state, workspace) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let runner = SubprocessRunner::new(state.path()).unwrap().with_model_proxy(proxy.url());
        Self { model, proxy, runner: Arc::new(runner), workspace, _state: state }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workspace.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    fn login(&self, kind: CredentialKind) -> ModelLogin {
        ModelLogin::new(self.proxy.clone(), kind, key())
    }

    /// Creates an agent with this program.
    fn agent(&self, program: &str) -> ClaudeCode {
        ClaudeCode::new(self.login(CredentialKind::ApiKey)).with_program(program)
    }

    /// Creates an agent with the real program. These rules permit it to run commands.
    fn real(&self, allowed: &[&str]) -> Option<ClaudeCode> {
        let allowed = allowed.iter().map(|&rule| rule.to_owned()).collect();
        Some(self.agent(&program()?).with_permissions(Permissions::EditsAnd(allowed)))
    }

    fn task(&self) -> Task {
        let mut task = Task::new(RunId::new(SystemClock.now()).unwrap(), "Solve the issue.\n");
        task.credentials = vec![(key(), self.model.key().clone())];
        task
    }

    async fn container(&self, run: RunId) -> Box<dyn Container> {
        let spec = ContainerSpec::new(self.workspace.path()).with_network(Network::ModelProxy);
        self.runner.spawn(run, &spec).await.unwrap()
    }

    async fn run(&self, agent: &ClaudeCode) -> Ran {
        self.run_task(agent, &self.task()).await
    }

    /// Runs the agent, and ends the processes that it left.
    async fn run_task(&self, agent: &ClaudeCode, task: &Task) -> Ran {
        let container = self.container(task.run).await;
        let mut events = Vec::new();
        let mut sink = |event| events.push(event);
        let result = bounded(agent.run(task, &*container, &mut sink)).await;
        bounded(container.stop(Duration::from_secs(5))).await.unwrap();
        bounded(self.runner.destroy(task.run)).await.unwrap();
        Ran { result, events }
    }
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = SystemClock.sleep(PATIENCE) => panic!("it did not end in time"),
    }
}

/// Creates a shell script that runs `line`. The line starts the real program, as `$CLAUDE "$@"`.
/// The script reports the version of the real program.
fn front(dir: &Path, line: &str) -> Option<String> {
    let asked = std::process::Command::new(program()?).arg("--version").output().unwrap();
    let version = String::from_utf8(asked.stdout).unwrap();
    Some(impostor(dir, version.trim(), &format!("CLAUDE='{}'\n{line}", program()?)))
}

/// Creates a program that reports that version of Claude Code, and otherwise runs `body`.
fn impostor(dir: &Path, version: &str, body: &str) -> String {
    let path = dir.join("claude");
    let head = format!("if [ \"$1\" = --version ]; then echo '{version}'; exit 0; fi");
    std::fs::write(&path, format!("#!/bin/sh\n{head}\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_string_lossy().into_owned()
}
