//! Writes at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixture::{Fixture, name};
use crate::credential::{Precondition, Version};
use crate::testing::conformance::bounded;
use crate::{ErrorKind, Secret};

/// No two halves, no version twice, and what is left is what the newest version wrote.
pub async fn concurrent_puts_leave_one_whole_value_and_give_distinct_versions(fixture: &Fixture) {
    let mut writers = JoinSet::new();
    for writer in 0..32_u8 {
        let store = Arc::clone(&fixture.store);
        writers.spawn(async move {
            let value = vec![writer; 4 << 10];
            let secret = Secret::new(value.clone());
            let put = store.put(&name("key"), &secret, Precondition::None).await;
            (put.expect("an unconditional put"), value)
        });
    }
    let written = bounded("concurrent puts", writers.join_all()).await;
    let versions: BTreeSet<Version> = written.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions.len(), written.len(), "a version was given twice");
    let (value, version) = fixture.get("key").await.expect("a record");
    let (_, expected) = written.iter().max_by_key(|(version, _)| *version).unwrap();
    assert_eq!(Some(&version), versions.last(), "the newest version is not the one that is there");
    assert!(value == *expected, "the record is not what its version wrote");
}

/// Runs 32 writes with the precondition at once; returns the versions of those that went through.
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
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
    won
}

/// Compare and set: all expect the same version.
pub async fn of_concurrent_writes_with_one_precondition_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let before = fixture.put("key", b"before").await;
        let won = race(fixture, Precondition::Version(before)).await;
        assert_eq!(won.len(), 1, "writers that won with {before:?}");
        let (version, value) = &won[0];
        assert!(fixture.get("key").await == Some((value.clone(), *version)), "a loser wrote");
    }
}

/// The same when all expect that there is nothing.
pub async fn of_concurrent_first_writes_one_wins(fixture: &Fixture) {
    // spec: S9
    for _ in 0..5 {
        let won = race(fixture, Precondition::Absent).await;
        assert_eq!(won.len(), 1, "writers that won a first write");
        let (version, value) = &won[0];
        assert!(fixture.get("key").await == Some((value.clone(), *version)), "a loser wrote");
        fixture.store.delete(&name("key")).await.unwrap();
    }
}
