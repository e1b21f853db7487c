//! Cases: concurrent writes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract must panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, name};
use crate::credential::{Precondition, Version};
use crate::testing::conformance::bounded;
use crate::{ErrorKind, Secret};

/// Checks that of concurrent unconditional writes one whole value wins. Each write must get its own
/// version, and the record must be that of the newest version.
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
    let written = bounded("concurrent puts", writers.join_all()).await;
    let versions: BTreeSet<Version> = written.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions.len(), written.len(), "each write must have its own version");
    let (value, version) = fixture.get("key").await.expect("`get` must find the record");
    let (_, expected) = written.iter().max_by_key(|(version, _)| *version).unwrap();
    assert_eq!(Some(&version), versions.last(), "the record must have the newest version");
    assert!(value == *expected, "the record must hold the value that was written with its version");
}

/// Runs 32 concurrent writes with the precondition. Returns the versions and the values of those
/// that succeeded.
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
    let results = bounded("concurrent puts", writers.join_all()).await;
    let mut won = Vec::new();
    for result in results {
        match result {
            Ok(written) => won.push(written),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "wrong kind: {error}"),
        }
    }
    won
}

/// Checks that of concurrent writes with the same [`Precondition::Version`] one wins and the others
/// write nothing.
pub async fn of_concurrent_writes_with_one_precondition_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let before = fixture.put("key", b"before").await;
        let won = race(fixture, Precondition::Version(before)).await;
        assert_eq!(won.len(), 1, "exactly one write with {before:?} must succeed");
        let (version, value) = &won[0];
        let unchanged = fixture.get("key").await == Some((value.clone(), *version));
        assert!(unchanged, "a refused write must not change the record");
    }
}

/// Checks that of concurrent writes with [`Precondition::Absent`] one wins and the others write
/// nothing.
pub async fn of_concurrent_first_writes_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let won = race(fixture, Precondition::Absent).await;
        assert_eq!(won.len(), 1, "exactly one write with `Absent` must succeed");
        let (version, value) = &won[0];
        let unchanged = fixture.get("key").await == Some((value.clone(), *version));
        assert!(unchanged, "a refused write must not change the record");
        fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    }
}
