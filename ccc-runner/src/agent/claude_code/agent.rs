//! The Claude Code agent.

use std::sync::{Mutex, PoisonError};

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task};
use ccc_core::container::{EnvValue, Network};
use ccc_core::{Agent, Container, Result, async_trait};
use tokio::sync::Notify;

use crate::agent::claude_code::launch::{self, Launch, Permissions};
use crate::agent::claude_code::progress::{End, OutputProgress};
use crate::agent::claude_code::version;
use crate::agent::model_session::{self, ProxyEvent};
use crate::lock::lock;
use crate::model::login::ModelLogin;
use crate::model::proxy::ModelNotice;

/// The Claude Code agent. Claude Code reaches the model through a
/// [`ModelProxy`](crate::ModelProxy). Only the proxy knows the model's credential. Claude Code
/// receives a secret that is valid only for the run.
///
/// The verdict comes from the result line that Claude Code prints, never from the exit status.
/// The repository's settings, hooks, MCP servers and commands for Claude Code are disabled
/// (spec: X8). The reported cost is the cost that the proxy counted.
#[derive(Clone, Debug)]
pub struct ClaudeCode {
    login: ModelLogin,
    image: Option<String>,
    launch: Launch,
}

impl ClaudeCode {
    /// Creates an agent that executes `claude` from the container's `PATH`. `login` gives Claude
    /// Code access to the model. The permissions are [`Permissions::EditsAnd`] with an empty list
    /// of rules.
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

    /// Sets the program to execute instead of `claude`: a name in the container's `PATH`, or an
    /// absolute path in the container.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<String>) -> Self {
        self.launch.program = program.into();
        self
    }

    /// Sets the container image that contains Claude Code. `None` is the runner's default image. A
    /// runner that uses no images ignores this setting.
    #[must_use]
    pub fn with_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    /// Sets which tool uses Claude Code may perform.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.launch.permissions = permissions;
        self
    }

    /// Sets the model: a model name, or an alias that Claude Code knows. `None` lets Claude Code
    /// choose the model.
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
        let mut command = launch::command(&self.launch, version, task.run, &task.limits)
            .with_stdin(task.prompt.as_bytes());
        let price = self.login.proxy().price(self.launch.priced_model());
        let output = task.limits.micro_usd.and_then(|of| launch::max_output_tokens(of, price));
        if let Some(tokens) = output {
            let tokens = EnvValue::Plain(tokens.to_string());
            command = command.with_env("CLAUDE_CODE_MAX_OUTPUT_TOKENS", tokens);
        }
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
                // Do not wait until the process exits after its result: the process ends with the
                // container.
                () = result.notified() => Ok(End::Result),
                status = container.exec(&command, &mut sink) => status.map(End::Exited),
            }
        };
        let report = |event| match event {
            // Report only refusals by the proxy: Claude Code itself reports failures of the API.
            ProxyEvent::Notice(ModelNotice::Refused(line)) => {
                lock(&seen).tell(model_session::proxy_refusal_event(&line));
            }
            ProxyEvent::Notice(_) => {}
            ProxyEvent::Alive => lock(&seen).tell(AgentEvent::Alive),
        };
        let end = model_session::watch(&mut access, work, report).await;
        let end = end.unwrap_or(Ok(End::ModelUnusable))?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(seen.report(&end, &access, task.limits.micro_usd))
    }
}
