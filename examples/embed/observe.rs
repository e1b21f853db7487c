//! A program with an observer that measures the duration of each stage.
//!
//! ```sh
//! cargo run -p ccc-embed --bin observe
//! ```
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ccc_core::observe::{Event, EventKind};
use ccc_core::testing::{FakeAgent, Fakes};
use ccc_core::{CancellationToken, Observer, Result, RunId, Stage};

/// The start time of each stage that is in progress.
#[derive(Debug, Default)]
struct Stopwatch(Mutex<BTreeMap<(RunId, Stage), jiff::Timestamp>>);

impl Observer for Stopwatch {
    /// Prints the duration of each stage and the outcome of the run. Returns quickly, because the
    /// run waits for this method.
    fn on_event(&self, event: &Event) {
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            EventKind::StageStarted { stage } => {
                started.insert((event.run, *stage), event.at);
            }
            EventKind::StageFinished { stage, error } => {
                let Some(start) = started.remove(&(event.run, *stage)) else { return };
                let seconds = event.at.duration_since(start).as_secs_f64();
                println!("{stage:<10} {seconds:.3} s {}", error.as_deref().unwrap_or_default());
            }
            EventKind::Finished { outcome } => println!("{}", outcome.name()),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let fakes = Fakes::new(&[("README.md", "hello\n")]);
    let agent = FakeAgent::default().writes("README.md", "Hello.\n");
    let pipeline = fakes.pipeline().agent(agent).observer(Stopwatch::default()).build()?;
    let event = fakes.host.open_issue("Greet politely", "");
    let report = pipeline.run(event, &CancellationToken::new()).await?;
    report.cleanup
}

#[cfg(test)]
mod tests {
    ccc_core::observer_conformance!(async || {
        ccc_core::testing::conformance::observer::Fixture::new(super::Stopwatch::default())
    });
}
