//! Tests with many whole runs that use real containers and real git. All runs end as expected and
//! leave nothing behind, and a hundred concurrent runs need little memory. A leak that one run can
//! hide shows after a thousand.
//!
//! ```sh
//! CCC_CROWD_RUNS=1000 cargo test -p ccc-tests --test crowd -- --nocapture
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod crowd {
    mod alone;
    mod fixture;
    mod process_info;
    mod proofs;
    mod traces;

    use std::path::Path;
    use std::time::Duration;

    use ccc_core::{Clock as _, SystemClock};
    use ccc_runner::Workspaces;

    use fixture::{Fixture, engine};

    const AT_ONCE: usize = 8;

    fn runs() -> usize {
        match std::env::var("CCC_CROWD_RUNS") {
            Ok(runs) => runs.parse().expect("CCC_CROWD_RUNS must be a number of runs"),
            Err(_) => 50,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_runs_succeed_and_leave_nothing_behind() {
        // spec: P3
        // The measurements are of the whole process, so no other test may run.
        let _alone = alone::alone().await;
        if !engine() {
            return;
        }
        leave_nothing(Workspaces::Auto, runs()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_runs_with_copied_workspaces_leave_nothing_behind() {
        // spec: P3
        let _alone = alone::alone().await;
        if !engine() {
            return;
        }
        leave_nothing(Workspaces::Copied, runs().div_ceil(10)).await;
    }

    async fn leave_nothing(workspaces: Workspaces, runs: usize) {
        let fixture = Fixture::new(workspaces).await;
        // The first run connects to the engine, fills the mirror, and starts the threads.
        let (first, _) = fixture.crowd(0..1, 1).await;
        assert_eq!(fixture.unexpected(&first), Vec::<String>::new());
        let before = fixture.traces(&first).await;
        assert_eq!(before.left, Vec::<String>::new());
        println!("{workspaces:?}: {} descriptors are open at the start", before.descriptors.len());

        let (reports, took) = fixture.crowd(1..=runs as u64, AT_ONCE).await;
        let seconds = took.as_secs_f64();
        println!(
            "{workspaces:?}: {runs} runs, {AT_ONCE} at once, took {seconds:.0} s, {:.2} s each, {} \
             containers, at most {} at a time",
            seconds / runs as f64,
            fixture.engine.seen().created.len(),
            fixture.engine.seen().most,
        );
        assert_eq!(fixture.unexpected(&reports), Vec::<String>::new());
        let after = fixture.settled_traces(&reports, &before).await;
        assert_eq!(after.left, Vec::<String>::new());
        assert_eq!(after.files, before.files);
        assert_eq!(after.descriptors, before.descriptors);
        println!(
            "{workspaces:?}: 0 containers, 0 of {} volumes, 0 networks, 0 directories and 0 processes are \
             left, and {} descriptors are open; {} kB of memory, {} at most",
            fixture.engine.seen().volumes.len(),
            after.descriptors.len(),
            process_info::memory("VmRSS"),
            process_info::memory("VmHWM"),
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_concurrent_runs_need_less_than_100_megabytes() {
        let _alone = alone::alone().await;
        if !engine() {
            return;
        }
        let peak = alone::peak_of("a_hundred_runs_at_once", 0).await;
        println!("100 runs at once: {peak} kB of memory at most");
        assert!(peak < 100_000, "{peak} kB");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_peak_contains_memory_that_was_freed() {
        let _alone = alone::alone().await;
        let little = alone::peak_of("a_process_that_does_nothing", 0).await;
        let much = alone::peak_of("a_process_that_does_nothing", 100).await;
        assert!(
            little < 100_000 && much > 100_000,
            "{little} kB without and {much} kB with 100 MiB of ballast"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "another test starts it in a separate process"]
    async fn a_hundred_runs_at_once() {
        let fixture = Fixture::new(Workspaces::Auto).await;
        let (reports, took) = fixture.crowd(1..=100, 100).await;
        println!(
            "100 runs at once took {:.0} s, at most {} containers at a time",
            took.as_secs_f64(),
            fixture.engine.seen().most
        );
        assert_eq!(fixture.unexpected(&reports), Vec::<String>::new());
        assert_eq!(fixture.traces(&reports).await.left, Vec::<String>::new());
        alone::say_peak();
    }

    #[test]
    #[ignore = "another test starts it in a separate process"]
    fn a_process_that_does_nothing() {
        alone::use_what_is_asked_for();
        alone::say_peak();
    }

    /// Polls a condition for up to a minute, because the engine sends no notification. Returns
    /// whether it became true.
    async fn until(mut is_so: impl AsyncFnMut() -> bool) -> bool {
        for _ in 0..600 {
            if is_so().await {
                return true;
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Returns all paths below a directory, except the objects and refs of mirrors, which grow with
    /// the repository.
    fn files(root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                let shown = path.strip_prefix(root).unwrap().display().to_string();
                let grows = [".git/objects/", ".git/refs/heads/", ".git/packed-refs"]
                    .iter()
                    .any(|part| shown.contains(part));
                let unfinished = entry.file_name().to_string_lossy().starts_with("tmp_")
                    || path.extension().is_some_and(|found| found == "lock");
                if !grows || unfinished {
                    found.push(shown);
                }
                if entry.file_type().unwrap().is_dir() {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }
}
