//! That everything ends, and how.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use super::shell::sh;
use crate::container::ExitStatus;
use crate::testing::conformance::container_runner::{Fixture, Running};
use crate::testing::conformance::{BOUND, bounded, drop_after_polls, pause};
use crate::{Clock, ContainerExt, SystemClock};

/// Writes a character to the file `beat` every 20 ms, for ever.
const BEAT: &str = "while :; do printf . >> beat; sleep 0.02; done";

/// Waits until `beat` grows; in the container, because the workspace may be a copy.
const UNTIL_BEATING: &str =
    "i=0; while ! test -s beat; do i=$((i+1)); test $i -lt 500 || exit 9; sleep 0.02; done";

impl Running<'_> {
    /// Starts something that writes to `beat`, and waits until it does.
    async fn start_beating(&self, line: &str) {
        let started = self.sh(line).await;
        assert!(started.status.success(), "cannot start `{line}`: {started:?}");
        assert!(self.sh(UNTIL_BEATING).await.status.success(), "`{line}` never wrote");
    }

    /// Panics when somebody still writes to `beat`.
    async fn assert_silent(&self) {
        let length = || self.file("beat").map_or(0, |text| text.len());
        let before = length();
        // The absence of a heartbeat takes time to see: ten of them.
        SystemClock.sleep(Duration::from_millis(200)).await;
        assert_eq!(length(), before, "a process of the run is alive");
    }
}

/// As a shell that leaves something running does.
pub async fn a_background_program_that_holds_stdout_does_not_hold_exec_up(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running.sh("sleep 300 & echo started").await;
    assert_eq!((output.status, output.stdout), (ExitStatus::Code(0), b"started\n".to_vec()));
    running.destroy().await;
}

/// It left session, process group and parent.
pub async fn a_daemon_is_dead_after_stop(fixture: &Fixture) {
    // spec: X4b, X14d
    let running = fixture.container().await;
    let daemon = format!("(setsid sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&daemon).await;
    running.stop(Duration::from_millis(200)).await;
    running.assert_silent().await;
    running.destroy().await;
}

/// The same without a stop before it.
pub async fn a_daemon_is_dead_after_destroy(fixture: &Fixture) {
    // spec: X4b
    let running = fixture.container().await;
    let daemon = format!("(setsid sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&daemon).await;
    running.destroy().await;
    running.assert_silent().await;
}

/// Started as `env -i` starts programs: nothing in it says whose it is.
pub async fn a_program_without_an_environment_is_dead_after_stop(fixture: &Fixture) {
    // spec: X4b, X14d
    let running = fixture.container().await;
    let orphan = format!("(env -i /bin/sh -c '{BEAT}' </dev/null >/dev/null 2>&1 &)");
    running.start_beating(&orphan).await;
    running.stop(Duration::from_millis(200)).await;
    running.assert_silent().await;
    running.destroy().await;
}

/// A process is hard to see while it turns into another program.
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

/// Each process starts its successor and ends: whoever kills what it saw a moment ago is late.
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

/// Asks first: a program that tidies up within the grace is not killed.
pub async fn stop_lets_a_handler_of_term_finish(fixture: &Fixture) {
    // spec: X14d
    let running = fixture.container().await;
    let line = "trap 'sleep 0.2; echo tidy > tidied; exit 0' TERM; echo > ready; \
        while :; do sleep 0.02; done";
    running.start_beating(&format!("({line}) </dev/null >/dev/null 2>&1 & {BEAT_ONCE}")).await;
    running.stop(BOUND).await;
    assert_eq!(running.file("tidied").as_deref(), Some("tidy\n"), "the handler was cut off");
    running.destroy().await;
}

/// One character, as soon as the other program is ready.
const BEAT_ONCE: &str = "while ! test -e ready; do sleep 0.02; done; printf . > beat";

/// Asks in vain, waits no longer than it should, kills, and makes sure.
pub async fn stop_kills_what_ignores_term_after_the_grace(fixture: &Fixture) {
    // spec: X14d
    let running = fixture.container().await;
    let line = format!("(trap '' TERM; {BEAT}) </dev/null >/dev/null 2>&1 &");
    running.start_beating(&line).await;
    let (grace, start) = (Duration::from_millis(300), tokio::time::Instant::now());
    running.stop(grace).await;
    assert!(start.elapsed() >= grace, "killed after {:?} of {grace:?}", start.elapsed());
    running.assert_silent().await;
    running.destroy().await;
}

/// The grace is for programs; without one there is nothing to wait for.
pub async fn stop_of_an_idle_container_does_not_wait(fixture: &Fixture) {
    let running = fixture.container().await;
    assert!(running.sh("true").await.status.success());
    // `stop` of the suite is bounded by less than this.
    running.stop(BOUND * 3).await;
    running.destroy().await;
}

/// Neither processes nor files outside the workspace that a program may write.
pub async fn the_next_run_does_not_see_what_the_last_one_left(fixture: &Fixture) {
    let leave = "for d in \"$HOME\" \"${TMPDIR:-/tmp}\"; do \
        test -n \"$d\" && echo left > \"$d/left-by-the-last-run\"; done; true";
    let look = "cat \"$HOME/left-by-the-last-run\" \"${TMPDIR:-/tmp}/left-by-the-last-run\"; true";
    let one = fixture.container().await;
    one.sh(leave).await;
    drop_after_polls(3, one.container.output(&sh("sleep 300"))).await;
    one.destroy().await;
    let two = fixture.container().await;
    pause().await;
    let seen = bounded("exec", two.container.output(&sh(look))).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "", "two runs share a home");
    two.destroy().await;
}
