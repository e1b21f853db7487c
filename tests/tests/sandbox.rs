//! Whatever a program does in a container of ours, it gets out neither itself nor a secret of the host; and
//! every probe that says so gets out of a container that lacks one wall.
//!
//! ```sh
//! cargo test -p ccc-tests --test sandbox -- --nocapture
//! ```
//!
//! prints the table that `SECURITY.md` shows. It needs a container engine on this machine, root, and the image
//! of `images/build`. While it runs, the machine has the addresses 169.254.169.240 to 255 to itself: a metadata
//! service that it may have there is out of its reach.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests that print a table"
)]

mod sandbox {
    mod ear;
    mod egress;
    mod engine;
    mod files;
    mod fixture;
    mod kernel;
    mod lures;
    mod model;
    mod network;
    mod probe;
    mod processes;
    mod script;
    mod weak;

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use tokio::sync::{Mutex, Semaphore};
    use tokio::task::JoinSet;

    use fixture::Fixture;
    use probe::{Probe, table};

    /// How many probes are tried at a time.
    const AT_ONCE: usize = 4;

    /// One of us has an address that there is once.
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
    async fn what_gets_out_of_a_container_without_a_wall_does_not_get_out_of_ours() {
        // spec: X1, X3a, X3b, X3c
        tried(probes()).await;
    }

    #[test]
    fn the_page_shows_every_probe_and_what_came_of_it() {
        let expected = table(&probes().iter().map(Probe::row).collect::<Vec<_>>());
        let page = std::fs::read_to_string(ccc_tests::source::root().join("SECURITY.md")).unwrap();
        assert!(page.contains(&expected), "SECURITY.md is to have this table:\n\n{expected}");
    }

    #[test]
    fn there_are_many_probes_and_each_has_a_name_of_its_own() {
        let all = probes();
        let names: BTreeSet<_> = all.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 30, "{}", all.len());
    }
}
