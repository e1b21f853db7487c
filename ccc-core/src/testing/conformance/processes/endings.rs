//! Conformance cases for container runners that execute real programs: `stop` and `destroy` must
//! end every program of the run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use super::shell::sh;
use crate::container::ExitStatus;
use crate::testing::conformance::container_runner::{Fixture, Running};
use crate::testing::conformance::{BOUND, bounded, drop_after_polls, pause};
use crate::{Clock, ContainerExt, SystemClock};

/// A shell command line that appends a character to the file `beat` every 20 ms, in an endless
/// loop.
const BEAT: &str = "while :; do printf . >> beat; sleep 0.02; done";

/// A shell command line that waits for up to 10 seconds until the file `beat` is not empty. The
/// cases execute this line in the container, because a container can have its own copy of the
/// workspace directory. In that case, the file `beat` exists only in the container's copy.
const UNTIL_BEATING: &str =
    "i=0; while ! test -s beat; do i=$((i+1)); test $i -lt 500 || exit 9; sleep 0.02; done";

impl Running<'_> {
    /// Executes the shell command line `line`, and then waits until the file `beat` is not empty. A
    /// program that `line` starts must write to this file.
    async fn start_beating(&self, line: &str) {
        let started = self.sh(line).await;
        assert!(started.status.success(), "cannot start `{line}`: {started:?}");
        assert!(
            self.sh(UNTIL_BEATING).await.status.success(),
            "the program `{line}` must write to the file `beat` within 10 seconds"
        );
    }

    /// Panics if the file `beat` in the workspace directory grows within 200 ms. If the file grows,
    /// a process of the run is still alive.
    async fn assert_silent(&self) {
        let length = || self.file("beat").map_or(0, |text| text.len());
        let before = length();
        // Ten intervals of 20 ms: a living process would have written several times.
        SystemClock.sleep(Duration::from_millis(200)).await;
        let rule = "`stop` and `destroy` must end every process, but the file `beat` still grows";
        assert_eq!(length(), before, "{rule}");
    }
}

/// Checks that `exec` returns when the executed program ends. `exec` must not wait for a background
/// program that still has the standard output open.
pub async fn a_background_program_that_holds_stdout_does_not_block_exec(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running.sh("sleep 300 & echo started").await;
    let expected = (ExitStatus::Code(0), b"started\n".to_vec());
    let rule = "`exec` must return the output and must not wait for the shell's background program";
    assert_eq!((output.status, output.stdout), expected, "{rule}");
    running.destroy().await;
}

/// Checks that no program is alive after `stop`, not even a daemon that left its session, its
/// process group and its parent.
pub async fn a_daemon_is_dead_after_stop(fixture: &Fixture) {
    // spec: X4b, X14d
    let running = fixture.container().await;
    let daemon = format!("(setsid sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&daemon).await;
    running.stop(Duration::from_millis(200)).await;
    running.assert_silent().await;
    running.destroy().await;
}

/// Checks that no program, not even a daemon, is alive after `destroy`. The case does not call
/// `stop` first.
pub async fn a_daemon_is_dead_after_destroy(fixture: &Fixture) {
    // spec: X4b
    let running = fixture.container().await;
    let daemon = format!("(setsid sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&daemon).await;
    running.destroy().await;
    running.assert_silent().await;
}

/// Checks that no program is alive after `stop`, not even a program with an empty environment. A
/// runner that finds the programs of a run by an environment variable misses such a program.
pub async fn a_program_without_an_environment_is_dead_after_stop(fixture: &Fixture) {
    // spec: X4b, X14d
    let running = fixture.container().await;
    let orphan = format!("(env -i /bin/sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&orphan).await;
    running.stop(Duration::from_millis(200)).await;
    running.assert_silent().await;
    running.destroy().await;
}

/// Checks that no program is alive after `destroy`, not even a process that replaces its own
/// program again and again with the system call `execve`. A runner that inspects processes can miss
/// such a process, because the program changes during the inspection.
pub async fn a_program_that_execs_without_end_is_dead_after_destroy(fixture: &Fixture) {
    // spec: X4b
    for _ in 0..5 {
        let running = fixture.container().await;
        let line = "echo 'printf . >> beat; exec sh again.sh' > again.sh; \
            (setsid sh again.sh </dev/null >/dev/null 2>&1 &)";
        running.start_beating(line).await;
        running.destroy().await;
        running.assert_silent().await;
    }
}

/// Checks that no program is alive after `destroy`, not even a chain of processes in which each
/// process starts its successor and ends. A runner that lists the processes and then kills the
/// listed processes misses the successors.
pub async fn a_program_that_forks_without_end_is_dead_after_destroy(fixture: &Fixture) {
    // spec: X4b
    for _ in 0..5 {
        let running = fixture.container().await;
        let line = "echo 'printf . >> beat; sh again.sh & exit' > again.sh; \
            (setsid sh again.sh </dev/null >/dev/null 2>&1 &)";
        running.start_beating(line).await;
        running.destroy().await;
        running.assert_silent().await;
    }
}

/// Checks that `stop` first sends `SIGTERM`, and does not kill a program that handles this signal
/// and ends within the grace period.
pub async fn stop_lets_a_handler_of_term_finish(fixture: &Fixture) {
    // spec: X14d
    let running = fixture.container().await;
    let line = "trap 'sleep 0.2; echo tidy > tidied; exit 0' TERM; echo > ready; \
        while :; do sleep 0.02; done";
    running.start_beating(&format!("({line}) </dev/null >/dev/null 2>&1 & {BEAT_ONCE}")).await;
    running.stop(BOUND).await;
    let found = running.file("tidied");
    assert_eq!(
        found.as_deref(),
        Some("tidy\n"),
        "`stop` must not kill a program whose SIGTERM handler ends within the grace period"
    );
    running.destroy().await;
}

/// A shell command line that waits until the file `ready` exists, and then writes one character to
/// the file `beat`.
const BEAT_ONCE: &str = "while ! test -e ready; do sleep 0.02; done; printf . > beat";

/// Checks that `stop` kills a program that ignores `SIGTERM`, but not before the grace period has
/// passed.
pub async fn stop_kills_a_program_that_ignores_sigterm_after_the_grace_period(fixture: &Fixture) {
    // spec: X14d
    let running = fixture.container().await;
    let line = format!("(trap '' TERM; {BEAT}) </dev/null >/dev/null 2>&1 &");
    running.start_beating(&line).await;
    let (grace, start) = (Duration::from_millis(300), tokio::time::Instant::now());
    running.stop(grace).await;
    let elapsed = start.elapsed();
    assert!(
        elapsed >= grace,
        "`stop` must wait for {grace:?} before it kills a program, but waited only for {elapsed:?}"
    );
    running.assert_silent().await;
    running.destroy().await;
}

/// Checks that `stop` does not wait for the grace period if no program is running.
pub async fn stop_of_an_idle_container_does_not_wait(fixture: &Fixture) {
    let running = fixture.container().await;
    let status = running.sh("true").await.status;
    assert!(status.success(), "`true` must succeed: {status}");
    // `Running::stop` panics after `BOUND`, which is shorter than this grace period.
    running.stop(BOUND * 3).await;
    running.destroy().await;
}

/// Checks that a run does not see the files that an earlier run wrote to `$HOME` and to the
/// directory for temporary files.
pub async fn a_run_does_not_see_files_of_an_earlier_run(fixture: &Fixture) {
    let leave = "for d in \"$HOME\" \"${TMPDIR:-/tmp}\"; do \
        test -n \"$d\" && echo left > \"$d/left-by-the-last-run\"; done; true";
    let look = "cat \"$HOME/left-by-the-last-run\" \"${TMPDIR:-/tmp}/left-by-the-last-run\"; true";
    let one = fixture.container().await;
    one.sh(leave).await;
    drop_after_polls(3, one.container.output(&sh("sleep 300"))).await;
    one.destroy().await;
    let two = fixture.container().await;
    pause().await;
    let seen =
        bounded("`exec`", two.container.output(&sh(look))).await.expect("`exec` must return `Ok`");
    let seen = String::from_utf8_lossy(&seen.stdout);
    let rule = "each run must have its own `$HOME` and its own directory for temporary files";
    assert_eq!(seen, "", "{rule}");
    two.destroy().await;
}
