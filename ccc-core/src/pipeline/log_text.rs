//! The lines of a run's log: events of the run as lines of text, without control sequences.

use crate::Error;
use crate::agent::AgentEvent;
use crate::observe::{EventKind, Redactor};
use crate::run::Outcome;
use crate::untrusted_text::without_control_sequences;

/// Maximum size of a line, in bytes. A longer line is cut, and its end names the number of the bytes
/// that were left out.
const MAX_LINE: usize = 8 << 10;

/// Returns the lines for an event. Removes the control sequences of terminals and then the secrets from
/// its texts, because control sequences can separate the parts of a secret.
pub(super) fn event_lines(kind: &EventKind, redactor: &Redactor) -> Vec<String> {
    let plain = |text: &str| redactor.clean(&without_control_sequences(text));
    match kind {
        EventKind::StageStarted { stage } => vec![format!("stage {stage}: begins")],
        EventKind::StageFinished { stage, error: None } => vec![format!("stage {stage}: ends")],
        EventKind::StageFinished { stage, error: Some(error) } => {
            lines(&format!("stage {stage}: fails"), &plain(error))
        }
        EventKind::Note { text } => lines("note", &plain(text)),
        EventKind::Agent { agent } => agent_lines(agent),
        EventKind::Finished { outcome } => {
            lines(&format!("outcome {}", outcome.name()), &plain(&result(outcome)))
        }
    }
}

/// Returns the lines for an event of the agent. The caller has removed the control sequences and the
/// secrets from its texts.
pub(super) fn agent_lines(event: &AgentEvent) -> Vec<String> {
    let (label, text) = match event {
        AgentEvent::Printed { error_stream: false, text } => ("output", text),
        AgentEvent::Printed { error_stream: true, text } => ("error output", text),
        AgentEvent::Said { text } => ("agent", text),
        AgentEvent::Thought { text } => ("thought", text),
        AgentEvent::Read { path } => ("reads", path),
        AgentEvent::Edited { path } => ("edits", path),
        AgentEvent::Ran { command } => ("runs", command),
        AgentEvent::Retrying { reason } => ("waits before a retry", reason),
        AgentEvent::Denied { tool } => ("denied tool", tool),
        AgentEvent::Alive => return Vec::new(),
        AgentEvent::Planned { steps } => {
            let step = |(text, done): &(String, bool)| {
                lines(if *done { "plan, done" } else { "plan, open" }, text)
            };
            return steps.iter().flat_map(step).collect();
        }
    };
    lines(label, text)
}

/// Returns the lines for a write of progress that is tried again after `error`.
pub(super) fn retry_lines(error: &Error, redactor: &Redactor) -> Vec<String> {
    let text = format!("the run store did not persist the progress: {error}");
    lines("retry", &redactor.clean(&without_control_sequences(&text)))
}

/// Returns the text of an outcome, without its name.
fn result(outcome: &Outcome) -> String {
    match outcome {
        Outcome::PullRequest { pull_request } => pull_request.url.clone(),
        Outcome::Answered { answer } => answer.clone(),
        Outcome::Skipped { reason } => reason.as_str().to_owned(),
        Outcome::Refused { stage, reason, paths } => {
            format!("in the stage {stage}: {reason} {}", paths.join(", "))
        }
        Outcome::Failed { stage, message, .. } => format!("in the stage {stage}: {message}"),
        Outcome::Cancelled { stage } => format!("in the stage {stage}"),
    }
}

/// Returns each line of `text` with the label before it. Empty lines are left out.
fn lines(label: &str, text: &str) -> Vec<String> {
    let shown = |line: &str| format!("{label}: {}", displayed(line));
    text.split('\n').map(str::trim_end).filter(|line| !line.is_empty()).map(shown).collect()
}

/// Returns `line` with a replacement character in place of each character that controls a terminal,
/// ends a line or changes the order of the displayed text. Cuts a line that is too long.
fn displayed(line: &str) -> String {
    let replaced = |c: char| if is_control(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = line.chars().map(replaced).collect();
    let end = shown.floor_char_boundary(MAX_LINE);
    if end < shown.len() {
        let left_out = format!(" … ({} more bytes)", shown.len() - end);
        shown.truncate(end);
        shown.push_str(&left_out);
    }
    shown
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn the_text_of_an_event_becomes_single_lines_without_control_characters() {
        // spec: Q13c
        let redactor = Redactor::default();
        redactor.add(&Secret::from("run-5f1d8c07e2ab49636f0e7d21"));
        let check = |text: &str, expected: &[&str]| {
            let note = EventKind::Note { text: text.to_owned() };
            let expected: Vec<String> =
                expected.iter().map(|line| format!("note: {line}")).collect();
            assert_eq!(event_lines(&note, &redactor), expected, "{text:?}");
        };
        check("", &[]);
        check("a\n\n  b\tc  \n", &["a", "  b\tc"]);
        check("\u{1b}]0;title\u{7}a\u{1b}[2J\u{9b}31mb", &["ab"]);
        check("10 %\r20 %\r\nend", &["20 %", "end"]);
        check("a\0b\u{7}\u{202e}c\u{2028}d\u{b}", &["a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}d"]);
        // Control sequences separate the parts of a secret.
        check("run-5f1d8c07e2\u{1b}[31mab4963\u{1b}[0m6f0e7d21", &["[REDACTED]"]);
        let long = "ä".repeat(MAX_LINE);
        check(&long, &[&format!("{} … ({MAX_LINE} more bytes)", "ä".repeat(MAX_LINE / 2))]);
    }
}
