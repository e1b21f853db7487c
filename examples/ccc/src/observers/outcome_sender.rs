//! The observer that sends the outcomes of runs to the demo.

use ccc_core::observe::{Event, EventKind};
use ccc_core::{Observer, Outcome, RunId};
use tokio::sync::mpsc;

/// An observer that sends the outcome of each run to one receiver.
#[derive(Debug)]
pub(crate) struct OutcomeSender(mpsc::UnboundedSender<(RunId, Outcome)>);

impl OutcomeSender {
    /// Creates an observer, and the receiver to which the observer sends outcomes.
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
