//! What every container runner must do that runs real programs.
//!
//! The cases need `sh`, `cat`, `sleep`, `setsid` and `env` in the container, and the host's view of
//! the workspace after `stop`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use super::container_runner::Fixture;
use super::{BOUND, bounded};
use crate::container::{Command, ContainerSpec, ExitStatus, OutputStream, Resources};
use crate::{Clock, ContainerExt, SystemClock};

mod endings;
mod shell;

pub use endings::*;

use shell::sh;

/// Makes a test of every case for runners of real programs, over the fixture of
/// [`container_runner_conformance!`](crate::container_runner_conformance). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! processes_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            processes,
            $make,
            [
                an_exit_code_arrives_as_it_is,
                a_program_that_a_signal_killed_is_told_from_others,
                stdout_and_stderr_are_apart_and_each_in_order,
                output_arrives_while_the_program_runs,
                a_mebibyte_of_output_is_whole,
                output_beyond_the_ceiling_is_cut_and_the_cut_reported,
                ten_gigabytes_of_output_cost_nobody_anything,
                arguments_arrive_as_they_are,
                a_program_starts_in_the_workspace,
                stdin_that_is_never_read_holds_nothing_up,
                stdin_ends,
                a_background_program_that_holds_stdout_does_not_hold_exec_up,
                a_daemon_is_dead_after_stop,
                a_daemon_is_dead_after_destroy,
                a_program_without_an_environment_is_dead_after_stop,
                a_program_that_execs_without_end_is_dead_after_destroy,
                a_program_that_forks_without_end_is_dead_after_destroy,
                stop_lets_a_handler_of_term_finish,
                stop_kills_what_ignores_term_after_the_grace,
                stop_of_an_idle_container_does_not_wait,
                the_next_run_does_not_see_what_the_last_one_left,
            ]
        );
    };
}

/// Any of the 256.
pub async fn an_exit_code_arrives_as_it_is(fixture: &Fixture) {
    let running = fixture.container().await;
    for code in [3, 1, 126, 255, 0] {
        assert_eq!(running.sh(&format!("exit {code}")).await.status, ExitStatus::Code(code));
    }
    running.destroy().await;
}

/// As a signal, or as the code that a shell makes of it.
pub async fn a_program_that_a_signal_killed_is_told_from_others(fixture: &Fixture) {
    let running = fixture.container().await;
    for (name, number) in [("KILL", 9), ("TERM", 15)] {
        let status = running.sh(&format!("kill -{name} $$; sleep 300")).await.status;
        let expected = [ExitStatus::Signal(number), ExitStatus::Code(128 + number)];
        assert!(expected.contains(&status), "SIG{name} was reported as {status}");
    }
    running.destroy().await;
}

/// Order holds within one stream; nothing is promised between the two.
pub async fn stdout_and_stderr_are_apart_and_each_in_order(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running
        .sh("i=0; while test $i -lt 500; do echo out $i; echo err $i >&2; i=$((i+1)); done")
        .await;
    let lines = |word| (0..500).map(|i| format!("{word} {i}\n")).collect::<String>();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), lines("out"));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), lines("err"));
    running.destroy().await;
}

/// The program goes on when the host has seen its first words, and after four seconds where the
/// workspace is a copy and it cannot learn of that.
pub async fn output_arrives_while_the_program_runs(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = sh("echo first; cat >/dev/null; \
        i=0; while ! test -e go && test $i -lt 200; do sleep 0.02; i=$((i+1)); done; echo last");
    let (go, mut seen, mut early) = (running.workspace.path().join("go"), Vec::new(), false);
    let mut sink = |_: OutputStream, bytes: &[u8]| {
        seen.extend_from_slice(bytes);
        if seen == b"first\n" {
            early = true;
            std::fs::write(&go, "").unwrap();
        }
    };
    bounded("exec", running.container.exec(&command, &mut sink)).await.unwrap();
    assert_eq!((early, seen), (true, b"first\nlast\n".to_vec()), "output came all at once");
    running.destroy().await;
}

/// Far more than a pipe holds.
pub async fn a_mebibyte_of_output_is_whole(fixture: &Fixture) {
    let running = fixture.container().await;
    // Numbered blocks of 64 bytes: a loss, a repeat or a swap shows.
    let output = running
        .run(Command::new(["awk", "BEGIN { for (i = 0; i < 16384; i++) printf \"%063d\\n\", i }"]))
        .await;
    let expected: String = (0..16_384).map(|i| format!("{i:063}\n")).collect();
    assert_eq!(output.stdout.len(), 1 << 20);
    assert!(output.stdout == expected.into_bytes(), "the output came changed");
    running.destroy().await;
}

/// What fits arrives, the rest does not, and something says so; the program is not held up.
pub async fn output_beyond_the_ceiling_is_cut_and_the_cut_reported(fixture: &Fixture) {
    const CEILING: usize = 10_000;
    let resources = Resources { output_bytes: CEILING as u64, ..Resources::default() };
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_resources(resources);
    let running = fixture.container_with(spec, workspace).await;
    let output = running
        .sh("i=0; while test $i -lt 4000; do echo 123456789; i=$((i+1)); done; exit 4")
        .await;
    assert_eq!(output.status, ExitStatus::Code(4), "the program did not end by itself");
    let printed = "123456789\n".repeat(4_000).into_bytes();
    assert_eq!(output.stdout, printed[..CEILING], "not the first {CEILING} bytes");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(report.contains("dropped"), "nothing says that output was dropped: {report:?}");
    // The ceiling is for one exec: the next one has all of it.
    assert_eq!(running.sh("echo again").await.stdout, b"again\n");
    running.destroy().await;
}

/// Neither the program nor whoever listens waits for what nobody wants.
pub async fn ten_gigabytes_of_output_cost_nobody_anything(fixture: &Fixture) {
    // spec: X15b
    const CEILING: usize = 1 << 20;
    let resources = Resources { output_bytes: CEILING as u64, ..Resources::default() };
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_resources(resources);
    let running = fixture.container_with(spec, workspace).await;
    let command = sh("head -c 10G /dev/zero; echo done >&2; exit 3");
    // It takes its time on a machine that has other things to do.
    let output = tokio::select! {
        output = running.container.output(&command) => output.unwrap(),
        () = SystemClock.sleep(BOUND * 15) => panic!("ten gigabytes are still on their way"),
    };
    assert_eq!((output.status, output.stdout.len()), (ExitStatus::Code(3), CEILING));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("1073636966") && told.contains("more bytes of output dropped"), "{told}");
    running.destroy().await;
}

/// No shell, no splitting, no expansion, no option parsing on the way.
pub async fn arguments_arrive_as_they_are(fixture: &Fixture) {
    let running = fixture.container().await;
    let odd = [
        "two words",
        "",
        "'single' \"double\"",
        "$(touch pwned)",
        "`touch pwned`",
        "$HOME",
        "*",
        "a\nb\n",
        "\\",
        "; touch pwned",
        "-n",
        "--",
        "--help",
        "&& exit 1",
        "ä ☃",
        "%s",
        "~",
    ];
    let argv = ["sh", "-c", "for word; do printf '<%s>' \"$word\"; done", "sh"];
    let output = running.run(Command::new(argv.iter().chain(&odd).copied())).await;
    let expected: String = odd.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("pwned"), None, "an argument was run");
    running.destroy().await;
}

/// The directory that the container calls its workspace.
pub async fn a_program_starts_in_the_workspace(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running.sh("pwd -P; echo here > here").await;
    let printed = String::from_utf8(output.stdout).unwrap();
    let workspace = running.container.workspace();
    let real = workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned());
    assert_eq!(std::path::Path::new(printed.trim_end()), real);
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("here").as_deref(), Some("here\n"));
    running.destroy().await;
}

/// More than a pipe holds, to a program that does not look at it.
pub async fn stdin_that_is_never_read_holds_nothing_up(fixture: &Fixture) {
    let running = fixture.container().await;
    let unread = vec![b'x'; 4 << 20];
    let output = running.run(sh("echo done; exit 5").with_stdin(unread)).await;
    assert_eq!((output.status, output.stdout), (ExitStatus::Code(5), b"done\n".to_vec()));
    running.destroy().await;
}

/// The end of the file comes after what was given, also after nothing.
pub async fn stdin_ends(fixture: &Fixture) {
    let running = fixture.container().await;
    assert_eq!(running.sh("cat; echo end").await.stdout, b"end\n");
    let some = running.run(sh("cat; echo end").with_stdin("some ")).await;
    assert_eq!(some.stdout, b"some end\n");
    running.destroy().await;
}
