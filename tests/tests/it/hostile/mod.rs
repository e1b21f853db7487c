//! Tests of host git with hostile workspaces. Host git runs no program of a workspace, sends the
//! token only to the configured remote, and pushes the files to it byte for byte.
//!
//! ```sh
//! cargo test -p ccc-tests --test it hostile -- --nocapture
//! ```
//!
//! This prints the table of `SECURITY.md`.

mod change;
mod content;
mod fixture;
mod plain_git;
mod programs;
mod stranger;
mod transfer;
mod trap;
mod tree;
mod vector;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use fixture::Fixture;
use vector::{Vector, table};

/// The number of vectors that are tested at a time.
const AT_ONCE: usize = 4;

fn vectors() -> Vec<Vector> {
    [programs::VECTORS, transfer::VECTORS, content::VECTORS, tree::VECTORS, change::VECTORS]
        .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_vector_affects_host_git() {
    // spec: X6a, X6b, X6e, X7, X9, X10b, X17a, X17b
    let (fixture, turns) = (Arc::new(Fixture::new().await), Arc::new(Semaphore::new(AT_ONCE)));
    let mut tries = JoinSet::new();
    for (n, vector) in (1..).zip(vectors()) {
        let (fixture, turns) = (Arc::clone(&fixture), Arc::clone(&turns));
        tries.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (n, fixture.check(n, &vector).await)
        });
    }
    let mut tried = tries.join_all().await;
    tried.sort_by_key(|(n, _)| *n);
    let (rows, problems): (Vec<_>, Vec<_>) =
        tried.into_iter().map(|(_, seen)| (seen.row, seen.problems)).unzip();
    println!("\n{}\n{} vectors", table(&rows), rows.len());
    let problems = problems.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_page_shows_every_vector_and_its_results() {
    let expected = table(&vectors().iter().map(Vector::row).collect::<Vec<_>>());
    let page = std::fs::read_to_string(ccc_tests::source::root().join("SECURITY.md")).unwrap();
    assert!(page.contains(&expected), "SECURITY.md must contain this table:\n\n{expected}");
}

#[test]
fn there_are_many_vectors_with_unique_names() {
    let all = vectors();
    let names: BTreeSet<_> = all.iter().map(|vector| vector.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.len() >= 30, "{}", all.len());
}
