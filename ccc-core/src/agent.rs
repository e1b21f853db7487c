//! The agent port: the AI that edits the workspace.

mod limits;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::container::{Container, EnvValue, Network, OutputStream};
use crate::setters::setters;
use crate::{CredentialKey, ErrorKind, Result, RunId, Secret};

pub use limits::AgentLimits;

/// The task of an agent in one run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// The run that the task belongs to.
    pub run: RunId,
    /// The instructions, and the issue as a delimited block of data. The prompt contains untrusted
    /// text. The adapter must pass it to the agent's standard input, never in an argument, a shell
    /// command or a file of the workspace.
    pub prompt: String,
    /// The limits of the agent's work. The adapter enforces those of them that it can measure; the
    /// pipeline enforces the time limits itself.
    pub limits: AgentLimits,
    /// The secrets for [`AgentNeeds::credentials`], in the same order.
    pub credentials: Vec<(CredentialKey, Secret)>,
}

impl Task {
    /// Returns a task with default limits and no credential.
    pub fn new(run: RunId, prompt: impl Into<String>) -> Self {
        Self { run, prompt: prompt.into(), limits: AgentLimits::default(), credentials: Vec::new() }
    }
}

/// The requirements of an agent: image, environment, credentials and network.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AgentNeeds {
    /// The image, for runners that use images.
    pub image: Option<String>,
    /// Environment variables that are neither secret nor specific to one task.
    pub env: Vec<(String, EnvValue)>,
    /// Keys of the secrets to read from the credential store. The agent's adapter on the host
    /// machine receives them, and must not pass them into the container.
    pub credentials: Vec<CredentialKey>,
    /// The network access that the agent needs.
    pub network: Network,
}

setters!(AgentNeeds {
    /// Sets the image, for runners that use images.
    with_image: image: impl Into<Option<String>>,
    /// Sets the environment variables that are neither secret nor specific to one task.
    with_env: env: impl Into<Vec<(String, EnvValue)>>,
    /// Sets the keys of the secrets that the agent's adapter needs on the host machine.
    with_credentials: credentials: impl Into<Vec<CredentialKey>>,
    /// Sets the network access that the agent needs.
    with_network: network: Network,
});

/// An observed action of an agent, for display. A verdict must not depend on these events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did")]
#[non_exhaustive]
pub enum AgentEvent {
    /// The agent printed output that no other variant describes.
    Printed {
        /// Whether the output came from standard error.
        error_stream: bool,
        /// The output, with invalid UTF-8 replaced.
        text: String,
    },
    /// The agent wrote a message.
    Said {
        /// The text of the message.
        text: String,
    },
    /// The agent reasoned.
    Thought {
        /// The text of the reasoning.
        text: String,
    },
    /// The agent read a file.
    Read {
        /// The path of the file, as the agent named it.
        path: String,
    },
    /// The agent edited a file.
    Edited {
        /// The path of the file, as the agent named it.
        path: String,
    },
    /// The agent ran a program.
    Ran {
        /// The command line, as the agent gave it.
        command: String,
    },
    /// The agent made or changed its plan.
    Planned {
        /// The steps, each with whether it is done.
        steps: Vec<(String, bool)>,
    },
    /// The agent waits before it sends a request to the model again.
    Retrying {
        /// The reason, in one line.
        reason: String,
    },
    /// The agent is working and has nothing to show. The event resets the idle limit.
    Alive,
    /// The agent was not allowed to use a tool.
    Denied {
        /// The tool's name.
        tool: String,
    },
}

impl AgentEvent {
    /// Returns the [`Printed`](Self::Printed) event for a chunk of a container's output.
    #[must_use]
    pub fn printed(stream: OutputStream, bytes: &[u8]) -> Self {
        Self::Printed {
            error_stream: stream == OutputStream::Stderr,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// A receiver of agent events, which is called while the agent works. Implementations must not
/// block.
pub trait AgentSink: Send {
    /// Receives the next event.
    fn event(&mut self, event: AgentEvent);
}

impl<F: FnMut(AgentEvent) + Send> AgentSink for F {
    fn event(&mut self, event: AgentEvent) {
        self(event);
    }
}

/// The end of an agent's work, as the agent's own protocol reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Verdict {
    /// The agent reported that it is done.
    Completed,
    /// The agent stopped at a limit of turns, money or context.
    Limited {
        /// The limit, in one line.
        reason: String,
    },
    /// The agent failed.
    Failed {
        /// The kind of failure, if the adapter knows it, for example from the response of the
        /// model's API. Otherwise [`ErrorKind::Unexpected`].
        kind: ErrorKind,
        /// The reason, in one line.
        reason: String,
    },
}

impl Verdict {
    /// Returns a failure of the agent itself, with the kind [`ErrorKind::Unexpected`].
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { kind: ErrorKind::Unexpected, reason: reason.into() }
    }
}

/// The tokens and the money that the agent used for one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// The model's name.
    pub model: String,
    /// Input tokens, without those that were read from a cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens that were read from a cache.
    pub cache_read_tokens: u64,
    /// Input tokens that were written to a cache.
    pub cache_write_tokens: u64,
    /// The cost, in millionths of a US dollar; `None` if it is unknown.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
}

/// The agent's own account of its work. The pipeline treats all of it as claims, and reads the
/// actual change from the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentReport {
    /// The end of the work.
    pub verdict: Verdict,
    /// The agent's final message: untrusted text.
    pub summary: String,
    /// The usage, one entry per model.
    pub usage: Vec<ModelUsage>,
    /// The cost, in millionths of a US dollar; `None` if the agent does not know it.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
    /// The tools that the agent was not allowed to use.
    pub denials: Vec<String>,
    /// The id of a session that the agent can resume later.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub session: Option<String>,
}

impl AgentReport {
    /// Returns a report that has only a verdict and a final message.
    pub fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            verdict,
            summary: summary.into(),
            usage: Vec::new(),
            micro_usd: None,
            denials: Vec::new(),
            session: None,
        }
    }
}

/// The AI that analyses the issue and edits the workspace.
///
/// # Contract
/// Implementations are safe to share. The caller can call `run` for many runs at the same time,
/// each with its own container. The agent executes programs only through the container.
///
/// # Call order
/// [`needs`](Self::needs) → [`ContainerRunner::spawn`](crate::ContainerRunner::spawn) →
/// [`run`](Self::run), once per container.
///
/// # Deadlines and cancellation
/// The caller enforces the time limits of [`Task::limits`]. To end `run`, it drops the future.
/// After that it stops the container, which ends all programs that are still running.
///
/// # Examples
///
/// An agent that runs one program. The suite also runs it in containers whose programs fail or hang.
///
/// ```
/// use ccc_core::agent::{AgentEvent, AgentReport, AgentSink, Task, Verdict};
/// use ccc_core::container::{Command, Container, ContainerExt};
/// use ccc_core::{Agent, Result, async_trait};
///
/// /// An agent that saves the prompt in a file.
/// #[derive(Debug)]
/// struct Scribe;
///
/// #[async_trait]
/// impl Agent for Scribe {
///     fn name(&self) -> &str {
///         "scribe"
///     }
///
///     async fn run(
///         &self,
///         task: &Task,
///         container: &dyn Container,
///         events: &mut dyn AgentSink,
///     ) -> Result<AgentReport> {
///         events.event(AgentEvent::Edited { path: "PROMPT.md".to_owned() });
///         // Untrusted text is passed on standard input, never in an argument.
///         let tee = Command::new(["tee", "--", "PROMPT.md"]).with_stdin(task.prompt.as_bytes());
///         let output = container.output(&tee).await?;
///         let verdict = match output.status.success() {
///             true => Verdict::Completed,
///             false => Verdict::failed(format!("tee failed: {}", output.status)),
///         };
///         Ok(AgentReport::new(verdict, "The prompt is in PROMPT.md."))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::FakeRunner;
/// use ccc_core::testing::conformance::agent::{Fixture, PROMPT};
///
/// ccc_core::agent_conformance!(@run async || {
///     Fixture::new(Scribe, FakeRunner::default(), ("PROMPT.md", PROMPT.as_bytes()))
/// })
/// .await;
/// # }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Agent: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs and commit trailers, such as `claude`. It has no line
    /// break.
    fn name(&self) -> &str;

    /// Returns the agent's requirements. Performs no I/O and always returns the same value. By
    /// default, the agent requires nothing.
    fn needs(&self) -> AgentNeeds {
        AgentNeeds::default()
    }

    /// Runs the agent until it is done. Passes all events to the sink before it returns.
    ///
    /// # Errors
    /// Returns an error if the agent could not be run. If it ran and failed, the result is `Ok`
    /// with [`Verdict::Failed`]. If the container is destroyed meanwhile, the result is an error or
    /// a verdict other than [`Verdict::Completed`].
    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport>;
}

#[deny(clippy::missing_trait_methods)]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl<T: Agent + ?Sized> Agent for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn needs(&self) -> AgentNeeds {
        (**self).needs()
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        (**self).run(task, container, events).await
    }
}
