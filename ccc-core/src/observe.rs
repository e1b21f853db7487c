//! The observer port: the interface that receives the redacted events of runs.

use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{AgentEvent, AgentReport, Verdict};
use crate::run::Outcome;
use crate::{RunId, Secret, Stage};

/// An event of a run, as an observer receives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The run in which the event occurred.
    pub run: RunId,
    /// The time at which the event occurred.
    pub at: Timestamp,
    /// The kind of the event, with its data.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kind of an event, with its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// A stage began.
    StageStarted {
        /// The stage that began.
        stage: Stage,
    },
    /// A stage ended.
    StageFinished {
        /// The stage that ended.
        stage: Stage,
        /// The error that ended the stage, in one line; `None` if the stage ended without an error.
        error: Option<String>,
    },
    /// The agent performed an action.
    Agent {
        /// The agent's action.
        agent: AgentEvent,
    },
    /// A fact that the operator should know. A note does not end the run.
    Note {
        /// The text, in one line.
        text: String,
    },
    /// The run ended.
    Finished {
        /// The outcome of the run.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// A receiver of all events of all runs. An observer cannot change a run, and its methods return no
/// error.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. The run waits while
/// `on_event` is executed, so `on_event` must return immediately and must not block. The pipeline
/// catches a panic of `on_event` and continues the run.
///
/// # Call order
/// Events of one run arrive in order. Events of different runs can be mixed. The texts of the
/// events contain `[REDACTED]` in place of each secret.
///
/// # Examples
///
/// An observer that sends the outcome of each run to a channel.
///
/// ```
/// use ccc_core::Observer;
/// use ccc_core::observe::{Event, EventKind};
/// use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
///
/// #[derive(Debug)]
/// struct Outcomes(UnboundedSender<String>);
///
/// impl Observer for Outcomes {
///     fn on_event(&self, event: &Event) {
///         if let EventKind::Finished { outcome } = &event.kind {
///             // The channel is not bounded, so this does not block.
///             let _ = self.0.send(format!("{} {}", event.run, outcome.name()));
///         }
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::conformance::observer::Fixture;
///
/// ccc_core::observer_conformance!(@run async || Fixture::new(Outcomes(unbounded_channel().0))).await;
/// # }
/// ```
pub trait Observer: Debug + Send + Sync + 'static {
    /// Receives the next event of any run.
    fn on_event(&self, event: &Event);
}

#[deny(clippy::missing_trait_methods)]
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn on_event(&self, event: &Event) {
        (**self).on_event(event);
    }
}

/// An observer that ignores every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on_event(&self, _: &Event) {}
}

/// An observer that passes every event to each observer of a list, in the order of the list.
#[derive(Clone, Debug, Default)]
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn on_event(&self, event: &Event) {
        for observer in &self.0 {
            observer.on_event(event);
        }
    }
}

/// The secrets of one run, with methods that find these secrets in text and replace them.
///
/// The redactor searches for the values of the secrets, so it does not depend on the formats of
/// tokens. Secrets shorter than [`MIN_SECRET`](Self::MIN_SECRET) bytes are ignored, because they
/// could match parts of ordinary words.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: RwLock<Vec<Secret>>,
}

impl Redactor {
    /// Minimum length, in bytes, of a secret that is redacted.
    pub const MIN_SECRET: usize = 8;

    /// Adds a secret, so that later calls of the other methods find or replace it. Ignores a secret
    /// that is shorter than [`MIN_SECRET`](Self::MIN_SECRET) bytes.
    pub fn add(&self, secret: &Secret) {
        if secret.expose().len() < Self::MIN_SECRET {
            return;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|known| known.expose() == secret.expose()) {
            secrets.push(secret.clone());
        }
    }

    /// Returns `text` with every secret replaced by `[REDACTED]`.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let mut cleaned = text.to_owned();
        for secret in secrets.iter() {
            if let Ok(secret) = secret.expose_str()
                && cleaned.contains(secret)
            {
                cleaned = cleaned.replace(secret, "[REDACTED]");
            }
        }
        cleaned
    }

    /// Returns whether `bytes` contains one of the secrets.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().any(|secret| crate::secret_scan::contains(bytes, secret.expose()))
    }

    /// Returns `kind` with every secret in its texts replaced by `[REDACTED]`.
    #[must_use]
    pub fn clean_kind(&self, kind: EventKind) -> EventKind {
        let clean = |text: String| self.clean(&text);
        match kind {
            EventKind::StageStarted { stage } => EventKind::StageStarted { stage },
            EventKind::StageFinished { stage, error } => {
                EventKind::StageFinished { stage, error: error.map(clean) }
            }
            EventKind::Agent { agent } => EventKind::Agent { agent: self.clean_agent(agent) },
            EventKind::Note { text } => EventKind::Note { text: clean(text) },
            EventKind::Finished { outcome } => {
                EventKind::Finished { outcome: self.clean_outcome(outcome) }
            }
        }
    }

    /// Returns `outcome` with every secret in its texts replaced by `[REDACTED]`, because an
    /// outcome is displayed, written to the run's comment and stored.
    #[must_use]
    pub fn clean_outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Answered { answer } => Outcome::Answered { answer: self.clean(&answer) },
            Outcome::Refused { stage, reason, paths } => Outcome::Refused {
                stage,
                reason: self.clean(&reason),
                paths: paths.iter().map(|path| self.clean(path)).collect(),
            },
            Outcome::Failed { stage, kind, message } => {
                Outcome::Failed { stage, kind, message: self.clean(&message) }
            }
            other @ (Outcome::PullRequest { .. }
            | Outcome::Skipped { .. }
            | Outcome::Cancelled { .. }) => other,
        }
    }

    /// Returns `report` with every secret in its texts replaced by `[REDACTED]`, because these
    /// texts are published, and persisted in the run's progress.
    #[must_use]
    pub fn clean_report(&self, mut report: AgentReport) -> AgentReport {
        report.summary = self.clean(&report.summary);
        report.verdict = match report.verdict {
            Verdict::Completed => Verdict::Completed,
            Verdict::Limited { reason } => Verdict::Limited { reason: self.clean(&reason) },
            Verdict::Failed { kind, reason } => {
                Verdict::Failed { kind, reason: self.clean(&reason) }
            }
        };
        report.denials = report.denials.iter().map(|tool| self.clean(tool)).collect();
        report.session = report.session.map(|session| self.clean(&session));
        report
    }

    fn clean_agent(&self, event: AgentEvent) -> AgentEvent {
        let clean = |text: String| self.clean(&text);
        match event {
            AgentEvent::Printed { error_stream, text } => {
                AgentEvent::Printed { error_stream, text: clean(text) }
            }
            AgentEvent::Said { text } => AgentEvent::Said { text: clean(text) },
            AgentEvent::Thought { text } => AgentEvent::Thought { text: clean(text) },
            AgentEvent::Read { path } => AgentEvent::Read { path: clean(path) },
            AgentEvent::Edited { path } => AgentEvent::Edited { path: clean(path) },
            AgentEvent::Ran { command } => AgentEvent::Ran { command: clean(command) },
            AgentEvent::Planned { steps } => AgentEvent::Planned {
                steps: steps.into_iter().map(|(step, done)| (clean(step), done)).collect(),
            },
            AgentEvent::Retrying { reason } => AgentEvent::Retrying { reason: clean(reason) },
            AgentEvent::Alive => AgentEvent::Alive,
            AgentEvent::Denied { tool } => AgentEvent::Denied { tool: clean(tool) },
        }
    }
}
