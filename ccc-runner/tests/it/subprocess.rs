//! What holds for subprocesses alone.

use std::collections::BTreeSet;

use ccc_core::container::{Capabilities, Command, ContainerSpec, EnvValue};
use ccc_core::{Clock, ContainerExt, ContainerRunner, RunId, SystemClock};
use ccc_runner::SubprocessRunner;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

#[tokio::test]
async fn a_subprocess_has_the_environment_that_it_is_given_and_no_more() {
    // spec: X4b
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let given = vec![("GIVEN".to_owned(), EnvValue::Plain("1".to_owned()))];
    let spec = ContainerSpec::new(workspace.path()).with_env(given);
    let container = runner.spawn(run, &spec).await.unwrap();
    let shown = container.output(&Command::new(["env", "-0"])).await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let names: BTreeSet<&str> =
        shown.split('\0').filter_map(|variable| Some(variable.split_once('=')?.0)).collect();
    let expected = ["CCC_OWNER", "CCC_RUN", "GIVEN", "HOME", "LANG", "PATH", "TMPDIR"];
    assert_eq!(names, BTreeSet::from(expected));
    runner.destroy(run).await.unwrap();
}

#[test]
fn it_promises_nothing() {
    // spec: X4a
    let state = tempfile::tempdir().unwrap();
    let runner = SubprocessRunner::new(state.path()).unwrap();
    assert_eq!(runner.capabilities(), Capabilities::none());
}

#[tokio::test]
async fn a_home_of_any_depth_goes_with_the_run() {
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    // Deeper than a recursion gets with the stack of a thread.
    let home = state.path().join(run.to_string()).join("home");
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut at = openat(CWD, &home, flags, Mode::empty()).unwrap();
    for _ in 0..40_000 {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    runner.destroy(run).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
}
