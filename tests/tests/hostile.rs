//! Whatever an agent leaves in a workspace, host git runs none of it, sends the token to nobody
//! else, and pushes what is there, byte for byte, to the configured remote.
//!
//! ```sh
//! cargo test -p ccc-tests --test hostile -- --nocapture
//! ```
//!
//! prints the table that `SECURITY.md` shows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../emulated/mod.rs"]
mod emulated;

mod hostile {
    mod bench;
    mod content;
    mod plain;
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

    use bench::Bench;
    use vector::{Vector, table};

    /// How many vectors are tried at a time.
    const AT_ONCE: usize = 4;

    fn vectors() -> Vec<Vector> {
        [programs::VECTORS, transfer::VECTORS, content::VECTORS, tree::VECTORS].concat()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_that_is_planted_fires_for_the_host() {
        // spec: X6a, X6b, X6e, X9
        let (bench, turns) = (Arc::new(Bench::new().await), Arc::new(Semaphore::new(AT_ONCE)));
        let mut tries = JoinSet::new();
        for (n, vector) in (1..).zip(vectors()) {
            let (bench, turns) = (Arc::clone(&bench), Arc::clone(&turns));
            tries.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                (n, bench.check(n, &vector).await)
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
    fn the_page_shows_every_vector_and_what_came_of_it() {
        let expected = table(&vectors().iter().map(Vector::row).collect::<Vec<_>>());
        let page = std::fs::read_to_string(ccc_tests::source::root().join("SECURITY.md")).unwrap();
        assert!(page.contains(&expected), "SECURITY.md is to have this table:\n\n{expected}");
    }

    #[test]
    fn there_are_many_vectors_and_each_has_a_name_of_its_own() {
        let all = vectors();
        let names: BTreeSet<_> = all.iter().map(|vector| vector.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 30, "{}", all.len());
    }
}
