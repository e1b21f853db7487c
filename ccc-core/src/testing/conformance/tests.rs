//! A test that the macro of each suite lists every case of the suite.

use std::collections::BTreeSet;

fn check(suite: &str, files: &[&str]) {
    let cases: BTreeSet<&str> = files
        .iter()
        .flat_map(|text| text.split("\npub async fn ").skip(1))
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    let dense: String = files[0].chars().filter(|c| !c.is_whitespace()).collect();
    let (_, list) = dense.split_once(&format!("$crate::$callback!({suite},$make,[")).unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let listed: BTreeSet<&str> = list.split(',').filter(|case| !case.is_empty()).collect();
    assert!(!cases.is_empty(), "the suite {suite} must have at least one case");
    assert_eq!(
        cases, listed,
        "the macro of the suite {suite} must list exactly the suite's public functions"
    );
}

#[test]
fn every_case_is_in_its_macro() {
    check("agent", &[include_str!("agent.rs")]);
    check("clock", &[include_str!("clock.rs")]);
    check(
        "container_runner",
        &[
            include_str!("container_runner.rs"),
            include_str!("container_runner/lifecycle.rs"),
            include_str!("container_runner/programs.rs"),
        ],
    );
    check(
        "credential_store",
        &[include_str!("credential_store.rs"), include_str!("credential_store/races.rs")],
    );
    check("delivery_log", &[include_str!("delivery_log.rs")]);
    check("observer", &[include_str!("observer.rs")]);
    check("processes", &[include_str!("processes.rs"), include_str!("processes/endings.rs")]);
    check(
        "run_store",
        &[
            include_str!("run_store.rs"),
            include_str!("run_store/intake.rs"),
            include_str!("run_store/leases.rs"),
            include_str!("run_store/records.rs"),
            include_str!("run_store/requests.rs"),
            include_str!("run_store/turns.rs"),
        ],
    );
    check("vcs_host", &[include_str!("vcs_host.rs"), include_str!("vcs_host/writes.rs")]);
}
