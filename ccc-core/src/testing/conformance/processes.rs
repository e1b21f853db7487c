//! Conformance cases for container runners that execute real programs.
//!
//! The cases need `sh`, `cat`, `sleep`, `setsid`, `env`, `awk` and `head` in the container. After
//! `stop`, the cases read the workspace directory on the host machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use super::container_runner::Fixture;
use super::{BOUND, bounded};
use crate::container::{Command, ContainerSpec, ExitStatus, OutputStream, Resources};
use crate::{Clock, ContainerExt, SystemClock};

mod endings;
mod shell;

pub use endings::*;

use shell::sh;

/// Generates one test for each conformance case of container runners that execute real programs.
/// The macro's argument is a function that returns a future of a new
/// [fixture](crate::testing::conformance::container_runner::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! processes_conformance {
    (@run $make:expr) => {
        $crate::processes_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            processes,
            $make,
            [
                an_exit_code_is_reported_unchanged,
                a_program_killed_by_a_signal_is_reported_as_such,
                stdout_and_stderr_are_separate_and_each_in_order,
                output_arrives_while_the_program_runs,
                a_mebibyte_of_output_is_whole,
                output_beyond_the_limit_is_cut_and_the_cut_is_reported,
                ten_gigabytes_of_output_block_neither_program_nor_caller,
                arguments_reach_the_program_unchanged,
                a_program_starts_in_the_workspace,
                stdin_that_is_never_read_does_not_block_exec,
                stdin_ends,
                a_background_program_that_holds_stdout_does_not_block_exec,
                a_daemon_is_dead_after_stop,
                a_daemon_is_dead_after_destroy,
                a_program_without_an_environment_is_dead_after_stop,
                a_program_that_execs_without_end_is_dead_after_destroy,
                a_program_that_forks_without_end_is_dead_after_destroy,
                stop_lets_a_handler_of_term_finish,
                stop_kills_a_program_that_ignores_sigterm_after_the_grace_period,
                stop_of_an_idle_container_does_not_wait,
                a_run_does_not_see_files_of_an_earlier_run,
            ]
        );
    };
    ($make:expr) => {
        $crate::processes_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that `exec` returns the program's exit code unchanged, for several exit codes between 0
/// and 255.
pub async fn an_exit_code_is_reported_unchanged(fixture: &Fixture) {
    let running = fixture.container().await;
    for code in [3, 1, 126, 255, 0] {
        let status = running.sh(&format!("exit {code}")).await.status;
        assert_eq!(status, ExitStatus::Code(code), "`exec` must return the exit code unchanged");
    }
    running.destroy().await;
}

/// Checks that `exec` reports that a signal killed a program. The status must be
/// [`ExitStatus::Signal`], or the exit code that shells use: 128 plus the number of the signal.
pub async fn a_program_killed_by_a_signal_is_reported_as_such(fixture: &Fixture) {
    let running = fixture.container().await;
    for (name, number) in [("KILL", 9), ("TERM", 15)] {
        let status = running.sh(&format!("kill -{name} $$; sleep 300")).await.status;
        let expected = [ExitStatus::Signal(number), ExitStatus::Code(128 + number)];
        let rule = "`exec` must report that a signal killed the program";
        assert!(
            expected.contains(&status),
            "{rule}: after SIG{name}, the status must be one of {expected:?}, but is {status:?}"
        );
    }
    running.destroy().await;
}

/// Checks that the sink gets standard output and standard error separately, each complete and in
/// order. The order of chunks of different streams is not specified.
pub async fn stdout_and_stderr_are_separate_and_each_in_order(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running
        .sh("i=0; while test $i -lt 500; do echo out $i; echo err $i >&2; i=$((i+1)); done")
        .await;
    let lines = |word| (0..500).map(|i| format!("{word} {i}\n")).collect::<String>();
    let complete = "`exec` must pass each stream completely, in order and separately";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), lines("out"), "{complete}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), lines("err"), "{complete}");
    running.destroy().await;
}

/// Checks that output reaches the sink while the program is still running.
///
/// The program ends after the case has received the program's first line and created a file in the
/// workspace directory. If the container uses a copy of this directory, the program never sees the
/// file and ends after 4 seconds.
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
    bounded("`exec`", running.container.exec(&command, &mut sink))
        .await
        .expect("`exec` must return `Ok`");
    let expected = (true, b"first\nlast\n".to_vec());
    assert_eq!(
        (early, seen),
        expected,
        "`exec` must pass output to the sink while the program is running"
    );
    running.destroy().await;
}

/// Checks that the sink gets all output of a program: 1 MiB, far more than a pipe can buffer.
pub async fn a_mebibyte_of_output_is_whole(fixture: &Fixture) {
    let running = fixture.container().await;
    // Numbered blocks of 64 bytes make a loss, a repetition or a wrong order visible.
    let output = running
        .run(Command::new(["awk", "BEGIN { for (i = 0; i < 16384; i++) printf \"%063d\\n\", i }"]))
        .await;
    let expected: String = (0..16_384).map(|i| format!("{i:063}\n")).collect();
    assert_eq!(output.stdout.len(), 1 << 20, "`exec` must pass all output to the sink");
    assert!(
        output.stdout == expected.into_bytes(),
        "`exec` must pass the output to the sink unchanged"
    );
    running.destroy().await;
}

/// Checks the limit on output, [`Resources::output_bytes`]. The sink must get the bytes up to the
/// limit and then, on standard error, a note that contains the word `dropped`. The limit must not
/// block the program.
pub async fn output_beyond_the_limit_is_cut_and_the_cut_is_reported(fixture: &Fixture) {
    const LIMIT: usize = 10_000;
    let resources = Resources { output_bytes: LIMIT as u64, ..Resources::default() };
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_resources(resources);
    let running = fixture.container_with(spec, workspace).await;
    let output = running
        .sh("i=0; while test $i -lt 4000; do echo 123456789; i=$((i+1)); done; exit 4")
        .await;
    assert_eq!(output.status, ExitStatus::Code(4), "the output limit must not end the program");
    let printed = "123456789\n".repeat(4_000).into_bytes();
    assert_eq!(
        output.stdout,
        printed[..LIMIT],
        "`exec` must pass the first {LIMIT} bytes to the sink"
    );
    let report = String::from_utf8_lossy(&output.stderr);
    let reported = report.contains("dropped");
    assert!(
        reported,
        "standard error must contain a note with the word `dropped`, but is {report:?}"
    );
    let next = running.sh("echo again").await.stdout;
    assert_eq!(next, b"again\n", "the output limit must apply to each `exec` separately");
    running.destroy().await;
}

/// Checks that 10 GiB of output, far more than the limit on output, block neither the program nor
/// the caller.
pub async fn ten_gigabytes_of_output_block_neither_program_nor_caller(fixture: &Fixture) {
    // spec: X15b
    const LIMIT: usize = 1 << 20;
    let resources = Resources { output_bytes: LIMIT as u64, ..Resources::default() };
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_resources(resources);
    let running = fixture.container_with(spec, workspace).await;
    let command = sh("head -c 10G /dev/zero; echo done >&2; exit 3");
    // The time limit is long, because 10 GiB take long on a loaded host machine.
    let output = tokio::select! {
        output = running.container.output(&command) => output.unwrap(),
        () = SystemClock.sleep(BOUND * 15) => panic!("`exec` must not block on 10 GiB of output"),
    };
    let expected = (ExitStatus::Code(3), LIMIT);
    let got = (output.status, output.stdout.len());
    assert_eq!(got, expected, "the program must end, and `exec` must pass output up to the limit");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let reported = told.contains("1073636966") && told.contains("dropped");
    let rule = "standard error must contain a note with the word `dropped` and the number \
                of dropped bytes";
    assert!(reported, "{rule}: {told:?}");
    running.destroy().await;
}

/// Checks that a program gets its arguments unchanged. No shell may execute, split or expand an
/// argument, and the runner and its engine must not parse an argument as an option.
pub async fn arguments_reach_the_program_unchanged(fixture: &Fixture) {
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
    let got = String::from_utf8(output.stdout).unwrap();
    assert_eq!(got, expected, "`exec` must pass the arguments unchanged");
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("pwned"), None, "`exec` must not let a shell execute an argument");
    running.destroy().await;
}

/// Checks that a program starts in the directory that
/// [`Container::workspace`](crate::Container::workspace) returns.
pub async fn a_program_starts_in_the_workspace(fixture: &Fixture) {
    let running = fixture.container().await;
    let output = running.sh("pwd -P; echo here > here").await;
    let printed = String::from_utf8(output.stdout).unwrap();
    let workspace = running.container.workspace();
    let real = workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned());
    let directory = std::path::Path::new(printed.trim_end());
    assert_eq!(directory, real, "`exec` must start a program in the workspace");
    running.stop(Duration::from_secs(1)).await;
    let found = running.file("here");
    let rule = "a relative path that a program uses must refer to a file in the workspace";
    assert_eq!(found.as_deref(), Some("here\n"), "{rule}");
    running.destroy().await;
}

/// Checks that `exec` does not block if the program never reads its standard input. An input of 4
/// MiB is more than a pipe can buffer.
pub async fn stdin_that_is_never_read_does_not_block_exec(fixture: &Fixture) {
    let running = fixture.container().await;
    let unread = vec![b'x'; 4 << 20];
    let output = running.run(sh("echo done; exit 5").with_stdin(unread)).await;
    let expected = (ExitStatus::Code(5), b"done\n".to_vec());
    assert_eq!(
        (output.status, output.stdout),
        expected,
        "`exec` must ignore input that the program does not read"
    );
    running.destroy().await;
}

/// Checks that a program reads end of file after the last byte of its standard input. An empty
/// input must end at once.
pub async fn stdin_ends(fixture: &Fixture) {
    let running = fixture.container().await;
    let none = running.sh("cat; echo end").await.stdout;
    assert_eq!(none, b"end\n", "`exec` must close empty standard input at once");
    let some = running.run(sh("cat; echo end").with_stdin("some ")).await;
    assert_eq!(some.stdout, b"some end\n", "`exec` must close standard input after the last byte");
    running.destroy().await;
}
