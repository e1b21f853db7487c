//! Tests of container isolation. A program in the container of a run cannot escape and cannot read
//! a secret of the host machine. Each probe succeeds in a container that lacks one protection.
//!
//! ```sh
//! cargo test -p ccc-tests --test sandbox -- --nocapture
//! ```
//!
//! This prints the table of `SECURITY.md`. It needs root, a container engine on the same machine,
//! and the image of `images/build`. During the test, the addresses 169.254.169.240 to
//! 169.254.169.255 belong to a network of the test, so a metadata service at one of them is
//! unreachable.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests that print a table"
)]

mod sandbox {
    mod egress;
    mod engine;
    mod files;
    mod fixture;
    mod kernel;
    mod listeners;
    mod lures;
    mod model;
    mod network;
    mod probe;
    mod processes;
    mod script;
    mod weakened_container;

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use tokio::sync::{Mutex, Semaphore};
    use tokio::task::JoinSet;

    use fixture::Fixture;
    use probe::{Probe, table};

    /// The number of probes that run at a time.
    const AT_ONCE: usize = 4;

    /// Held by one test at a time, because the link-local addresses exist only once.
    static TURN: Mutex<()> = Mutex::const_new(());

    fn probes() -> Vec<Probe> {
        [
            network::PROBES,
            model::PROBES,
            egress::PROBES,
            processes::PROBES,
            files::PROBES,
            kernel::PROBES,
        ]
        .concat()
    }

    async fn tried(probes: Vec<Probe>) {
        let _turn = TURN.lock().await;
        let Some(fixture) = Fixture::new().await else { return };
        let (fixture, turns) = (Arc::new(fixture), Arc::new(Semaphore::new(AT_ONCE)));
        let mut tries = JoinSet::new();
        for (n, probe) in (1..).zip(probes) {
            let (fixture, turns) = (Arc::clone(&fixture), Arc::clone(&turns));
            tries.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                (n, fixture.check(n, &probe).await)
            });
        }
        let mut tried = tries.join_all().await;
        tried.sort_by_key(|(n, _)| *n);
        let (rows, problems): (Vec<_>, Vec<_>) =
            tried.into_iter().map(|(_, seen)| (seen.row, seen.problems)).unzip();
        println!("\n{}\n{} probes", table(&rows), rows.len());
        let problems = problems.concat();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn probes_succeed_in_weakened_containers_and_fail_in_ours() {
        // spec: X1, X3a, X3b, X3c
        tried(probes()).await;
    }

    #[test]
    fn the_page_shows_every_probe_and_its_results() {
        let expected = table(&probes().iter().map(Probe::row).collect::<Vec<_>>());
        let page = std::fs::read_to_string(ccc_tests::source::root().join("SECURITY.md")).unwrap();
        assert!(page.contains(&expected), "SECURITY.md must contain this table:\n\n{expected}");
    }

    #[test]
    fn there_are_many_probes_with_unique_names() {
        let all = probes();
        let names: BTreeSet<_> = all.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 30, "{}", all.len());
    }
}
