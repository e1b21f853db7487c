//! The port behind which the AI works.

mod limits;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::container::{Container, EnvValue, Network, OutputStream};
use crate::setters::setters;
use crate::{CredentialKey, ErrorKind, Result, RunId, Secret};

pub use limits::AgentLimits;

/// What an agent is asked to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// The run that it is for.
    pub run: RunId,
    /// Instructions and the issue as a delimited block of data. Goes to the agent's standard input:
    /// it holds hostile text, so never into an argument, a shell or a file of the workspace.
    pub prompt: String,
    /// What an agent may spend; an agent that cannot count enforces what it can.
    pub limits: AgentLimits,
    /// The secrets that the agent asked for in [`AgentNeeds::credentials`], in that order.
    pub credentials: Vec<(CredentialKey, Secret)>,
}

impl Task {
    /// A task with default limits and no credential.
    pub fn new(run: RunId, prompt: impl Into<String>) -> Self {
        Self { run, prompt: prompt.into(), limits: AgentLimits::default(), credentials: Vec::new() }
    }
}

/// What an agent needs around it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AgentNeeds {
    /// The image, where runners have images.
    pub image: Option<String>,
    /// Environment that is not secret and not per task.
    pub env: Vec<(String, EnvValue)>,
    /// Secrets to fetch from the credential store, by name. They go to the agent's adapter on the
    /// host, which must not hand them into the container.
    pub credentials: Vec<CredentialKey>,
    /// What it must be able to talk to.
    pub network: Network,
}

setters!(AgentNeeds {
    /// Sets the image, where runners have images.
    with_image: image: impl Into<Option<String>>,
    /// Sets the environment that is neither secret nor per task.
    with_env: env: impl Into<Vec<(String, EnvValue)>>,
    /// Sets the names of the secrets that the agent's adapter needs on the host.
    with_credentials: credentials: impl Into<Vec<CredentialKey>>,
    /// Sets the network that the agent needs.
    with_network: network: Network,
});

/// What an agent was seen to do, for people to follow. Says nothing that a verdict may rest on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did")]
#[non_exhaustive]
pub enum AgentEvent {
    /// It printed something that has no better name here.
    Printed {
        /// Where.
        error_stream: bool,
        /// What, with broken characters replaced.
        text: String,
    },
    /// It spoke.
    Said {
        /// Its words.
        text: String,
    },
    /// It reasoned.
    Thought {
        /// Its words.
        text: String,
    },
    /// It read a file.
    Read {
        /// Which, as it named it.
        path: String,
    },
    /// It changed a file.
    Edited {
        /// Which, as it named it.
        path: String,
    },
    /// It ran a program.
    Ran {
        /// The command line, as it gave it.
        command: String,
    },
    /// It made or changed its plan.
    Planned {
        /// The steps and whether each is done.
        steps: Vec<(String, bool)>,
    },
    /// It waits before it asks the model again.
    Retrying {
        /// Why, in one line.
        reason: String,
    },
    /// It is at work, and there is nothing to show of it: a sign of life for the limit on silence.
    Alive,
    /// It was not allowed to use a tool.
    Denied {
        /// The tool's name.
        tool: String,
    },
}

impl AgentEvent {
    /// Output as it came from a container.
    #[must_use]
    pub fn printed(stream: OutputStream, bytes: &[u8]) -> Self {
        Self::Printed {
            error_stream: stream == OutputStream::Stderr,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// Takes what an agent does, as it does it. Must not block.
pub trait AgentSink: Send {
    /// The next thing.
    fn event(&mut self, event: AgentEvent);
}

impl<F: FnMut(AgentEvent) + Send> AgentSink for F {
    fn event(&mut self, event: AgentEvent) {
        self(event);
    }
}

/// How the agent's work ended, in the agent's own protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Verdict {
    /// It says that it is done.
    Completed,
    /// It stopped at a limit of turns, money or context.
    Limited {
        /// Which, in one line.
        reason: String,
    },
    /// It failed.
    Failed {
        /// What kind of failure, where the adapter knows: what the model's host said, for one.
        kind: ErrorKind,
        /// Why, in one line.
        reason: String,
    },
}

impl Verdict {
    /// A failure of the agent itself.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { kind: ErrorKind::Unexpected, reason: reason.into() }
    }
}

/// What was used of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// The model's name.
    pub model: String,
    /// Tokens read, without those from a cache.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Tokens written to a cache.
    pub cache_write_tokens: u64,
    /// What it cost, in millionths of a US dollar, when that is known.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
}

/// What the agent says it did. Claims, all of them: what changed is read from the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentReport {
    /// How it ended.
    pub verdict: Verdict,
    /// Its closing words: untrusted text.
    pub summary: String,
    /// Use, one entry per model.
    pub usage: Vec<ModelUsage>,
    /// Cost in millionths of a US dollar, when the agent knows it.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub micro_usd: Option<u64>,
    /// Tools that it was not allowed to use.
    pub denials: Vec<String>,
    /// A name under which the agent can go on later.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub session: Option<String>,
}

impl AgentReport {
    /// A report with nothing but verdict and closing words.
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
/// Safe to share; `run` may be called for many runs at once, each with a container of its own.
/// Everything that the agent executes, it executes through the container.
///
/// # Call order
/// `needs` → [`ContainerRunner::spawn`](crate::ContainerRunner::spawn) → `run`, once per container.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Agent: Debug + Send + Sync + 'static {
    /// A name for logs and commit trailers: `claude`, `scripted`.
    fn name(&self) -> &str;

    /// What it needs around it. Pure: no I/O, the same answer every time.
    fn needs(&self) -> AgentNeeds;

    /// Works until done, or until the future is dropped: the caller keeps the time limits and ends
    /// what is left by stopping the container. An agent that ran and failed is an `Ok` with
    /// [`Verdict::Failed`]; an error means that it could not be run. Hands events to the sink before
    /// it returns.
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
