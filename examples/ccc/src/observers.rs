//! The observers of the program: a timeline on the terminal, JSON lines, and the service's log.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use ccc_core::agent::AgentEvent;
use ccc_core::observe::{Event, EventKind};
use ccc_core::{Observer, Outcome, RunId};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::output::print;

/// An observer that writes a timeline to standard error: the stages, and the agent's actions.
#[derive(Debug)]
pub(crate) struct Timeline {
    bar: ProgressBar,
    began: Mutex<Option<Timestamp>>,
}

impl Timeline {
    /// Creates a timeline, with a spinner on a terminal.
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, began: Mutex::default() }
    }

    fn line(&self, at: Timestamp, text: &str) {
        let mut began = self.began.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let since = at.duration_since(*began.get_or_insert(at)).as_secs_f64();
        let line = format!("{since:7.2}s  {text}");
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }
}

impl Observer for Timeline {
    fn on_event(&self, event: &Event) {
        match &event.kind {
            EventKind::StageStarted { stage } => self.bar.set_message(stage.to_string()),
            EventKind::StageFinished { stage, error } => {
                let (mark, why) = match error {
                    None => ("✓", String::new()),
                    Some(error) => ("✗", format!(" {error}")),
                };
                self.line(event.at, &format!("{mark} {stage:<10}{why}"));
            }
            EventKind::Agent { agent } => {
                if let Some(action) = action(agent) {
                    self.line(event.at, &format!("  · {action}"));
                }
            }
            EventKind::Note { text } => self.line(event.at, &format!("! {text}")),
            EventKind::Finished { outcome } => {
                self.line(event.at, &summary(outcome));
                self.bar.finish_and_clear();
            }
            _ => {}
        }
    }
}

/// Returns one line about an agent's action, of at most 100 characters.
fn action(event: &AgentEvent) -> Option<String> {
    let text = match event {
        AgentEvent::Said { text } | AgentEvent::Printed { text, .. } => text.trim().to_owned(),
        AgentEvent::Read { path } => format!("reads {path}"),
        AgentEvent::Edited { path } => format!("edits {path}"),
        AgentEvent::Ran { command } => format!("runs {command}"),
        AgentEvent::Retrying { reason } => format!("waits: {reason}"),
        AgentEvent::Denied { tool } => format!("was not allowed to use {tool}"),
        _ => return None,
    };
    let line = ccc_core::untrusted_text::one_line(&text, 100);
    (!line.is_empty()).then_some(line)
}

/// Returns one line about an outcome.
fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::PullRequest { pull_request } => format!("pull request: {}", pull_request.url),
        Outcome::Answered { answer } => {
            format!(
                "no change; the agent says: {}",
                ccc_core::untrusted_text::one_line(answer, 500)
            )
        }
        Outcome::Skipped { reason } => format!("skipped: {}", reason.as_str()),
        Outcome::Refused { stage, reason, paths } => {
            format!("refused at {stage}: {reason} {}", paths.join(", "))
        }
        Outcome::Failed { stage, message, .. } => format!("failed at {stage}: {message}"),
        Outcome::Cancelled { stage } => format!("cancelled at {stage}"),
        _ => outcome.name().to_owned(),
    }
}

/// An observer that writes one JSON object per event to standard output.
#[derive(Debug, Default)]
pub(crate) struct JsonLines;

impl Observer for JsonLines {
    fn on_event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            print(&line);
        }
    }
}

/// An observer that writes to the program's log.
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
            EventKind::Note { text } => tracing::warn!(%run, "{text}"),
            EventKind::Finished { outcome } => {
                tracing::info!(%run, outcome = outcome.name(), "{}", summary(outcome));
            }
            _ => {}
        }
    }
}

/// An observer that sends outcomes to one receiver.
#[derive(Debug)]
pub(crate) struct OutcomeSender(mpsc::UnboundedSender<(RunId, Outcome)>);

impl OutcomeSender {
    /// Creates the observer and its receiver.
    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<(RunId, Outcome)>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Observer for OutcomeSender {
    fn on_event(&self, event: &Event) {
        if let EventKind::Finished { outcome } = &event.kind {
            // If the receiver was dropped, the outcome is not needed.
            let _ = self.0.send((event.run, outcome.clone()));
        }
    }
}

/// Returns the observer for a command: JSON lines if `json` is set, otherwise a timeline.
pub(crate) fn progress_observer(json: bool) -> std::sync::Arc<dyn Observer> {
    if json { std::sync::Arc::new(JsonLines) } else { std::sync::Arc::new(Timeline::new()) }
}
