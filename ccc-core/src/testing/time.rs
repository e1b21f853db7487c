use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::lock;
use crate::observe::{Event, EventKind};
use crate::stage::Stage;
use crate::{Clock, Observer};

/// A clock that moves only when [`advance`](Self::advance) is called.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
///
/// use ccc_core::Clock;
/// use ccc_core::testing::ManualClock;
///
/// let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
/// let hour = Duration::from_secs(3_600);
/// let sleep = clock.sleep(hour);
/// let advance = async { clock.advance(hour) };
/// tokio::join!(sleep, advance);
/// assert_eq!(clock.now().as_second(), 3_600);
/// # }
/// ```
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// Creates a clock whose current time is `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// Moves the clock forward by the duration `by`. Each pending [`sleep`](Clock::sleep) returns
    /// if the clock has reached the end of the sleep.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }

    /// Returns the number of calls to [`sleep`](Clock::sleep) that are in progress.
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
        // Never fails: `self` owns the sender.
        let _ = now.wait_for(|now| *now >= until).await;
    }
}

/// An observer that records every event.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use std::sync::Arc;
///
/// use ccc_core::testing::{FakeAgent, Fakes, RecordingObserver};
/// use ccc_core::{CancellationToken, Stage};
///
/// let (fakes, observer) = (Fakes::new(&[]), Arc::new(RecordingObserver::default()));
/// let pipeline = fakes.pipeline().agent(FakeAgent::default()).observer(Arc::clone(&observer));
/// let event = fakes.host.open_issue("What is this?", "");
/// let _report = pipeline.build()?.run(event, &CancellationToken::new()).await?;
/// assert_eq!(observer.stages().last(), Some(&Stage::Cleanup));
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct RecordingObserver {
    events: Mutex<Vec<Event>>,
}

impl RecordingObserver {
    /// Returns the events recorded so far, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// Returns the stages that have started, in the order of their [`EventKind::StageStarted`]
    /// events.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        self.stages_where(|what| match what {
            EventKind::StageStarted { stage } => Some(*stage),
            _ => None,
        })
    }

    /// Returns the stages that have ended, with or without an error, in the order of their
    /// [`EventKind::StageFinished`] events.
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
