//! Events of a run as lines of text.

use ccc_core::Outcome;
use ccc_core::agent::AgentEvent;
use ccc_core::untrusted_text::one_line;

/// Returns one line of at most 100 characters about an action of the agent, or `None` for an event
/// that is not displayed.
pub(super) fn action(event: &AgentEvent) -> Option<String> {
    let text = match event {
        AgentEvent::Said { text } | AgentEvent::Printed { text, .. } => text.trim().to_owned(),
        AgentEvent::Read { path } => format!("reads {path}"),
        AgentEvent::Edited { path } => format!("edits {path}"),
        AgentEvent::Ran { command } => format!("runs {command}"),
        AgentEvent::Retrying { reason } => format!("waits before a retry: {reason}"),
        AgentEvent::Denied { tool } => format!("was not allowed to use the tool {tool}"),
        _ => return None,
    };
    let line = one_line(&text, 100);
    (!line.is_empty()).then_some(line)
}

/// Returns one line about the outcome of a run.
pub(super) fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::PullRequest { pull_request } => format!("pull request: {}", pull_request.url),
        Outcome::Answered { answer } => {
            format!("no change; the agent says: {}", one_line(answer, 500))
        }
        Outcome::Skipped { reason } => format!("skipped: {}", reason.as_str()),
        Outcome::Refused { stage, reason, paths } => {
            format!("refused in the stage {stage}: {reason} {}", paths.join(", "))
        }
        Outcome::Failed { stage, message, .. } => format!("failed in the stage {stage}: {message}"),
        Outcome::Cancelled { stage } => format!("cancelled in the stage {stage}"),
        _ => outcome.name().to_owned(),
    }
}
