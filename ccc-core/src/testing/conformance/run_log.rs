//! Conformance cases for run logs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::run_store::{self, LEASE, WITHIN_LEASE};
use super::{assert_fails_with, bounded};
use crate::run::Outcome;
use crate::run_log::LogEntry;
use crate::run_store::Fence;
use crate::{ErrorKind, RunId, RunLog, RunStore};

/// Generates one test for each conformance case of the run log port. The macro's argument is a
/// function that returns a future. The future creates a new
/// [fixture](crate::testing::conformance::run_log::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! run_log_conformance {
    (@run $make:expr) => {
        $crate::run_log_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            run_log,
            $make,
            [
                log_lines_are_numbered_from_zero,
                log_lines_persist_when_another_worker_claims_the_run,
                a_log_belongs_to_its_run,
                a_log_can_be_read_while_it_grows,
                only_the_worker_of_a_run_writes_its_log,
                an_unknown_run_has_no_log,
            ]
        );
    };
    ($make:expr) => {
        $crate::run_log_conformance!(@cases __conformance_tests, $make);
    };
}

/// The run log under test, and the run store whose claims it knows. The store must be empty, and no
/// other test may use the store and the log.
pub struct Fixture {
    /// The log under test.
    pub log: Arc<dyn RunLog>,
    runs: run_store::Fixture,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Fixture {
    /// Creates a fixture for `log`, which knows the claims of `store`. The store must be empty. The
    /// function `advance` moves the store's clock forward.
    pub fn new(
        store: impl RunStore,
        log: impl RunLog,
        advance: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        Self { log: Arc::new(log), runs: run_store::Fixture::new(store, advance) }
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.runs = self.runs.with_owned(thing);
        self
    }

    /// Appends the lines with these numbers.
    async fn append(&self, run: RunId, fence: Fence, numbers: std::ops::Range<u64>) {
        self.log.append(run, fence, &lines(numbers)).await.expect(WITHIN_LEASE);
    }

    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Vec<(u64, LogEntry)> {
        self.log.tail(run, from, limit).await.expect("`tail` must succeed")
    }
}

fn lines(numbers: std::ops::Range<u64>) -> Vec<LogEntry> {
    let line = |n| LogEntry { at: Timestamp::UNIX_EPOCH, text: format!("line {n} ä\t☃") };
    numbers.map(line).collect()
}

/// Returns the lines with these numbers, as `tail` must return them.
fn numbered(numbers: std::ops::Range<u64>) -> Vec<(u64, LogEntry)> {
    numbers.clone().zip(lines(numbers)).collect()
}

/// Checks that log lines are numbered from 0 in the order in which they were appended, across
/// several calls of `append`. `tail` must return at most `limit` lines, beginning with line number
/// `from`.
pub async fn log_lines_are_numbered_from_zero(fixture: &Fixture) {
    let run = fixture.runs.run_of(1).await;
    let fence = fixture.runs.claim_some().await.fence;
    assert_eq!(fixture.tail(run, 0, 10).await, [], "`tail` of a new run must return no line");
    for batch in [0..3, 3..3, 3..4, 4..20] {
        fixture.append(run, fence, batch).await;
    }
    for (from, limit, expected) in [
        (0, 100, 0..20),
        (0, 2, 0..2),
        (5, 4, 5..9),
        (18, 100, 18..20),
        (20, 100, 20..20),
        (u64::MAX, usize::MAX, 20..20),
        (0, 0, 0..0),
    ] {
        let found = fixture.tail(run, from, limit).await;
        let rule = "`tail` must return at most `limit` lines from the line number `from` on";
        assert_eq!(found, numbered(expected), "{rule}: from {from}, limit {limit}");
    }
}

/// Checks that a run's log lines persist when another worker claims the run, and when the run is
/// finished. The new worker's line numbers must continue those of the previous worker.
pub async fn log_lines_persist_when_another_worker_claims_the_run(fixture: &Fixture) {
    let run = fixture.runs.run_of(1).await;
    let first = fixture.runs.claim_some().await.fence;
    fixture.append(run, first, 0..2).await;
    fixture.runs.advance(LEASE);
    let second = fixture.runs.claim_some().await.fence;
    fixture.append(run, second, 2..3).await;
    let outcome = Outcome::Answered { answer: String::new() };
    fixture.runs.store.finish(run, second, &outcome).await.expect(WITHIN_LEASE);
    let rule = "`tail` must return the lines of both workers, numbered in order";
    assert_eq!(fixture.tail(run, 0, 10).await, numbered(0..3), "{rule}");
}

/// Checks that each run has its own log, whose lines are numbered from 0.
pub async fn a_log_belongs_to_its_run(fixture: &Fixture) {
    let (one, two) = (fixture.runs.run_of(1).await, fixture.runs.run_of(2).await);
    let (first, second) = (fixture.runs.claim_some().await, fixture.runs.claim_some().await);
    let claimed = (first.record.run, second.record.run);
    assert_eq!(claimed, (one, two), "`claim` must return the oldest waiting run");
    fixture.append(one, first.fence, 0..2).await;
    fixture.append(two, second.fence, 0..1).await;
    for (run, lines) in [(one, 2), (two, 1)] {
        let log = fixture.tail(run, 0, 10).await;
        assert_eq!(log, numbered(0..lines), "`tail` must return only the lines of the given run");
    }
}

/// Checks that a reader gets each line once while a worker appends lines, if the reader continues
/// after the last line that it has read.
pub async fn a_log_can_be_read_while_it_grows(fixture: &Fixture) {
    // spec: Q13a
    let run = fixture.runs.run_of(1).await;
    let fence = fixture.runs.claim_some().await.fence;
    let write = async {
        for number in 0..50 {
            fixture.append(run, fence, number..number + 1).await;
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        let mut found = Vec::new();
        while found.len() < 50 {
            let next = found.last().map_or(0, |(number, _): &(u64, LogEntry)| number + 1);
            found.extend(fixture.tail(run, next, 7).await);
            tokio::task::yield_now().await;
        }
        found
    };
    let ((), found) = bounded("reading a growing log", async { tokio::join!(write, read) }).await;
    assert_eq!(found, numbered(0..50), "`tail` must return each line of a growing log once");
}

/// Checks that `append` fails with [`ErrorKind::Conflict`] and changes nothing, if the fence is not
/// that of the newest claim, or if the lease or the run has ended.
pub async fn only_the_worker_of_a_run_writes_its_log(fixture: &Fixture) {
    // spec: Q1a
    let run = fixture.runs.run_of(1).await;
    let refused = async |fence: Fence, state: &str| {
        let before = fixture.tail(run, 0, 100).await;
        let appended = fixture.log.append(run, fence, &lines(90..91)).await;
        assert_fails_with(&format!("`append` {state}"), ErrorKind::Conflict, appended);
        let after = fixture.tail(run, 0, 100).await;
        assert_eq!(before, after, "a refused `append` must not change the log");
    };
    refused(Fence(1), "before the first claim").await;
    let first = fixture.runs.claim_some().await.fence;
    fixture.append(run, first, 0..1).await;
    refused(Fence(first.0 + 1), "with a fence that was never issued").await;
    fixture.runs.advance(LEASE);
    refused(first, "after the end of the lease").await;
    let second = fixture.runs.claim_some().await.fence;
    refused(first, "with the fence of an earlier claim").await;
    fixture.append(run, second, 1..2).await;
    let outcome = Outcome::Answered { answer: String::new() };
    fixture.runs.store.finish(run, second, &outcome).await.expect(WITHIN_LEASE);
    refused(second, "after the end of the run").await;
    assert_eq!(fixture.tail(run, 0, 10).await, numbered(0..2), "valid lines must stay");
}

/// Checks that `tail` of an unknown run fails with [`ErrorKind::NotFound`], and that `append` fails
/// with [`ErrorKind::NotFound`] or [`ErrorKind::Conflict`] and creates nothing.
pub async fn an_unknown_run_has_no_log(fixture: &Fixture) {
    fixture.runs.run_of(1).await;
    let unknown = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    for entries in [lines(0..0), lines(0..1)] {
        let kind = fixture.log.append(unknown, Fence(1), &entries).await.map_err(|e| e.kind());
        assert!(
            matches!(kind, Err(ErrorKind::NotFound | ErrorKind::Conflict)),
            "`append` to an unknown run must fail with NotFound or Conflict, but returned {kind:?}"
        );
        let read = fixture.log.tail(unknown, 0, 10).await;
        assert_fails_with("`tail` of an unknown run", ErrorKind::NotFound, read);
    }
}
