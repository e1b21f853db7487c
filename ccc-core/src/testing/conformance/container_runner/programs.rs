//! Conformance cases for container runners: the input, output, environment and files of programs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use super::fixture::Fixture;
use crate::container::{Command, ContainerSpec, EnvValue, ExitStatus, OutputStream};
use crate::testing::conformance::bounded;
use crate::{ContainerExt, ErrorKind, Secret};

fn plain(name: &str, value: &str) -> (String, EnvValue) {
    (name.to_owned(), EnvValue::Plain(value.to_owned()))
}

/// Checks that `name` and `capabilities` return the same results before and after the runner
/// executes a program. `check` must succeed, and must not affect a running container.
pub async fn name_and_capabilities_stay_the_same_and_check_changes_nothing(fixture: &Fixture) {
    let runner = &fixture.runner;
    let (name, capabilities) = (runner.name(), runner.capabilities());
    assert!(!name.is_empty(), "`name` must not be empty");
    let checked = bounded("`check`", runner.check()).await;
    checked.expect("`check` must succeed on a host machine on which the runner works");
    let running = fixture.container().await;
    let checked = bounded("`check`", runner.check()).await;
    checked.expect("`check` must succeed while a container is running");
    let output = running.run(Command::new(["true"])).await;
    assert!(
        output.status.success(),
        "the program `true` must succeed after a call of `check`, but `exec` returned {output:?}"
    );
    let after = (runner.name(), runner.capabilities());
    assert_eq!(
        after,
        (name, capabilities),
        "`check` and `exec` must not change the results of `name` and `capabilities`"
    );
    let workspace = running.container.workspace();
    assert!(workspace.is_absolute(), "`workspace` must be an absolute path, but is {workspace:?}");
    running.destroy().await;
}

/// Checks that each `exec` of a program that succeeds returns the exit code 0.
pub async fn exit_status_0_is_success(fixture: &Fixture) {
    let running = fixture.container().await;
    for _ in 0..3 {
        let status = running.run(Command::new(["true"])).await.status;
        assert_eq!(status, ExitStatus::Code(0), "`exec` of `true` must return the exit code 0");
    }
    running.destroy().await;
}

/// Checks that `exec` returns `Ok` with the exit code of a program that failed, and that the
/// container remains usable.
pub async fn a_program_that_fails_is_no_error(fixture: &Fixture) {
    let running = fixture.container().await;
    let status = running.run(Command::new(["false"])).await.status;
    assert_eq!(status, ExitStatus::Code(1), "`exec` of `false` must return the exit code 1");
    let status = running.run(Command::new(["true"])).await.status;
    assert!(
        status.success(),
        "the program `true` must succeed after the program `false` has failed, but ended with {status}"
    );
    running.destroy().await;
}

/// Checks that `exec` transfers standard input and standard output unchanged. The case transfers
/// 200,000 bytes, which are not text and are more than a pipe can buffer.
pub async fn stdin_and_stdout_are_transferred_whole(fixture: &Fixture) {
    let running = fixture.container().await;
    let given: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let output = running.run(Command::new(["cat"]).with_stdin(given.clone())).await;
    assert_eq!(output.status, ExitStatus::Code(0), "`cat` must succeed");
    let (got, expected) = (output.stdout.len(), given.len());
    assert!(
        output.stdout == given,
        "`exec` must transfer input and output unchanged: {got} of {expected} bytes arrived"
    );
    assert_eq!(output.stderr, b"", "`exec` must not pass standard output as standard error");
    running.destroy().await;
}

/// Checks that `exec` does not call the sink if the program prints nothing.
pub async fn no_output_is_no_chunk(fixture: &Fixture) {
    let running = fixture.container().await;
    for command in [Command::new(["true"]), Command::new(["cat"])] {
        let mut sink = |stream: OutputStream, bytes: &[u8]| {
            let count = bytes.len();
            panic!(
                "if a program prints nothing, `exec` must not call the sink, but the sink got \
                 {count} bytes on {stream:?}"
            );
        };
        let exec = running.container.exec(&command, &mut sink);
        let status = bounded("`exec`", exec).await.expect("`exec` must return `Ok`");
        assert!(status.success(), "the program must succeed, but ended with {status}: {command:?}");
    }
    running.destroy().await;
}

/// Checks that every program gets the container's plain and secret environment variables with
/// unchanged values. The `Debug` output of the container and the runner must not contain a secret
/// value.
pub async fn the_environment_of_the_container_reaches_every_program(fixture: &Fixture) {
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_env(vec![
        plain("CASE_PLAIN", "a value = with 'quotes' $HOME"),
        ("CASE_SECRET".to_owned(), EnvValue::Secret(Secret::from("hunter2"))),
    ]);
    let running = fixture.container_with(spec, workspace).await;
    let unchanged = "`exec` must pass the container's environment variables unchanged";
    for _ in 0..2 {
        let shown = running.run(Command::new(["printenv", "CASE_PLAIN"])).await;
        assert_eq!(shown.stdout, b"a value = with 'quotes' $HOME\n", "{unchanged}");
        let shown = running.run(Command::new(["printenv", "CASE_SECRET"])).await;
        assert_eq!(shown.stdout, b"hunter2\n", "{unchanged}");
    }
    let debug = format!("{:?} {:?}", running.container, fixture.runner);
    assert!(!debug.contains("hunter2"), "`Debug` output must not contain a secret: {debug}");
    running.destroy().await;
}

/// Checks that the environment variables of a [`Command`] reach the program of this command, but do
/// not reach a later program.
pub async fn the_environment_of_a_command_reaches_that_program_alone(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["printenv", "CASE_ONCE"]);
    let with = command.clone().with_env("CASE_ONCE", EnvValue::Plain("1".to_owned()));
    let shown = running.run(with).await.stdout;
    let rule = "`exec` must pass a command's environment variables to the program";
    assert_eq!(shown, b"1\n", "{rule}");
    let without = running.run(command).await;
    let (shown, expected) = ((without.status, without.stdout), (ExitStatus::Code(1), Vec::new()));
    let rule = "`exec` must not pass a command's environment variables to a later program";
    assert_eq!(shown, expected, "{rule}");
    running.destroy().await;
}

/// Checks that no program gets an environment variable of the test process, because such a variable
/// can contain a token. The case uses `CARGO_MANIFEST_DIR`, which cargo sets for every test.
pub async fn the_environment_of_the_host_does_not_get_in(fixture: &Fixture) {
    // spec: X4b
    const OURS: &str = "CARGO_MANIFEST_DIR";
    assert!(
        std::env::var_os(OURS).is_some(),
        "cargo must set {OURS}: start the case with `cargo test`"
    );
    let running = fixture.container().await;
    let shown = running.run(Command::new(["printenv", OURS])).await;
    let words = String::from_utf8_lossy(&shown.stdout).into_owned();
    let expected = (ExitStatus::Code(1), "");
    let rule = "`exec` must not pass environment variables of the host machine to a program";
    assert_eq!((shown.status, &*words), expected, "{rule}: {OURS}");
    running.destroy().await;
}

/// Checks that after `stop`, the workspace directory on the host machine contains the files that a
/// program wrote. This rule holds for containers that mount the directory and for containers that
/// use a copy of the directory.
pub async fn a_file_that_was_written_is_on_the_host_after_stop(fixture: &Fixture) {
    let running = fixture.container().await;
    let tee = Command::new(["tee", "--", "written.txt"]).with_stdin("left behind\n");
    let output = running.run(tee).await;
    let expected = (ExitStatus::Code(0), b"left behind\n".to_vec());
    assert_eq!((output.status, output.stdout), expected, "`tee` must succeed and print its input");
    running.stop(Duration::from_secs(1)).await;
    let found = running.file("written.txt");
    assert_eq!(
        found.as_deref(),
        Some("left behind\n"),
        "after `stop`, the workspace directory must contain the file that the program wrote"
    );
    running.destroy().await;
}

/// Checks that after `stop`, a file that no program changed has its old content, and that the
/// runner has added no file to the workspace directory.
pub async fn untouched_host_files_are_the_same_after_stop(fixture: &Fixture) {
    let workspace = fixture.workspace();
    std::fs::create_dir(workspace.path().join("src")).unwrap();
    std::fs::write(workspace.path().join("src/a.txt"), "as it was").unwrap();
    let spec = ContainerSpec::new(workspace.path());
    let running = fixture.container_with(spec, workspace).await;
    let status = running.run(Command::new(["true"])).await.status;
    assert!(status.success(), "`true` must succeed: {status}");
    running.stop(Duration::from_secs(1)).await;
    let found = running.file("src/a.txt");
    assert_eq!(
        found.as_deref(),
        Some("as it was"),
        "`stop` must not change a file that no program wrote"
    );
    let entries = std::fs::read_dir(running.workspace.path()).unwrap().count();
    assert_eq!(entries, 1, "the runner must not add files to the workspace");
    running.destroy().await;
}

/// Checks that the programs of one container share the workspace: a later program can replace a
/// file that an earlier program wrote.
pub async fn a_later_program_sees_what_an_earlier_one_left(fixture: &Fixture) {
    let running = fixture.container().await;
    for content in ["a long first version", "short"] {
        running.run(Command::new(["tee", "--", "file"]).with_stdin(content)).await;
    }
    running.stop(Duration::from_secs(1)).await;
    let found = running.file("file");
    assert_eq!(
        found.as_deref(),
        Some("short"),
        "a later program must be able to replace an earlier program's file"
    );
    running.destroy().await;
}

/// Checks that `exec` of a program that does not exist fails with [`ErrorKind::NotFound`], or
/// returns the exit code 126 or 127, which shells and container engines use for this problem.
pub async fn a_program_that_is_not_there_is_not_run(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["no-such-program-anywhere"]);
    match bounded("`exec`", running.container.output(&command)).await {
        Ok(output) => assert!(
            matches!(output.status, ExitStatus::Code(126 | 127)),
            "`exec` of a missing program must fail or return the exit code 126 or 127, but \
             returned {}",
            output.status
        ),
        Err(error) => assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "if `exec` of a missing program fails, the error kind must be NotFound, \
             but the error is: {error}"
        ),
    }
    let status = running.run(Command::new(["true"])).await.status;
    assert!(
        status.success(),
        "the program `true` must succeed after `exec` of a missing program, but ended with {status}"
    );
    running.destroy().await;
}
