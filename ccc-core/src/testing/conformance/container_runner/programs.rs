//! What programs get, and what they give.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use super::fixture::Fixture;
use crate::container::{Command, ContainerSpec, EnvValue, ExitStatus, OutputStream};
use crate::testing::conformance::bounded;
use crate::{ContainerExt, ErrorKind, Secret};

fn plain(name: &str, value: &str) -> (String, EnvValue) {
    (name.to_owned(), EnvValue::Plain(value.to_owned()))
}

/// Plain facts, no I/O.
pub async fn facts_stay_as_they_are_and_check_changes_nothing(fixture: &Fixture) {
    let runner = &fixture.runner;
    let (name, capabilities) = (runner.name(), runner.capabilities());
    assert!(!name.is_empty(), "a runner has a name");
    bounded("check", runner.check()).await.expect("the runner can be used on this machine");
    let running = fixture.container().await;
    bounded("check", runner.check()).await.expect("a check while a container runs");
    assert!(running.run(Command::new(["true"])).await.status.success());
    assert_eq!((runner.name(), runner.capabilities()), (name, capabilities));
    assert!(running.container.workspace().is_absolute(), "{:?}", running.container.workspace());
    running.destroy().await;
}

/// `true`, several times over.
pub async fn exit_status_0_is_success(fixture: &Fixture) {
    let running = fixture.container().await;
    for _ in 0..3 {
        assert_eq!(running.run(Command::new(["true"])).await.status, ExitStatus::Code(0));
    }
    running.destroy().await;
}

/// The status is a value, and the container goes on.
pub async fn a_program_that_fails_is_no_error(fixture: &Fixture) {
    let running = fixture.container().await;
    assert_eq!(running.run(Command::new(["false"])).await.status, ExitStatus::Code(1));
    assert!(running.run(Command::new(["true"])).await.status.success());
    running.destroy().await;
}

/// More than a pipe holds, and no text; on standard output alone.
pub async fn what_is_given_on_stdin_comes_out_whole(fixture: &Fixture) {
    let running = fixture.container().await;
    let given: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let output = running.run(Command::new(["cat"]).with_stdin(given.clone())).await;
    assert_eq!(output.status, ExitStatus::Code(0));
    assert!(output.stdout == given, "{} of {} bytes", output.stdout.len(), given.len());
    assert_eq!(output.stderr, b"");
    running.destroy().await;
}

/// A sink is never called with nothing.
pub async fn no_output_is_no_chunk(fixture: &Fixture) {
    let running = fixture.container().await;
    for command in [Command::new(["true"]), Command::new(["cat"])] {
        let mut sink = |stream: OutputStream, bytes: &[u8]| {
            panic!("{stream:?} got {} bytes where nothing was printed", bytes.len());
        };
        let exec = running.container.exec(&command, &mut sink);
        assert!(bounded("exec", exec).await.unwrap().success());
    }
    running.destroy().await;
}

/// Plain and secret values, spaces and all.
pub async fn the_environment_of_the_container_reaches_every_program(fixture: &Fixture) {
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path()).with_env(vec![
        plain("CASE_PLAIN", "a value = with 'quotes' $HOME"),
        ("CASE_SECRET".to_owned(), EnvValue::Secret(Secret::from("hunter2"))),
    ]);
    let running = fixture.container_with(spec, workspace).await;
    for _ in 0..2 {
        let shown = running.run(Command::new(["printenv", "CASE_PLAIN"])).await;
        assert_eq!(shown.stdout, b"a value = with 'quotes' $HOME\n");
        let shown = running.run(Command::new(["printenv", "CASE_SECRET"])).await;
        assert_eq!(shown.stdout, b"hunter2\n");
    }
    let debug = format!("{:?} {:?}", running.container, fixture.runner);
    assert!(!debug.contains("hunter2"), "a secret is shown: {debug}");
    running.destroy().await;
}

/// The next program does not have it any more.
pub async fn the_environment_of_a_command_reaches_that_program_alone(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["printenv", "CASE_ONCE"]);
    let with = command.clone().with_env("CASE_ONCE", EnvValue::Plain("1".to_owned()));
    assert_eq!(running.run(with).await.stdout, b"1\n");
    let without = running.run(command).await;
    assert_eq!((without.status, without.stdout), (ExitStatus::Code(1), Vec::new()));
    running.destroy().await;
}

/// Cargo sets variables for every test; they are as good as a token.
pub async fn the_environment_of_the_host_does_not_get_in(fixture: &Fixture) {
    // spec: X4b
    const OURS: &str = "CARGO_MANIFEST_DIR";
    assert!(std::env::var_os(OURS).is_some(), "run this with cargo: {OURS} is the bait");
    let running = fixture.container().await;
    let shown = running.run(Command::new(["printenv", OURS])).await;
    let words = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!((shown.status, &*words), (ExitStatus::Code(1), ""), "{OURS} got in");
    running.destroy().await;
}

/// Whether the workspace is mounted or copied.
pub async fn a_file_that_was_written_is_on_the_host_after_stop(fixture: &Fixture) {
    let running = fixture.container().await;
    let tee = Command::new(["tee", "--", "written.txt"]).with_stdin("left behind\n");
    let output = running.run(tee).await;
    assert_eq!((output.status, output.stdout), (ExitStatus::Code(0), b"left behind\n".to_vec()));
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("written.txt").as_deref(), Some("left behind\n"));
    running.destroy().await;
}

/// Content, and that nothing else came.
pub async fn host_files_that_nobody_touched_are_the_same_after_stop(fixture: &Fixture) {
    let workspace = fixture.workspace();
    std::fs::create_dir(workspace.path().join("src")).unwrap();
    std::fs::write(workspace.path().join("src/a.txt"), "as it was").unwrap();
    let spec = ContainerSpec::new(workspace.path());
    let running = fixture.container_with(spec, workspace).await;
    assert!(running.run(Command::new(["true"])).await.status.success());
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("src/a.txt").as_deref(), Some("as it was"));
    assert_eq!(std::fs::read_dir(running.workspace.path()).unwrap().count(), 1, "there is more");
    running.destroy().await;
}

/// The second write replaces what the first left.
pub async fn a_later_program_sees_what_an_earlier_one_left(fixture: &Fixture) {
    let running = fixture.container().await;
    for content in ["a long first version", "short"] {
        running.run(Command::new(["tee", "--", "file"]).with_stdin(content)).await;
    }
    running.stop(Duration::from_secs(1)).await;
    assert_eq!(running.file("file").as_deref(), Some("short"));
    running.destroy().await;
}

/// An error of the kind not found, or the status with which shells and engines say so.
pub async fn a_program_that_is_not_there_is_not_run(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["no-such-program-anywhere"]);
    match bounded("exec", running.container.output(&command)).await {
        Ok(output) => assert!(
            matches!(output.status, ExitStatus::Code(126 | 127)),
            "a program that is not there ended with {}",
            output.status
        ),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
    assert!(running.run(Command::new(["true"])).await.status.success());
    running.destroy().await;
}
