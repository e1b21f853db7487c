//! The observer port: the interface that receives the redacted events of runs.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::AgentEvent;
use crate::run::Outcome;
use crate::{RunId, Stage};

mod redactor;

pub use redactor::{Redactor, SecretSearch};

/// An event of a run, as an observer receives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The run in which the event occurred.
    pub run: RunId,
    /// The time at which the event occurred.
    pub at: Timestamp,
    /// The kind of the event, with its data.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kind of an event, with its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// A stage began.
    StageStarted {
        /// The stage that began.
        stage: Stage,
    },
    /// A stage ended.
    StageFinished {
        /// The stage that ended.
        stage: Stage,
        /// The error that ended the stage, in one line; `None` if the stage ended without an error.
        error: Option<String>,
    },
    /// The agent performed an action.
    Agent {
        /// The agent's action.
        agent: AgentEvent,
    },
    /// A fact that the operator should know. A note does not end the run.
    Note {
        /// The text, in one line.
        text: String,
    },
    /// The run ended.
    Finished {
        /// The outcome of the run.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// A receiver of all events of all runs. An observer cannot change a run, and its methods return no
/// error.
///
/// # Contract
/// Implementations are safe to share and to call from many tasks at once. The run waits while
/// `on_event` is executed, so `on_event` must return immediately and must not block. The pipeline
/// catches a panic of `on_event` and continues the run.
///
/// # Call order
/// Events of one run arrive in order. Events of different runs can be mixed. The texts of the
/// events contain `[REDACTED]` in place of each secret.
///
/// # Examples
///
/// An observer that sends the outcome of each run to a channel.
///
/// ```
/// use ccc_core::Observer;
/// use ccc_core::observe::{Event, EventKind};
/// use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
///
/// #[derive(Debug)]
/// struct Outcomes(UnboundedSender<String>);
///
/// impl Observer for Outcomes {
///     fn on_event(&self, event: &Event) {
///         if let EventKind::Finished { outcome } = &event.kind {
///             // The channel is not bounded, so this does not block.
///             let _ = self.0.send(format!("{} {}", event.run, outcome.name()));
///         }
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// use ccc_core::testing::conformance::observer::Fixture;
///
/// ccc_core::observer_conformance!(@run async || Fixture::new(Outcomes(unbounded_channel().0))).await;
/// # }
/// ```
pub trait Observer: Debug + Send + Sync + 'static {
    /// Receives the next event of any run.
    fn on_event(&self, event: &Event);
}

#[deny(clippy::missing_trait_methods)]
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn on_event(&self, event: &Event) {
        (**self).on_event(event);
    }
}

/// An observer that ignores every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on_event(&self, _: &Event) {}
}

/// An observer that passes every event to each observer of a list, in the order of the list.
#[derive(Clone, Debug, Default)]
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn on_event(&self, event: &Event) {
        for observer in &self.0 {
            observer.on_event(event);
        }
    }
}
