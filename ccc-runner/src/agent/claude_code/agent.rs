//! Claude Code as an agent.

use std::sync::{Mutex, PoisonError};

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task};
use ccc_core::container::Network;
use ccc_core::{Agent, Container, Result, async_trait};
use tokio::sync::Notify;

use crate::agent::claude_code::launch::{self, Launch, Permissions};
use crate::agent::claude_code::progress::{End, OutputProgress};
use crate::agent::claude_code::version;
use crate::agent::model_session::{self, ProxyEvent};
use crate::lock::lock;
use crate::model::login::ModelLogin;
use crate::model::proxy::ModelNotice;

/// Claude Code as an agent. It talks to its model through a [`ModelProxy`](crate::ModelProxy), and
/// gets that run's secret in place of a credential.
///
/// The verdict comes from its result line, and never from its exit status. Settings, hooks, MCP
/// servers and commands that a repository brings are off (spec: X8). What was spent is what the
/// proxy counted.
#[derive(Clone, Debug)]
pub struct ClaudeCode {
    login: ModelLogin,
    image: Option<String>,
    launch: Launch,
}

impl ClaudeCode {
    /// `claude` from the container's `PATH`, which may change files and no more.
    #[must_use]
    pub fn new(login: ModelLogin) -> Self {
        Self {
            login,
            image: None,
            launch: Launch {
                program: "claude".to_owned(),
                permissions: Permissions::EditsAnd(Vec::new()),
                model: None,
            },
        }
    }

    /// The program, as a name in the container's `PATH` or an absolute path in the container.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<String>) -> Self {
        self.launch.program = program.into();
        self
    }

    /// The image that has the program, where runners have images.
    #[must_use]
    pub fn with_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    /// What it may do.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.launch.permissions = permissions;
        self
    }

    /// The model, by its name or by an alias that the program knows; without it, the program's own
    /// choice.
    #[must_use]
    pub fn with_model(mut self, model: Option<String>) -> Self {
        self.launch.model = model;
        self
    }
}

#[async_trait]
impl Agent for ClaudeCode {
    fn name(&self) -> &str {
        "claude"
    }

    fn needs(&self) -> AgentNeeds {
        let mut needs = AgentNeeds::default();
        needs.image.clone_from(&self.image);
        needs.credentials = vec![self.login.credential().clone()];
        needs.network = Network::ModelProxy;
        needs
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let mut access = model_session::open(&self.login, task)?;
        let version = version::probe(&self.launch.program, container).await?;
        let command = launch::command(&self.launch, version, task.run, &task.limits)
            .with_stdin(task.prompt.as_bytes());
        let variable = launch::credential_variable(self.login.kind());
        let command = model_session::configure(command, container, variable, &access)?;

        let seen = Mutex::new(OutputProgress::new(container, events));
        let result = Notify::new();
        let mut sink = |stream, bytes: &[u8]| {
            let mut seen = lock(&seen);
            seen.take(stream, bytes);
            if seen.has_result() {
                result.notify_one();
            }
        };
        let work = async {
            tokio::select! {
                biased;
                // What comes after it is not waited for: the container's end is its end as well.
                () = result.notified() => Ok(End::Result),
                status = container.exec(&command, &mut sink) => status.map(End::Exited),
            }
        };
        let report = |event| match event {
            // What the API refuses, the program tells itself.
            ProxyEvent::Notice(ModelNotice::Refused(line)) => {
                lock(&seen).tell(model_session::refused_by_us(&line));
            }
            ProxyEvent::Notice(_) => {}
            ProxyEvent::Alive => lock(&seen).tell(AgentEvent::Alive),
        };
        let over = model_session::watch(&mut access, work, report).await;
        let over = over.unwrap_or(Ok(End::Ended))?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(seen.report(&over, &access, task.limits.micro_usd))
    }
}
