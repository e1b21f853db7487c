//! Tests of the fault points.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::fault_points::{NAMES, set_hook};
use ccc_core::intake::{Admission, Intake};
use ccc_core::{CancellationToken, Outcome, SystemClock};
use ccc_store::MemoryRunStore;

use super::dispatch::{delivery, finished};
use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reaches_each_fault_point() {
    // spec: Q15
    let reached = Arc::new(Mutex::new(BTreeSet::new()));
    let names = Arc::clone(&reached);
    set_hook(Box::new(move |name, _| {
        names.lock().unwrap().insert(name.to_owned());
    }));
    let fixture = Fixture::new().await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    let config = DispatcherConfig::default();
    let dispatcher = Dispatcher::new(fixture.pipeline.clone(), Arc::clone(&store) as _, config);
    let admission = dispatcher.admit(&delivery("a"), &fixture.event).await.unwrap();
    let Admission::Accepted(accepted) = admission else { panic!("{admission:?}") };
    let shutdown = CancellationToken::new();
    let outcome = async {
        let outcome = finished(&store, accepted.run).await;
        shutdown.cancel();
        outcome
    };
    let ((), outcome) = tokio::join!(dispatcher.serve(shutdown.clone()), outcome);
    assert!(matches!(outcome, Outcome::PullRequest { .. }), "{outcome:?}");
    let expected: BTreeSet<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(*reached.lock().unwrap(), expected);
}

#[test]
fn the_shipped_programs_have_no_fault_points() {
    // spec: Q15
    let features = |package: &str| {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--locked",
                "--offline",
                "-e",
                "features,normal",
                "-i",
                "ccc-core",
                "-p",
                package,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).contains("failpoints")
    };
    assert!(features("ccc-tests"));
    for package in ["ccc", "ccc-worker", "ccc-embed"] {
        assert!(!features(package), "{package}");
    }
}
