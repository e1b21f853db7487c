//! Removal of secrets from events, outcomes, reports and other texts.

use std::sync::{PoisonError, RwLock};

use crate::Secret;
use crate::agent::{AgentEvent, AgentReport, Verdict};
use crate::observe::EventKind;
use crate::run::Outcome;

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

    /// Returns a copy with the current secrets, for a thread that outlives a reference to `self`.
    #[cfg(feature = "git")]
    pub(crate) fn snapshot(&self) -> Self {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        Self { secrets: RwLock::new(secrets.clone()) }
    }

    /// Returns whether `bytes` contains one of the secrets.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().any(|secret| memchr::memmem::find(bytes, secret.expose()).is_some())
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
