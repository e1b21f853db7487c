//! The observers of commands: a timeline on the terminal, and JSON lines.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use ccc_core::Observer;
use ccc_core::observe::{Event, EventKind};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::observers::event_text::{action, summary};
use crate::output::{for_terminal, json_for_terminal, print_event};

/// An observer that writes a timeline to standard error: the stages, and the agent's actions.
#[derive(Debug)]
pub(crate) struct Timeline {
    bar: ProgressBar,
    began: Mutex<Option<Timestamp>>,
}

impl Timeline {
    /// Creates a timeline. If standard error is a terminal, the timeline has a spinner.
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
        let line = for_terminal(&format!("{since:7.2}s  {text}"));
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

/// An observer that writes one JSON object per event to standard output.
#[derive(Debug, Default)]
pub(crate) struct JsonLines;

impl Observer for JsonLines {
    fn on_event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            print_event(&json_for_terminal(&line));
        }
    }
}

/// Returns the observer for a command: JSON lines if `json` is true, otherwise a timeline.
pub(crate) fn progress_observer(json: bool) -> std::sync::Arc<dyn Observer> {
    if json { std::sync::Arc::new(JsonLines) } else { std::sync::Arc::new(Timeline::new()) }
}
