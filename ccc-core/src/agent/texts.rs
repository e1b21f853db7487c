//! The texts in an agent's events.

use super::AgentEvent;

impl AgentEvent {
    /// Returns all texts of the event.
    pub(crate) fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Printed { text, .. } | Self::Said { text } | Self::Thought { text } => vec![text],
            Self::Read { path } | Self::Edited { path } => vec![path],
            Self::Ran { command } => vec![command],
            Self::Planned { steps } => steps.iter_mut().map(|(step, _)| step).collect(),
            Self::Retrying { reason } => vec![reason],
            Self::Alive => Vec::new(),
            Self::Denied { tool } => vec![tool],
        }
    }
}
