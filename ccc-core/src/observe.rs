//! Seeing what a run does, without its secrets.

use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{AgentEvent, AgentReport, Verdict};
use crate::run::Outcome;
use crate::{RunId, Secret, Stage};

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// In which run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// A stage began.
    StageStarted {
        /// Which.
        stage: Stage,
    },
    /// A stage ended.
    StageFinished {
        /// Which.
        stage: Stage,
        /// What went wrong, in one line; `None` when nothing did.
        error: Option<String>,
    },
    /// The agent did something.
    Agent {
        /// What.
        agent: AgentEvent,
    },
    /// Something that a person should know and that does not end the run.
    Note {
        /// What, in one line.
        text: String,
    },
    /// The run is over.
    Finished {
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// Sees everything, changes nothing, cannot fail.
///
/// # Contract
/// Called from within the run: must return at once. Events of one run come in order, events of
/// several runs mixed. Everything in them went through the redactor before.
#[cfg_attr(feature = "testing", mockall::automock)]
pub trait Observer: Debug + Send + Sync + 'static {
    /// The next thing that happened.
    fn on_event(&self, event: &Event);
}

#[deny(clippy::missing_trait_methods)]
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn on_event(&self, event: &Event) {
        (**self).on_event(event);
    }
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on_event(&self, _: &Event) {}
}

/// Shows every event to several observers, in order.
#[derive(Clone, Debug, Default)]
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn on_event(&self, event: &Event) {
        for observer in &self.0 {
            observer.on_event(event);
        }
    }
}

/// Takes the live secrets of a run out of text.
///
/// Knows them by value, so that it does not depend on what a token looks like. Shorter than
/// [`MIN_SECRET`](Self::MIN_SECRET) bytes is not looked for: it would tear holes into plain words.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: RwLock<Vec<Secret>>,
}

impl Redactor {
    /// The shortest secret that is looked for, in bytes.
    pub const MIN_SECRET: usize = 8;

    /// From now on, this value is taken out.
    pub fn add(&self, secret: &Secret) {
        if secret.expose().len() < Self::MIN_SECRET {
            return;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|known| known.expose() == secret.expose()) {
            secrets.push(secret.clone());
        }
    }

    /// The text without the secrets.
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

    /// Whether the bytes hold one of the secrets.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().any(|secret| crate::secret_scan::contains(bytes, secret.expose()))
    }

    /// The event without the secrets.
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

    /// The outcome without the secrets: it is shown, commented and kept.
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

    /// The report without the secrets: its words are published, and kept in the checkpoint.
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
