//! The reconciler: it finds deliveries that did not reach the service, and gets them again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::delivery_log::SentContent;
use crate::{Clock, DeliveryId, DeliveryLog, Error, ErrorKind, Intake, Result, RunStore};

mod history;
mod problem;

use history::{History, Missed};
pub use problem::DeliveryProblem;

/// The part of the log that is read: GitHub sends a delivery again only within three days (GitHub
/// docs, "Redelivering webhooks").
const PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Maximum number of parts of the log that are read at a time. GitHub's parts have 100 attempts.
const MAX_PAGES: usize = 100;

/// The time after which a call of [`Reconciler::reconcile`] begins no further request.
const TIME_LIMIT: Duration = Duration::from_secs(4 * 60);

/// Time between two requests for a delivery (spec: W8a).
const BETWEEN_REQUESTS: Duration = Duration::from_secs(1);

/// Maximum number of times that a delivery is requested again. The wait after each attempt doubles,
/// from five minutes on. Ten requests therefore span 43 hours. A delivery that fails each time does
/// not succeed later, and is not requested forever.
pub const MAX_REDELIVERIES: u32 = 10;

/// The wait after the first redelivery of a delivery.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// The way in which a [`Reconciler`] gets a delivery that did not reach the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedDeliveries {
    /// The host is asked to send the delivery again.
    #[default]
    Redeliver,
    /// The delivery is read from the log. Use this if the host cannot reach the service.
    ReadFromLog,
}

/// The result of one call of [`Reconciler::reconcile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// The number of attempts in the part of the log that was read.
    pub attempts: usize,
    /// The number of deliveries that the host was asked to send again.
    pub requested: usize,
    /// The number of deliveries that were read from the log and passed to the intake.
    pub read: usize,
    /// The number of deliveries that were requested [`MAX_REDELIVERIES`] times and still fail.
    pub given_up: usize,
    /// Whether a limit ended the call before all missed deliveries were handled.
    pub incomplete: bool,
}

/// A reconciler: it reads the host's log of the last three days, and gets the deliveries again that
/// did not reach the service.
///
/// A delivery is missed if its event can start a run, each of its attempts failed, and the run store
/// does not know its id. An attempt with the status 2xx has not failed. The same applies to a status
/// by which the service refuses a delivery for ever, such as 400 and 415: the service would refuse
/// the delivery again.
///
/// A delivery keeps its id when it is sent again, and the run store knows the ids of stored
/// deliveries. A delivery that arrives twice therefore starts one run. The number of requests is
/// counted in the log too, so that a restart does not begin to count anew.
///
/// # Examples
///
/// ```
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use std::sync::Arc;
///
/// use ccc_core::reconciler::Reconciler;
/// use ccc_core::testing::{FakeDeliveryLog, ManualClock, MockIntake, MockRunStore};
///
/// let clock = Arc::new(ManualClock::new("2026-01-01T12:00:00Z".parse().unwrap()));
/// let log = Arc::new(FakeDeliveryLog::default());
/// log.add_failed("6f8e6a70-0000-4000-8000-000000000001", 503, "2026-01-01T11:00:00Z");
/// let mut store = MockRunStore::new();
/// store.expect_find_delivery().returning(|_| Ok(None));
/// let intake = Arc::new(MockIntake::new());
/// let reconciler = Reconciler::new(log.clone(), Arc::new(store), intake, clock);
/// assert_eq!(reconciler.reconcile().await?.requested, 1);
/// assert_eq!(log.redelivered(), [1]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Reconciler {
    log: Arc<dyn DeliveryLog>,
    store: Arc<dyn RunStore>,
    intake: Arc<dyn Intake>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    way: MissedDeliveries,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The requests of this process for each delivery: their number, and the time of the last one.
    requests: HashMap<DeliveryId, (u32, Timestamp)>,
    /// The deliveries that need no further request although their attempts failed.
    handled: HashSet<DeliveryId>,
    problem: Option<DeliveryProblem>,
}

impl Reconciler {
    /// Creates a reconciler for the deliveries in `log`. `store` is the run store of `intake`.
    pub fn new(
        log: Arc<dyn DeliveryLog>,
        store: Arc<dyn RunStore>,
        intake: Arc<dyn Intake>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (started, way, state) = (clock.now(), MissedDeliveries::default(), Mutex::default());
        Self { log, store, intake, clock, started, way, state }
    }

    /// Sets the way in which missed deliveries are obtained.
    #[must_use]
    pub fn with_missed_deliveries(mut self, way: MissedDeliveries) -> Self {
        self.way = way;
        self
    }

    /// Returns the problem that the last call of [`reconcile`](Self::reconcile) found; `None` if
    /// deliveries reach the service, or if no delivery was sent since the reconciler was created.
    #[must_use]
    pub fn problem(&self) -> Option<DeliveryProblem> {
        self.state().problem.clone()
    }

    /// Reads the log once, and gets the missed deliveries again, the oldest first, at most one in a
    /// second. After four minutes, no further request begins. Call this method when the service
    /// starts, and then every few minutes. The future can be dropped.
    ///
    /// # Errors
    /// The errors of the log and of the run store. After
    /// [`RateLimited`](crate::ErrorKind::RateLimited), call the method again when the time in
    /// [`retry_after`](crate::Error::retry_after) has passed. An error of the intake, with which it
    /// refuses a delivery for the moment; the other deliveries are handled nevertheless.
    pub async fn reconcile(&self) -> Result<Reconciled> {
        let result = self.read_and_handle().await;
        if let Err(error) = &result
            && let Some(problem) = DeliveryProblem::of_error(error)
        {
            self.state().problem = Some(problem);
        }
        result
    }

    async fn read_and_handle(&self) -> Result<Reconciled> {
        let now = self.clock.now();
        let end = now.checked_add(TIME_LIMIT).unwrap_or(Timestamp::MAX);
        let mut done = Reconciled::default();
        let history = self.read(now, end, &mut done).await?;
        let problem = match self.way {
            MissedDeliveries::Redeliver => {
                problem::find(&*self.log, &history, self.started).await?
            }
            // The attempts of a host that cannot reach the service always fail.
            MissedDeliveries::ReadFromLog => None,
        };
        let mut missed = history.missed();
        if problem == Some(DeliveryProblem::SecretChanged) {
            // The host signs each delivery with the wrong secret. One delivery shows when it is
            // right again.
            missed.drain(..missed.len().saturating_sub(1));
        }
        {
            let mut state = self.state();
            state.problem = problem;
            state.requests.retain(|delivery, _| history.contains(delivery));
            state.handled.retain(|delivery| history.contains(delivery));
        }
        let (mut requested_before, mut refused) = (false, None);
        for delivery in missed {
            if !self.needs_request(&delivery, now, &mut done).await? {
                continue;
            }
            if self.clock.now() >= end {
                done.incomplete = true;
                break;
            }
            if std::mem::replace(&mut requested_before, true) {
                self.clock.sleep(BETWEEN_REQUESTS).await;
            }
            match self.way {
                MissedDeliveries::Redeliver => self.request(&delivery, &mut done).await?,
                MissedDeliveries::ReadFromLog => {
                    let error = self.take_from_log(&delivery, &mut done).await?;
                    refused = refused.or(error);
                }
            }
        }
        refused.map_or(Ok(done), Err)
    }

    /// Reads the part of the log after `now` minus three days.
    async fn read(&self, now: Timestamp, end: Timestamp, done: &mut Reconciled) -> Result<History> {
        let since = now.checked_sub(PERIOD).unwrap_or(Timestamp::MIN);
        let (mut history, mut position) = (History::default(), None);
        for _ in 0..MAX_PAGES {
            let page = self.log.page(position.take()).await?;
            let is_last = page.attempts.iter().any(|attempt| attempt.delivered_at < since);
            let recent = page.attempts.into_iter().filter(|one| one.delivered_at >= since);
            done.attempts += history.add(recent);
            match page.next {
                Some(next) if !is_last => position = Some(next),
                _ => return Ok(history),
            }
            if self.clock.now() >= end {
                break;
            }
        }
        done.incomplete = true;
        Ok(history)
    }

    /// Returns whether `delivery` must be requested now.
    async fn needs_request(
        &self,
        delivery: &Missed,
        now: Timestamp,
        done: &mut Reconciled,
    ) -> Result<bool> {
        {
            let state = self.state();
            if state.handled.contains(&delivery.id) {
                return Ok(false);
            }
            if self.way == MissedDeliveries::Redeliver {
                let (count, last) = state.requests.get(&delivery.id).copied().unwrap_or_default();
                let count = count.max(delivery.redeliveries);
                if count >= MAX_REDELIVERIES {
                    done.given_up += 1;
                    return Ok(false);
                }
                let last = last.max(delivery.last_attempt);
                if count > 0 && now < last.checked_add(wait(count)).unwrap_or(Timestamp::MAX) {
                    return Ok(false);
                }
            }
        }
        Ok(self.store.find_delivery(&delivery.id).await?.is_none())
    }

    async fn request(&self, delivery: &Missed, done: &mut Reconciled) -> Result<()> {
        // An error with another kind is about this delivery alone, and must not delay the others.
        let is_of_log = |error: &Error| {
            error.is_retryable()
                || matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::PermissionDenied)
        };
        match self.log.redeliver(delivery.handle).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.state().handled.insert(delivery.id.clone());
            }
            Err(error) if is_of_log(&error) => return Err(error),
            requested => {
                done.requested += usize::from(requested.is_ok());
                let now = self.clock.now();
                let mut state = self.state();
                let entry = state.requests.entry(delivery.id.clone()).or_default();
                *entry = (entry.0.max(delivery.redeliveries) + 1, now);
            }
        }
        Ok(())
    }

    /// Reads `delivery` from the log and passes it to the intake. Returns the error with which the intake
    /// refuses it for the moment.
    async fn take_from_log(
        &self,
        delivery: &Missed,
        done: &mut Reconciled,
    ) -> Result<Option<Error>> {
        let is_final =
            |error: &Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::LimitExceeded);
        match self.log.request(delivery.handle).await {
            // The entry is no longer in the log, or is larger than a response may be.
            Err(error) if is_final(&error) => {}
            sent => {
                if let SentContent::Event { delivery, event } = sent?.content {
                    match self.intake.admit(&delivery, &event).await {
                        Err(error) if error.kind() == ErrorKind::Conflict => {}
                        Err(error) => return Ok(Some(error)),
                        Ok(_) => done.read += 1,
                    }
                }
            }
        }
        self.state().handled.insert(delivery.id.clone());
        Ok(None)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the wait after the redelivery number `count`, which is at least 1.
fn wait(count: u32) -> SignedDuration {
    FIRST_WAIT.saturating_mul(1 << count.saturating_sub(1).min(MAX_REDELIVERIES))
}

#[cfg(test)]
mod tests;
