//! The observer that logs the events of runs.

use ccc_core::Observer;
use ccc_core::agent::AgentEvent;
use ccc_core::observe::{Event, EventKind};

use crate::observers::event_text::{action, summary};

/// An observer that logs the events of runs with `tracing`.
#[derive(Debug, Default)]
pub(crate) struct LogObserver;

impl Observer for LogObserver {
    fn on_event(&self, event: &Event) {
        let run = event.run;
        match &event.kind {
            EventKind::StageFinished { stage, error: None } => tracing::info!(%run, %stage, "done"),
            EventKind::StageFinished { stage, error: Some(error) } => {
                tracing::warn!(%run, %stage, error, "failed");
            }
            EventKind::Agent { agent: AgentEvent::Printed { error_stream: true, text } } => {
                tracing::debug!(%run, "standard error of the agent: {}", text.trim_end());
            }
            EventKind::Agent { agent } => {
                if let Some(action) = action(agent) {
                    tracing::debug!(%run, "agent: {action}");
                }
            }
            EventKind::Note { text } => tracing::warn!(%run, "{text}"),
            EventKind::Finished { outcome } => {
                tracing::info!(%run, outcome = outcome.name(), "{}", summary(outcome));
            }
            _ => {}
        }
    }
}
