use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::lock;
use crate::observe::{Event, EventKind};
use crate::stage::Stage;
use crate::{Clock, Observer};

/// A clock that moves when it is told to, and never by itself.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// Moves it; whoever sleeps until then wakes up.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }

    /// How many are asleep.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.now.receiver_count()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut now = self.now.subscribe();
        let until = *now.borrow() + duration;
        // The sender is alive as long as we are.
        let _ = now.wait_for(|now| *now >= until).await;
    }
}

/// Keeps every event.
#[derive(Debug, Default)]
pub struct RecordingObserver {
    events: Mutex<Vec<Event>>,
}

impl RecordingObserver {
    /// All that happened so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// The stages that were started, in order.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        self.stages_where(|what| match what {
            EventKind::StageStarted { stage } => Some(*stage),
            _ => None,
        })
    }

    /// The stages that ended, well or not, in order.
    #[must_use]
    pub fn finished_stages(&self) -> Vec<Stage> {
        self.stages_where(|what| match what {
            EventKind::StageFinished { stage, .. } => Some(*stage),
            _ => None,
        })
    }

    fn stages_where(&self, stage: impl Fn(&EventKind) -> Option<Stage>) -> Vec<Stage> {
        lock(&self.events).iter().filter_map(|event| stage(&event.kind)).collect()
    }
}

impl Observer for RecordingObserver {
    fn on_event(&self, event: &Event) {
        lock(&self.events).push(event.clone());
    }
}
