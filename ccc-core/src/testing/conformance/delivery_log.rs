//! Conformance cases for delivery logs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{KeepAlive, assert_fails_with, bounded, pause};
use crate::delivery_log::{Attempt, SentContent};
use crate::{DeliveryLog, ErrorKind};

/// The number of parts of the log that a case reads at most.
const MAX_PAGES: usize = 1_000;

/// The delivery log under test.
#[derive(Debug)]
pub struct Fixture {
    /// The delivery log under test. Its newest attempt is a failed one to send an event that can
    /// start a run. It also has at least one older attempt.
    pub log: Arc<dyn DeliveryLog>,
    owned: KeepAlive,
}

impl Fixture {
    /// Creates a fixture for `log`, which must have the attempts that [`log`](Self::log) describes.
    pub fn new(log: impl DeliveryLog) -> Self {
        Self { log: Arc::new(log), owned: KeepAlive::default() }
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    /// Returns all attempts of the log, in the order of the log.
    async fn all(&self) -> Vec<Attempt> {
        let (mut all, mut position) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = bounded("`page`", self.log.page(position.take())).await;
            let page = page.expect("`page` must succeed");
            all.extend(page.attempts);
            match page.next {
                Some(next) => position = Some(next),
                None => return all,
            }
        }
        panic!("`page` must reach the end of the log");
    }

    async fn newest(&self) -> Attempt {
        let newest = self.all().await.into_iter().next();
        newest.expect("the log must have attempts")
    }
}

/// Generates one test for each conformance case of the delivery log port. The macro's argument is a
/// function that returns a future of a new
/// [fixture](crate::testing::conformance::delivery_log::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! delivery_log_conformance {
    (@run $make:expr) => {
        $crate::delivery_log_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            delivery_log,
            $make,
            [
                the_parts_of_the_log_have_each_attempt_once_and_the_newest_first,
                the_request_of_an_attempt_is_that_of_its_delivery,
                a_redelivery_is_accepted_and_keeps_the_log,
                an_unknown_attempt_is_not_found,
                the_address_has_no_credential,
            ]
        );
    };
    ($make:expr) => {
        $crate::delivery_log_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that the parts of the log together have each attempt once, the newest first.
pub async fn the_parts_of_the_log_have_each_attempt_once_and_the_newest_first(fixture: &Fixture) {
    let all = fixture.all().await;
    assert!(all.len() > 1, "the log must have at least two attempts: {all:?}");
    let sorted = all.is_sorted_by(|newer, older| newer.delivered_at >= older.delivered_at);
    assert!(sorted, "`page` must return the newest attempts first: {all:?}");
    let handles: BTreeSet<u64> = all.iter().map(|attempt| attempt.handle).collect();
    assert_eq!(handles.len(), all.len(), "`page` must return each attempt once: {all:?}");
    let newest = &all[0];
    assert!(newest.relevant, "`page` must report that the newest event can start a run");
    let failed = newest.status.is_none_or(|status| !(200..300).contains(&status));
    assert!(failed, "`page` must report that the newest attempt failed: {newest:?}");
}

/// Checks that `request` returns the event of the newest attempt, with the id of its delivery.
pub async fn the_request_of_an_attempt_is_that_of_its_delivery(fixture: &Fixture) {
    let newest = fixture.newest().await;
    let request = bounded("`request`", fixture.log.request(newest.handle)).await;
    let request = request.expect("`request` must succeed for an attempt of the log");
    match request.content {
        SentContent::Event { delivery, .. } => assert_eq!(
            delivery.id, newest.delivery,
            "`request` must return the id of the delivery of the attempt"
        ),
        other => panic!("`request` must return the event of the attempt, but returned {other:?}"),
    }
}

/// Checks that `redeliver` succeeds, also if it is called twice, and that the log keeps its attempts.
pub async fn a_redelivery_is_accepted_and_keeps_the_log(fixture: &Fixture) {
    let before = fixture.all().await;
    for _ in 0..2 {
        let done = bounded("`redeliver`", fixture.log.redeliver(before[0].handle)).await;
        done.expect("`redeliver` must succeed for an attempt of the log");
    }
    pause().await;
    let after = fixture.all().await;
    let kept = before.iter().all(|attempt| after.contains(attempt));
    assert!(kept, "`redeliver` must keep the attempts of the log: {before:?}, then {after:?}");
}

/// Checks that `request` and `redeliver` fail with [`ErrorKind::NotFound`] for an attempt that the log
/// does not have.
pub async fn an_unknown_attempt_is_not_found(fixture: &Fixture) {
    let unknown = fixture.newest().await.handle + 1_000_003;
    let request = fixture.log.request(unknown).await;
    assert_fails_with("`request` of an unknown attempt", ErrorKind::NotFound, request);
    let again = fixture.log.redeliver(unknown).await;
    assert_fails_with("`redeliver` of an unknown attempt", ErrorKind::NotFound, again);
}

/// Checks that the addresses have no user name, no password and no query.
pub async fn the_address_has_no_credential(fixture: &Fixture) {
    let address = bounded("`address`", fixture.log.address()).await;
    let address = address.expect("`address` must succeed");
    let newest = fixture.newest().await;
    let request = fixture.log.request(newest.handle).await.expect("`request` must succeed");
    for address in address.into_iter().chain([request.address]) {
        let plain = !address.contains(['@', '?']);
        assert!(plain, "an address must have no user name and no query: {address}");
    }
}
