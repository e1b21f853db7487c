//! Tests of the program with agents in containers.

use std::process::Command;

use ccc_core::testing::has_part;

use super::fixture::{ccc, text};

/// Returns whether there is an engine that has the image.
fn engine() -> bool {
    let there = Command::new("docker").args(["image", "inspect", "ccc-agent"]).output();
    let there = there.is_ok_and(|output| output.status.success());
    has_part("docker", there, "run .ci/engine and images/build")
}

#[test]
fn the_demo_opens_a_pull_request_from_within_a_container() {
    // spec: P1
    if !engine() {
        return;
    }
    for (agent, expected) in [
        ("scripted", "edits temperature.py"),
        ("claude", "answers are scripted"),
        ("claude", "runs python3 -m unittest"),
    ] {
        let output = ccc().args(["demo", "--runner", "docker", "--agent", agent]).output().unwrap();
        let (shown, timeline) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{timeline}");
        assert!(timeline.contains(expected), "{timeline}");
        assert!(shown.contains("/octo-org/temperature/pull/2"), "{shown}");
        assert!(shown.contains("+    return celsius * 9 / 5 + 32"), "{shown}");
    }
}

#[test]
fn a_run_that_exceeds_a_resource_limit_reports_which_one() {
    // spec: X1, X2
    if !engine() {
        return;
    }
    let fill = "command:sh -c 'i=1; while :; do head -c 1M /dev/zero > $i; i=$((i+1)); done'";
    let hog = "command:tail /dev/zero";
    for (agent, expected) in
        [(fill, "the workspace contains more than 32 MiB"), (hog, "ran out of memory")]
    {
        let mut command = ccc();
        command.args(["demo", "--runner", "docker", "--agent", agent]);
        command.env("CCC_RUNNER__WORKSPACE_MIB", "32").env("CCC_RUNNER__MEMORY_MIB", "96");
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("failed in the stage work") && said.contains(expected),
            "{agent}: {said}"
        );
    }
}

#[test]
fn the_doctor_reports_failed_checks() {
    let dir = tempfile::TempDir::new().unwrap();
    let doctor = |host: Option<&str>, image: &str| {
        let mut command = ccc();
        command.args(["doctor", "--runner", "docker"]).env("CCC_DATA_DIR", dir.path());
        command.env("CCC_RUNNER__IMAGE", image);
        if let Some(host) = host {
            command.env("CCC_RUNNER__HOST", host);
        }
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (status, said) = doctor(Some("unix:///nowhere"), "ccc-agent");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("WRONG   no container engine answers at unix:///nowhere"), "{said}");
    if !engine() {
        return;
    }
    let (status, said) = doctor(None, "no-such-image");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("there is no image `no-such-image`"), "{said}");
    let (status, said) = doctor(None, "ccc-agent");
    assert_eq!(status, Some(0), "{said}");
    for line in
        ["ok      git works", "Claude Code in the image: 2.1.330", "cannot reach this machine"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
}
