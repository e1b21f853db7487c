//! Removal of secrets from events, outcomes, reports and other texts.

mod escapes;
mod forms;
mod letters;
mod needles;
mod patterns;
mod search;
mod skeleton;
#[cfg(feature = "git")]
mod split;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use needles::Needles;
use search::{ranges, read, replace};

pub use search::SecretSearch;

use crate::Secret;
use crate::agent::{AgentEvent, AgentReport, SecretSink, Verdict};
use crate::observe::EventKind;
use crate::run::Outcome;

/// The secrets of one run, with methods that find these secrets in text and replace them.
///
/// The redactor searches for the values of the secrets, so it does not depend on the formats of
/// tokens (spec: S6b). A secret is also found (spec: S6c, X10c)
/// - in base64, base32, hexadecimal or decimal numbers, in UTF-16, with percent-encoding or other
///   escape sequences, reversed, or in two of these encodings,
/// - if other characters than letters and digits split it, such as line breaks, quotes, `+` and
///   zero-width characters, or short tags and comments,
/// - in fullwidth and mathematical letters, and
/// - if it is cut, so that only a part of it is left.
///
/// The methods that return text also replace text in the form of a token or a private key, although
/// the redactor does not know the value. They do this only with the feature `git`.
#[derive(Default)]
pub struct Redactor {
    known: Arc<RwLock<Needles>>,
    /// Whether the result is no longer needed.
    cancelled: Arc<AtomicBool>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl SecretSink for Redactor {
    fn add(&self, secret: &Secret) {
        Self::add(self, secret);
    }
}

impl Redactor {
    /// Minimum length, in bytes, of a secret that is redacted.
    pub const MIN_SECRET: usize = 8;

    /// Adds a secret, so that later calls of the other methods find or replace it. Ignores a secret
    /// that is shorter than [`MIN_SECRET`](Self::MIN_SECRET) bytes, because it could match parts of
    /// ordinary words.
    pub fn add(&self, secret: &Secret) {
        if secret.expose().len() >= Self::MIN_SECRET {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.add(secret.expose(), Self::MIN_SECRET);
        }
    }

    /// Returns `text` with every secret replaced by `[REDACTED]`. Also replaces a part of a secret
    /// that has at least 16 letters and digits.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let cleaned = replace(text, &ranges(&read(&self.known), text));
        patterns::redact(&cleaned, &self.cancelled).into_owned()
    }

    /// Returns whether `bytes` contains one of the secrets, or at least half of one.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        self.search().finds_in(bytes)
    }

    /// Returns a search for the secrets in several contents.
    #[must_use]
    pub fn search(&self) -> SecretSearch {
        SecretSearch::new(Arc::clone(&self.known))
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
            Outcome::PullRequest { mut pull_request } => {
                pull_request.url = self.clean(&pull_request.url);
                Outcome::PullRequest { pull_request }
            }
            Outcome::Answered { answer } => Outcome::Answered { answer: self.clean(&answer) },
            Outcome::Refused { stage, reason, paths } => Outcome::Refused {
                stage,
                reason: self.clean(&reason),
                paths: paths.iter().map(|path| self.clean(path)).collect(),
            },
            Outcome::Failed { stage, kind, message } => {
                Outcome::Failed { stage, kind, message: self.clean(&message) }
            }
            other @ (Outcome::Skipped { .. } | Outcome::Cancelled { .. }) => other,
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
        for usage in &mut report.usage {
            usage.model = self.clean(&usage.model);
        }
        report
    }

    fn clean_agent(&self, mut event: AgentEvent) -> AgentEvent {
        for text in event.texts_mut() {
            *text = self.clean(text);
        }
        event
    }
}
