//! The observer that logs the events of runs.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ccc_core::agent::AgentEvent;
use ccc_core::observe::{Event, EventKind};
use ccc_core::untrusted_text::one_line;
use ccc_core::{Observer, Outcome, RunId};

use crate::observers::event_text::{action, summary};

/// Maximum number of lines of the agent's standard error that are logged when a run fails.
const ERROR_LINES: usize = 20;
/// Maximum length of a logged line of the agent's standard error, in characters.
const ERROR_LINE_CHARS: usize = 500;

/// An observer that writes to the program's log.
///
/// The output of agents is logged as `DEBUG`. If a run fails, the last lines of the agent's standard
/// error are logged as `WARN`.
#[derive(Debug, Default)]
pub(crate) struct LogObserver {
    /// The last lines of the agent's standard error, for each active run.
    errors: Mutex<HashMap<RunId, VecDeque<String>>>,
}

impl LogObserver {
    fn errors(&self) -> MutexGuard<'_, HashMap<RunId, VecDeque<String>>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_errors(&self, run: RunId, text: &str) {
        let mut errors = self.errors();
        let lines = errors.entry(run).or_default();
        lines.extend(text.lines().map(|line| one_line(line, ERROR_LINE_CHARS)));
        let excess = lines.len().saturating_sub(ERROR_LINES);
        lines.drain(..excess);
    }
}

impl Observer for LogObserver {
    fn on_event(&self, event: &Event) {
        let run = event.run;
        match &event.kind {
            EventKind::StageFinished { stage, error: None } => tracing::info!(%run, %stage, "done"),
            EventKind::StageFinished { stage, error: Some(error) } => {
                tracing::warn!(%run, %stage, error, "failed");
            }
            EventKind::Agent { agent } => {
                if let AgentEvent::Printed { error_stream: true, text } = agent {
                    self.record_errors(run, text);
                }
                if let Some(action) = action(agent) {
                    tracing::debug!(%run, "agent: {action}");
                }
            }
            EventKind::Note { text } => tracing::warn!(%run, "{text}"),
            EventKind::Finished { outcome } => {
                let lines = self.errors().remove(&run).unwrap_or_default();
                if matches!(outcome, Outcome::Failed { .. }) {
                    for line in lines.iter().filter(|line| !line.is_empty()) {
                        tracing::warn!(%run, "the agent printed on standard error: {line}");
                    }
                }
                let (name, summary) = (outcome.name(), summary(outcome));
                match outcome {
                    Outcome::Failed { .. } | Outcome::Refused { .. } => {
                        tracing::warn!(%run, outcome = name, "{summary}");
                    }
                    _ => tracing::info!(%run, outcome = name, "{summary}"),
                }
            }
            _ => {}
        }
    }
}
