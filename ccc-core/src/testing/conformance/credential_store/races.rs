//! Conformance cases for credential stores: concurrent writes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, name};
use crate::credential::{Precondition, Version};
use crate::testing::conformance::bounded;
use crate::{ErrorKind, Secret};

/// Checks that concurrent unconditional writes to one key get distinct versions. Afterwards, the
/// record must have the newest of these versions, and the complete value that was written with this
/// version.
pub async fn concurrent_puts_leave_one_whole_value_and_give_distinct_versions(fixture: &Fixture) {
    let mut writers = JoinSet::new();
    for writer in 0..32_u8 {
        let store = Arc::clone(&fixture.store);
        writers.spawn(async move {
            let value = vec![writer; 4 << 10];
            let secret = Secret::new(value.clone());
            let put = store.put(&name("key"), &secret, Precondition::None).await;
            (put.expect("an unconditional `put` must succeed"), value)
        });
    }
    let written = bounded("concurrent calls of `put`", writers.join_all()).await;
    let versions: BTreeSet<Version> = written.iter().map(|(version, _)| *version).collect();
    assert_eq!(
        versions.len(),
        written.len(),
        "each concurrent `put` must return a different version"
    );
    let (value, version) = fixture.get("key").await.expect("`get` must find the record");
    let (_, expected) = written.iter().max_by_key(|(version, _)| *version).unwrap();
    assert_eq!(Some(&version), versions.last(), "`get` must return the newest version");
    assert!(value == *expected, "`get` must return the value of the newest version, unchanged");
}

/// Calls `put` for one key 32 times concurrently, with `precondition`. Returns the version and the
/// value of each `put` that succeeded.
async fn race(fixture: &Fixture, precondition: Precondition) -> Vec<(Version, Vec<u8>)> {
    let mut writers = JoinSet::new();
    for writer in 0..32_u8 {
        let store = Arc::clone(&fixture.store);
        writers.spawn(async move {
            let value = vec![writer; 1 << 10];
            let put = store.put(&name("key"), &Secret::new(value.clone()), precondition).await;
            put.map(|version| (version, value))
        });
    }
    let results = bounded("concurrent calls of `put`", writers.join_all()).await;
    let mut won = Vec::new();
    for result in results {
        match result {
            Ok(written) => won.push(written),
            Err(error) => assert_eq!(
                error.kind(),
                ErrorKind::Conflict,
                "a refused `put` must fail with the error kind Conflict, but the error is: {error}"
            ),
        }
    }
    won
}

/// Checks that exactly one of several concurrent writes with the same [`Precondition::Version`]
/// succeeds, and that the failed writes change nothing.
pub async fn of_concurrent_writes_with_one_precondition_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let before = fixture.put("key", b"before").await;
        let won = race(fixture, Precondition::Version(before)).await;
        assert_eq!(
            won.len(),
            1,
            "exactly one of the concurrent `put` calls with the precondition {before:?} must \
             succeed"
        );
        let (version, value) = &won[0];
        let unchanged = fixture.get("key").await == Some((value.clone(), *version));
        assert!(unchanged, "a refused `put` must not change the record");
    }
}

/// Checks that exactly one of several concurrent writes with [`Precondition::Absent`] succeeds, and
/// that the failed writes change nothing.
pub async fn of_concurrent_first_writes_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let won = race(fixture, Precondition::Absent).await;
        assert_eq!(
            won.len(),
            1,
            "exactly one of the concurrent `put` calls with `Absent` must succeed"
        );
        let (version, value) = &won[0];
        let unchanged = fixture.get("key").await == Some((value.clone(), *version));
        assert!(unchanged, "a refused `put` must not change the record");
        fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    }
}
