//! The agents under test, and their containers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::altered::{AlteredAgent, Programs};
use crate::agent::{Agent, AgentEvent, AgentReport, Task};
use crate::container::ContainerSpec;
use crate::testing::conformance::container_runner::new_run;
use crate::testing::conformance::{KeepAlive, bounded};
use crate::{Container, ContainerRunner, CredentialKey, RunId, Secret};

/// The prompt of every task of the suite. If a shell executes the prompt, the file `pwned` is
/// created, and the suite detects the mistake.
pub const PROMPT: &str = "Solve this: `$(touch pwned)` \"; touch pwned; ä ☃\n";

/// The agent under test in three variants, and the container runner for these agents.
#[derive(Debug)]
pub struct Fixture {
    /// An agent that writes [`file`](Self::file) and reports
    /// [`Verdict::Completed`](crate::agent::Verdict::Completed).
    pub agent: Arc<dyn Agent>,
    /// An agent that starts and then reports [`Verdict::Failed`](crate::agent::Verdict::Failed).
    pub failing: Arc<dyn Agent>,
    /// An agent that works for several minutes.
    pub slow: Arc<dyn Agent>,
    /// The runner that creates the agents' containers.
    pub runner: Arc<dyn ContainerRunner>,
    /// The path and the content of the file that [`agent`](Self::agent) writes. The path is
    /// relative to the workspace.
    pub file: (String, Vec<u8>),
    workspace: Vec<(String, Vec<u8>)>,
    pub(super) credentials: Vec<(CredentialKey, Secret)>,
    owned: KeepAlive,
}

impl Fixture {
    /// Creates a fixture from one agent, which must work by executing programs in its container.
    /// The fixture derives two agents from `agent`: every program of [`failing`](Self::failing)
    /// ends with exit status 1, and every program of [`slow`](Self::slow) hangs. `file` is the path
    /// and the content of the file that `agent` writes. The prompt of every task is [`PROMPT`],
    /// without the format of [`prompt::render`](crate::prompt::render).
    pub fn new(agent: impl Agent, runner: impl ContainerRunner, file: (&str, &[u8])) -> Self {
        let agent: Arc<dyn Agent> = Arc::new(agent);
        let altered = |programs| -> Arc<dyn Agent> {
            Arc::new(AlteredAgent { agent: Arc::clone(&agent), programs })
        };
        let (failing, slow) = (altered(Programs::Fail), altered(Programs::Hang));
        Self::with_agents([agent, failing, slow], runner, file)
    }

    /// Creates a fixture from three agents, which become [`agent`](Self::agent),
    /// [`failing`](Self::failing) and [`slow`](Self::slow). The last argument is the path and the
    /// content of the file that `agent` writes.
    pub fn with_agents(
        [agent, failing, slow]: [Arc<dyn Agent>; 3],
        runner: impl ContainerRunner,
        (path, content): (&str, &[u8]),
    ) -> Self {
        Self {
            agent,
            failing,
            slow,
            runner: Arc::new(runner),
            file: (path.to_owned(), content.to_vec()),
            workspace: Vec::new(),
            credentials: Vec::new(),
            owned: KeepAlive::default(),
        }
    }

    /// Adds a file with `content` at `path` to the workspace of every run. Without such files, the
    /// workspaces are empty.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.workspace.push((path.to_owned(), content.to_vec()));
        self
    }

    /// Adds a secret that every task passes to the agents. Call this method once for each key of
    /// [`AgentNeeds::credentials`](crate::agent::AgentNeeds::credentials), in the order of these
    /// keys.
    #[must_use]
    pub fn with_credential(mut self, key: CredentialKey, secret: Secret) -> Self {
        self.credentials.push((key, secret));
        self
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    /// Creates a container with a new workspace, and with the image, environment and network that
    /// `agent` needs.
    pub(super) async fn container(
        &self,
        agent: &dyn Agent,
    ) -> (RunId, Box<dyn Container>, TempDir) {
        let (run, workspace) = (new_run(), tempfile::tempdir().expect("cannot create a directory"));
        for (path, content) in &self.workspace {
            let file = workspace.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).expect("cannot create a directory");
            std::fs::write(file, content).expect("cannot write a file");
        }
        let needs = agent.needs();
        let spec = ContainerSpec::new(workspace.path())
            .with_image(needs.image)
            .with_env(needs.env)
            .with_network(needs.network);
        let container =
            bounded("`spawn`", self.runner.spawn(run, &spec)).await.expect("`spawn` must succeed");
        (run, container, workspace)
    }

    pub(super) fn task(&self, run: RunId) -> Task {
        let mut task = Task::new(run, PROMPT);
        task.credentials.clone_from(&self.credentials);
        task
    }

    /// Calls `run` of `agent` with a new container. Returns the agent's report, the events and the
    /// workspace.
    pub(super) async fn work(&self, agent: &dyn Agent) -> (AgentReport, Vec<AgentEvent>, TempDir) {
        let (run, container, workspace) = self.container(agent).await;
        let (task, mut events) = (self.task(run), Vec::new());
        let mut sink = |event| events.push(event);
        let ran = bounded("`run`", agent.run(&task, &*container, &mut sink)).await;
        let report =
            ran.expect("`run` must return `Ok` for an agent that started, even if the work failed");
        let stopped = bounded("`stop`", container.stop(Duration::from_secs(1))).await;
        stopped.expect("`stop` must succeed");
        bounded("`destroy`", self.runner.destroy(run)).await.expect("`destroy` must succeed");
        (report, events, workspace)
    }
}
