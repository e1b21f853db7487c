//! What holds for subprocesses alone.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ccc_core::container::{Capabilities, Command, ContainerSpec, EnvValue, Output, Resources};
use ccc_core::{Clock, ContainerExt, ContainerRunner, ErrorKind, RunId, SystemClock};
use ccc_runner::SubprocessRunner;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use tempfile::TempDir;

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

/// A directory that only its owner may enter.
fn shut() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    directory
}

/// What a shell says to `line`, in a workspace that lies, as the state does, where only root may go.
async fn told(line: &str, resources: Resources, as_root: bool) -> ccc_core::Result<Output> {
    let data = shut();
    std::fs::write(data.path().join("canary"), "a secret of the service").unwrap();
    let workspace = data.path().join("runs/1/workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("file"), "work\n").unwrap();
    let runner = SubprocessRunner::new(data.path().join("state")).unwrap();
    let runner = if as_root { runner.dangerously_as_root() } else { runner };
    runner.check().await.unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let spec = ContainerSpec::new(&workspace).with_resources(resources);
    let container = runner.spawn(run, &spec).await.unwrap();
    let plain = |path: &Path| EnvValue::Plain(path.to_str().unwrap().to_owned());
    let command = Command::new(["sh", "-c", line])
        .with_env("DATA", plain(data.path()))
        .with_env("WORKSPACE", plain(&workspace));
    let output = container.output(&command).await;
    container.stop(Duration::ZERO).await.unwrap();
    assert!(workspace.join("file").is_file());
    runner.destroy(run).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
    output
}

#[tokio::test]
async fn a_service_that_is_root_gives_its_programs_a_user_of_their_own() {
    // spec: X4d
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can give anybody a user");
        return;
    }
    for (line, expected, as_roots) in [
        ("id -u; id -g; id -G", "10001\n10001\n10001\n", "0\n0\n"),
        (
            "grep -E 'CapPrm|CapEff|CapBnd' /proc/self/status | tr -d '0[:space:]'",
            "CapPrm:CapEff:CapBnd:",
            "f",
        ),
        ("cat $DATA/canary 2>/dev/null || echo no", "no\n", "a secret of the service"),
        ("[ -e $DATA/canary ] || echo no; [ -e $DATA/runs/1/git ] || echo no", "no\nno\n", ""),
        ("ls $DATA >/dev/null 2>&1 || echo no", "no\n", ""),
        (
            "[ $(pwd) = $WORKSPACE ] && cat $WORKSPACE/file && echo more > file && cat file",
            "work\nmore\n",
            "work",
        ),
        ("cd && touch a && ls; touch $TMPDIR/b && ls $TMPDIR", "a\nb\n", "a\nb\n"),
        ("umask", "0022\n", "0022\n"),
        ("cat /etc/shadow 2>/dev/null || echo no", "no\n", "root:"),
    ] {
        for (as_root, expected) in [(false, expected), (true, as_roots)] {
            let output = told(line, Resources::default(), as_root).await.unwrap();
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let fits = if as_root { shown.contains(expected) } else { shown == expected };
            assert!(fits, "{line}, as root: {as_root}: {shown} {errors}");
        }
    }
}

#[tokio::test]
async fn what_the_user_cannot_start_is_said_before_it_is_tried() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (place, workspace) = (shut(), tempfile::tempdir().unwrap());
    let program = place.path().join("program");
    std::fs::copy("/bin/true", &program).unwrap();
    let runner = SubprocessRunner::new(place.path().join("state")).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let error = container.output(&Command::new([program.to_str().unwrap()])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("install it for everybody"), "{error}");
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn ceilings_hold_as_far_as_the_kernel_holds_them() {
    // spec: X2
    let few = |change: fn(&mut Resources)| {
        let mut resources = Resources::default();
        change(&mut resources);
        resources
    };
    let endless = "while :; do head -c 1M /dev/zero >> a$((i % 8)); i=$((i+1)); done";
    let bytes = few(|resources| resources.workspace_bytes = 4 << 20);
    let error = told(endless, bytes, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("more than 4 MiB"), "{error}");
    let endless = "(while :; do mkdir -p $((i % 900))/$i; i=$((i+1)); done)";
    let entries = few(|resources| resources.workspace_entries = 200);
    let error = told(endless, entries, false).await.unwrap_err();
    assert!(error.to_string().contains("more than 200 files"), "{error}");

    let greedy = "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null";
    let memory = few(|resources| resources.memory = 32 << 20);
    assert!(!told(greedy, memory, false).await.unwrap().status.success());
    assert!(told(greedy, Resources::default(), false).await.unwrap().status.success());
    assert_eq!(
        told("grep NoNewPrivs /proc/self/status", Resources::default(), true).await.unwrap().stdout,
        b"NoNewPrivs:\t1\n"
    );
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
