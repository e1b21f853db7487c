use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;

use super::lock;
use crate::delivery_log::{Attempt, LogPage, SentContent, SentRequest};
use crate::{DeliveryId, DeliveryLog, Error, ErrorKind, Result};

/// A delivery log in memory. Each part of the log has five attempts, so that a short log has several
/// parts.
///
/// # Examples
///
/// ```
/// use ccc_core::testing::FakeDeliveryLog;
///
/// let log = FakeDeliveryLog::default();
/// log.add_failed("6f8e6a70-0000-4000-8000-000000000001", 503, "2026-01-01T00:00:00Z");
/// assert!(log.redelivered().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct FakeDeliveryLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The attempts with their requests, the oldest first.
    attempts: Vec<(Attempt, SentRequest)>,
    address: Option<String>,
    redelivered: Vec<u64>,
    failure: Option<ErrorKind>,
    reads: usize,
}

/// Number of attempts in one part of the log.
const PAGE: usize = 5;

impl FakeDeliveryLog {
    /// The address of the attempts that [`add`](Self::add) adds, unless
    /// [`set_address`](Self::set_address) sets another one.
    pub const ADDRESS: &str = "https://service.example/webhook";

    /// Adds `attempt`, whose request has `content`, as the newest attempt. Replaces its handle, and
    /// returns the new one.
    pub fn add(&self, mut attempt: Attempt, content: SentContent) -> u64 {
        let mut state = lock(&self.0);
        attempt.handle = state.attempts.len() as u64 + 1;
        let handle = attempt.handle;
        let address = state.address.clone().unwrap_or_else(|| Self::ADDRESS.to_owned());
        state.attempts.push((attempt, SentRequest { address, content }));
        handle
    }

    /// Adds an attempt to send the delivery `id` at the time `at`, with the response `status`.
    /// `status` 0 means that there was no response. Returns the handle of the attempt.
    ///
    /// # Panics
    /// If `id` is not the id of a delivery, or `at` is not a time.
    #[track_caller]
    #[allow(clippy::expect_used, reason = "the values are written in a test")]
    pub fn add_failed(&self, id: &str, status: u16, at: &str) -> u64 {
        let id = DeliveryId::new(id).expect("the id must be valid");
        let at: Timestamp = at.parse().expect("the time must be valid");
        let status = (status != 0).then_some(status);
        self.add(Attempt::new(0, id, at).with_status(status), SentContent::Ignored)
    }

    /// Sets the address that the host sends deliveries to.
    pub fn set_address(&self, address: &str) {
        lock(&self.0).address = Some(address.to_owned());
    }

    /// Makes every call fail with an error of `kind`, until the method is called with `None`.
    pub fn set_failure(&self, kind: Option<ErrorKind>) {
        lock(&self.0).failure = kind;
    }

    /// Returns the handles of the attempts that the host was asked to send again, in this order.
    #[must_use]
    pub fn redelivered(&self) -> Vec<u64> {
        lock(&self.0).redelivered.clone()
    }

    /// Returns the number of parts of the log that were read.
    #[must_use]
    pub fn reads(&self) -> usize {
        lock(&self.0).reads
    }

    fn find<T>(&self, handle: u64, found: impl FnOnce(&mut State, usize) -> T) -> Result<T> {
        let mut state = lock(&self.0);
        state.check()?;
        match state.attempts.iter().position(|(attempt, _)| attempt.handle == handle) {
            Some(index) => Ok(found(&mut state, index)),
            None => Err(Error::new(ErrorKind::NotFound, "the log has no such attempt")),
        }
    }
}

impl State {
    fn check(&self) -> Result<()> {
        self.failure
            .map_or(Ok(()), |kind| Err(Error::new(kind, "the log fails as it was asked to")))
    }
}

#[async_trait]
impl DeliveryLog for FakeDeliveryLog {
    async fn page(&self, position: Option<String>) -> Result<LogPage> {
        let mut state = lock(&self.0);
        state.check()?;
        state.reads += 1;
        let from = match position {
            None => 0,
            Some(position) => position
                .parse::<usize>()
                .map_err(|_| Error::new(ErrorKind::InvalidInput, "the position is not valid"))?,
        };
        let all = state.attempts.iter().rev().map(|(attempt, _)| attempt.clone());
        let attempts: Vec<_> = all.skip(from).take(PAGE).collect();
        let rest = state.attempts.len() > from + attempts.len();
        Ok(LogPage { attempts, next: rest.then(|| (from + PAGE).to_string()) })
    }

    async fn request(&self, handle: u64) -> Result<SentRequest> {
        self.find(handle, |state, index| state.attempts[index].1.clone())
    }

    async fn redeliver(&self, handle: u64) -> Result<()> {
        self.find(handle, |state, _| state.redelivered.push(handle))
    }

    async fn address(&self) -> Result<Option<String>> {
        let state = lock(&self.0);
        state.check()?;
        Ok(Some(state.address.clone().unwrap_or_else(|| Self::ADDRESS.to_owned())))
    }
}
