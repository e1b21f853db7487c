//! Conformance cases for observers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::bounded;
use super::container_runner::new_run;
use crate::agent::AgentEvent;
use crate::observe::{Event, EventKind, Observer};
use crate::run::SkipReason;
use crate::{ErrorKind, Outcome, RunId, Stage};

/// The observer under test, which has received no event yet, and a function that returns the events
/// that the observer has recorded.
pub struct Fixture {
    /// The observer under test.
    pub observer: Arc<dyn Observer>,
    /// A function that returns the recorded events; `None` if the observer does not record events.
    pub recorded_events: Option<Box<dyn Fn() -> Vec<Event> + Send + Sync>>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("observer", &self.observer).finish_non_exhaustive()
    }
}

impl Fixture {
    /// Creates a fixture for an observer that does not record events.
    pub fn new(observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), recorded_events: None }
    }

    /// Creates a fixture for an observer that records events. The function `recorded_events`
    /// returns these events.
    pub fn with_recorded_events(
        observer: impl Observer,
        recorded_events: impl Fn() -> Vec<Event> + Send + Sync + 'static,
    ) -> Self {
        Self { observer: Arc::new(observer), recorded_events: Some(Box::new(recorded_events)) }
    }
}

/// Generates one test for each conformance case of the observer port. The macro's argument is a
/// function that returns a future of a new
/// [fixture](crate::testing::conformance::observer::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! observer_conformance {
    (@run $make:expr) => {
        $crate::observer_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            observer,
            $make,
            [
                every_kind_of_event_is_accepted,
                any_text_is_accepted,
                events_of_one_run_stay_in_order,
                a_burst_of_events_does_not_block,
            ]
        );
    };
    ($make:expr) => {
        $crate::observer_conformance!(@cases __conformance_tests, $make);
    };
}

fn event(run: RunId, kind: EventKind) -> Event {
    Event { run, at: Timestamp::UNIX_EPOCH, kind }
}

fn note(run: RunId, text: impl Into<String>) -> Event {
    event(run, EventKind::Note { text: text.into() })
}

/// Sends `events` to the observer. If the observer records events, checks that it has recorded
/// exactly `events`.
fn check(fixture: &Fixture, events: &[Event]) {
    for event in events {
        fixture.observer.on_event(event);
    }
    if let Some(recorded_events) = &fixture.recorded_events {
        assert_eq!(
            recorded_events(),
            events,
            "`on_event` must record every event, unchanged and in order"
        );
    }
}

/// Checks that `on_event` does not panic for any [`EventKind`]. An observer that records events
/// must record the events of every kind.
pub async fn every_kind_of_event_is_accepted(fixture: &Fixture) {
    let text = || "text".to_owned();
    let agent = [
        AgentEvent::Printed { error_stream: true, text: text() },
        AgentEvent::Said { text: text() },
        AgentEvent::Thought { text: text() },
        AgentEvent::Read { path: text() },
        AgentEvent::Edited { path: text() },
        AgentEvent::Ran { command: text() },
        AgentEvent::Planned { steps: vec![(text(), true), (text(), false)] },
        AgentEvent::Retrying { reason: text() },
        AgentEvent::Denied { tool: text() },
    ];
    let outcomes = [
        Outcome::Answered { answer: text() },
        Outcome::Skipped { reason: SkipReason::Bot },
        Outcome::Refused { stage: Stage::Collect, reason: text(), paths: vec![text()] },
        Outcome::Failed { stage: Stage::Work, kind: ErrorKind::TimedOut, message: text() },
        Outcome::Cancelled { stage: Stage::Work },
    ];
    let stages = Stage::ALL.into_iter().flat_map(|stage| {
        [
            EventKind::StageStarted { stage },
            EventKind::StageFinished { stage, error: None },
            EventKind::StageFinished { stage, error: Some(text()) },
        ]
    });
    let run = new_run();
    let events: Vec<Event> = stages
        .chain(agent.map(|agent| EventKind::Agent { agent }))
        .chain([EventKind::Note { text: text() }])
        .chain(outcomes.map(|outcome| EventKind::Finished { outcome }))
        .map(|what| event(run, what))
        .collect();
    check(fixture, &events);
}

/// Checks that `on_event` accepts any text, such as control characters, an empty text and a text of
/// 1 MiB. The texts of events come from programs that can be hostile.
pub async fn any_text_is_accepted(fixture: &Fixture) {
    let run = new_run();
    let long = "x".repeat(1 << 20);
    let texts =
        ["", "\0", "\u{1b}[2J\u{7}", "a\r\nb", "{\"a\": \"", "%s {} {0}", "ä☃\u{202e}", &long];
    let events: Vec<Event> = texts.map(|text| note(run, text)).into();
    check(fixture, &events);
}

/// Checks concurrent calls of `on_event`: several runs emit events on several threads. An observer
/// that records events must record all events of each run in order.
pub async fn events_of_one_run_stay_in_order(fixture: &Fixture) {
    let runs: Vec<RunId> = (0..8).map(|_| new_run()).collect();
    let mut threads = JoinSet::new();
    for run in runs.clone() {
        let observer = Arc::clone(&fixture.observer);
        threads.spawn(async move {
            for number in 0..50 {
                observer.on_event(&note(run, number.to_string()));
                tokio::task::yield_now().await;
            }
        });
    }
    bounded("concurrent calls of `on_event`", threads.join_all()).await;
    let Some(recorded_events) = &fixture.recorded_events else { return };
    for run in runs {
        let recorded: Vec<Event> =
            recorded_events().into_iter().filter(|event| event.run == run).collect();
        let expected: Vec<Event> = (0..50).map(|number| note(run, number.to_string())).collect();
        assert_eq!(recorded, expected, "`on_event` must record all events of a run in order");
    }
}

/// Checks that 10,000 calls of `on_event` return within 20 seconds. A slow observer would delay the
/// run, because the run waits for each call.
pub async fn a_burst_of_events_does_not_block(fixture: &Fixture) {
    let (observer, run) = (Arc::clone(&fixture.observer), new_run());
    let flood = tokio::task::spawn_blocking(move || {
        for number in 0..10_000 {
            observer.on_event(&note(run, format!("event {number}")));
        }
    });
    bounded("10,000 calls of `on_event`", flood).await.expect("`on_event` must not panic");
}
