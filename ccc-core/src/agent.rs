//! The agent port: the interface to the AI that edits the workspace.

mod limits;
mod secret_sink;
mod texts;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::container::{Container, EnvValue, Network, OutputStream};
use crate::setters::setters;
use crate::{CredentialKey, ErrorKind, Result, RunId, Secret};

pub use limits::AgentLimits;
pub use secret_sink::SecretSink;

/// The task of an agent in one run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// The run that the task belongs to.
    pub run: RunId,
    /// The instructions, and the issue as a delimited block of data, in the format of
    /// [`prompt::render`](crate::prompt::render). The format is for language models, and can change
    /// in any release. The prompt contains untrusted text: pass it to a program on standard input,
    /// never in an argument or a shell command.
    pub prompt: String,
    /// The limits of the agent's work. The pipeline enforces the time limits. The adapter enforces
    /// the limits on turns and money if it can count the turns and the cost.
    pub limits: AgentLimits,
    /// The secrets that the agent's adapter needs, each with its key. The list contains every key
    /// in [`AgentNeeds::credentials`], in the same order.
    pub credentials: Vec<(CredentialKey, Secret)>,
    /// The receiver of secrets that the agent creates for this run; `None` if nothing redacts them,
    /// as in tests. See [`register_secret`](Self::register_secret).
    pub secrets: Option<Arc<dyn SecretSink>>,
}

impl Task {
    /// Returns a task with default limits, no credential and no receiver of secrets.
    pub fn new(run: RunId, prompt: impl Into<String>) -> Self {
        let (prompt, limits) = (prompt.into(), AgentLimits::default());
        Self { run, prompt, limits, credentials: Vec::new(), secrets: None }
    }

    /// Registers a secret that the agent creates for this run, such as a token for a proxy. The
    /// agent must call this method before it uses the secret. The pipeline then removes the secret
    /// from everything that the run shows, stores and publishes, and refuses a change that contains
    /// it.
    ///
    /// The pipeline registers the secrets in [`credentials`](Self::credentials), and each
    /// [`EnvValue::Secret`] of a command that the agent executes.
    pub fn register_secret(&self, secret: &Secret) {
        if let Some(secrets) = &self.secrets {
            secrets.add(secret);
        }
    }
}

/// The requirements of an agent: image, environment, credentials and network.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AgentNeeds {
    /// The container image, for runners that use images. With `None`, the runner uses its default
    /// image.
    pub image: Option<String>,
    /// Environment variables for all programs in the agent's container. Every task has the same
    /// variables. The values must not contain a secret, because the agent can read the variables.
    pub env: Vec<(String, EnvValue)>,
    /// The keys of the secrets that the agent's adapter needs on the host machine. The pipeline
    /// reads the secrets from the credential store. The adapter must not pass them into the
    /// container.
    pub credentials: Vec<CredentialKey>,
    /// The network access that the agent's programs need.
    pub network: Network,
}

setters!(AgentNeeds {
    /// Sets the container image, for runners that use images.
    with_image: image: impl Into<Option<String>>,
    /// Sets the environment variables for all programs in the agent's container. The values must
    /// not contain a secret.
    with_env: env: impl Into<Vec<(String, EnvValue)>>,
    /// Sets the keys of the secrets that the agent's adapter needs on the host machine.
    with_credentials: credentials: impl Into<Vec<CredentialKey>>,
    /// Sets the network access that the agent's programs need.
    with_network: network: Network,
});

/// An action that the agent reports while it works. Events are for display, and the pipeline uses
/// them to detect a silent agent. An adapter must not derive a [`Verdict`] from events.
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
    /// The agent wrote down its reasoning.
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
    /// The agent executed a program.
    Ran {
        /// The command line, as the agent gave it.
        command: String,
    },
    /// The agent made or changed its plan.
    Planned {
        /// The text of each step of the plan, and whether the step is done.
        steps: Vec<(String, bool)>,
    },
    /// The agent waits before it sends a request to the model again.
    Retrying {
        /// The reason for the wait, in one line.
        reason: String,
    },
    /// The agent is working but has no action to show. The event shows the pipeline that the agent
    /// is not silent: see [`AgentLimits::idle`].
    Alive,
    /// The agent tried to use a tool that it was not permitted to use.
    Denied {
        /// The tool's name.
        tool: String,
    },
}

impl AgentEvent {
    /// Returns the [`Printed`](Self::Printed) event for `bytes`, a part of the output that a
    /// program in the container wrote to `stream`.
    #[must_use]
    pub fn printed(stream: OutputStream, bytes: &[u8]) -> Self {
        Self::Printed {
            error_stream: stream == OutputStream::Stderr,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// A receiver of an agent's events. The agent's adapter calls the receiver while the agent works.
/// Implementations must not block.
pub trait AgentSink: Send {
    /// Receives the agent's next event.
    fn event(&mut self, event: AgentEvent);
}

impl<F: FnMut(AgentEvent) + Send> AgentSink for F {
    fn event(&mut self, event: AgentEvent) {
        self(event);
    }
}

/// The result of an agent's work, as the agent itself reports it.
///
/// After [`Completed`](Self::Completed), the pipeline checks and publishes the change. After the
/// other two, it publishes nothing, and the run ends with [`Outcome::Failed`](crate::Outcome),
/// whose message contains `reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Verdict {
    /// The agent reported that its task is done.
    Completed,
    /// The agent stopped because it reached a limit: the limit on turns or on money, the memory of
    /// the container, or the model's maximum context size.
    Limited {
        /// The limit that the agent reached, in one line.
        reason: String,
    },
    /// The agent failed.
    Failed {
        /// The kind of failure, if the adapter knows it, for example from the response of the
        /// model's API. Otherwise [`ErrorKind::Unexpected`].
        kind: ErrorKind,
        /// The reason for the failure, in one line.
        reason: String,
    },
}

impl Verdict {
    /// Returns [`Failed`](Self::Failed) with the kind [`ErrorKind::Unexpected`]. `reason` must be
    /// one line.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { kind: ErrorKind::Unexpected, reason: reason.into() }
    }
}

/// The number of tokens that the agent used with one model, and their cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// The model's name.
    pub model: String,
    /// Number of input tokens that were neither read from a cache nor written to a cache.
    pub input_tokens: u64,
    /// Number of output tokens.
    pub output_tokens: u64,
    /// Number of input tokens that were read from a cache.
    pub cache_read_tokens: u64,
    /// Number of input tokens that were written to a cache.
    pub cache_write_tokens: u64,
    /// The cost, in millionths of a US dollar; `None` if it is unknown.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
}

/// The agent's own report on its work. The pipeline does not trust the report: it reads the actual
/// change from the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentReport {
    /// The result of the work, as the agent reports it.
    pub verdict: Verdict,
    /// The agent's final message: untrusted text. The pull request quotes this message. If the
    /// agent changed no file, the message is the answer to the issue.
    pub summary: String,
    /// The tokens that the agent used and their cost, one entry per model.
    pub usage: Vec<ModelUsage>,
    /// The cost of all models together, in millionths of a US dollar; `None` if the agent does not
    /// know the cost.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
    /// The tools that the agent tried to use but was not allowed to use.
    pub denials: Vec<String>,
    /// The id of the agent's session, which the agent can resume later; `None` if the agent has no
    /// sessions.
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
/// Implementations are safe to share between threads. The caller can call `run` for many runs at
/// the same time, each with its own container. The workspace also contains a directory `.git`. The
/// agent executes programs only through the container: with
/// [`ContainerExt::output`](crate::ContainerExt::output) if their output is short, and with
/// [`Container::exec`] otherwise. It registers each secret that it creates for a run with
/// [`Task::register_secret`], before a program can read the secret (spec: S6b).
///
/// # Call order
/// [`needs`](Self::needs) → [`ContainerRunner::spawn`](crate::ContainerRunner::spawn) →
/// [`run`](Self::run), once per container.
///
/// # Deadlines and cancellation
/// The caller enforces the time limits of [`Task::limits`]. To end a call of `run`, the caller
/// drops the future of the call and stops the container. The stop ends all programs that are still
/// running in the container.
///
/// # Examples
///
#[doc = include_str!("agent_example.md")]
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Agent: Debug + Send + Sync + 'static {
    /// Returns a non-empty name for logs and commit trailers, such as `claude`. The name has no
    /// line break.
    fn name(&self) -> &str;

    /// Returns the agent's requirements. Performs no I/O and always returns the same value. The
    /// default implementation returns no requirements.
    fn needs(&self) -> AgentNeeds {
        AgentNeeds::default()
    }

    /// Executes the agent in `container` until the agent has finished `task`. Passes every event of
    /// the agent to `events` before this method returns.
    ///
    /// # Errors
    /// Returns an error if the agent could not be executed. If the agent was executed and failed,
    /// the result is `Ok` with [`Verdict::Failed`]. If the container is destroyed during the call,
    /// the result is an error or a verdict other than [`Verdict::Completed`].
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
