//! The clock of the Workers runtime.

use std::time::Duration;

use ccc_core::{Clock, async_trait};
use jiff::Timestamp;
use worker::Delay;

/// The clock and the timers of the Workers runtime.
#[derive(Debug)]
pub(crate) struct WorkerClock;

#[async_trait(?Send)]
impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        let now = i64::try_from(worker::Date::now().as_millis()).ok();
        now.and_then(|now| Timestamp::from_millisecond(now).ok()).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        // A timer of the runtime can fire up to a millisecond too early.
        Delay::from(duration + Duration::from_millis(1)).await;
    }
}
