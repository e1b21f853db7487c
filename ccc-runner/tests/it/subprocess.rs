//! Tests of the behaviour that is specific to subprocesses.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use ccc_core::container::{Capabilities, Command, ContainerSpec, EnvValue, Output, Resources};
use ccc_core::testing::has_part;
use ccc_core::{
    Clock, Container, ContainerExt, ContainerRunner, ErrorKind, Remedy, RunId, SystemClock,
};
use ccc_runner::SubprocessRunner;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

mod between;
mod service_end;

#[tokio::test]
async fn a_subprocess_has_only_the_environment_of_its_specification() {
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
fn a_subprocess_runner_reports_no_capabilities() {
    // spec: X4a
    let state = tempfile::tempdir().unwrap();
    let runner = SubprocessRunner::new(state.path()).unwrap();
    assert_eq!(runner.capabilities(), Capabilities::none());
}

/// Returns whether this process can assign UIDs, which only root can.
fn root() -> bool {
    has_part("root", rustix::process::geteuid().is_root(), "run the tests as root")
}

/// Creates a directory that only its owner can enter.
fn shut() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    directory
}

/// Runs `line` in a shell and returns its output. The workspace and the state are in a directory
/// that only the owner can enter.
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
    // From now on the service inspects the workspace as root, so only root can change it.
    let left = std::fs::metadata(&workspace).unwrap();
    assert!(as_root || (left.uid(), left.mode() & 0o022) == (0, 0));
    runner.destroy(run).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
    output
}

#[tokio::test]
async fn a_service_that_is_root_runs_programs_under_a_dedicated_uid() {
    // spec: X4d
    if !root() {
        return;
    }
    for (line, expected, as_roots) in [
        ("[ $(id -u) -gt 10001 ] && id | tr -d '0-9()' | cut -c 1-20", "uid= gid= groups=\n", ""),
        ("id -G | wc -w; [ $(id -u) = $(id -g) ] && echo same", "1\nsame\n", "same"),
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
        (r#"ls -l /proc/self/fd | grep -cE "$WORKSPACE|${HOME%/home}""#, "0\n", "0\n"),
        ("chmod 777 . && cat /proc/self/oom_score_adj", "500\n", ""),
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
async fn only_programs_that_the_dedicated_uid_can_start_are_found() {
    if !root() {
        return;
    }
    let (place, workspace) = (shut(), tempfile::tempdir().unwrap());
    let program = place.path().join("true");
    std::fs::copy("/bin/false", &program).unwrap();
    let runner = SubprocessRunner::new(place.path().join("state")).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let error = container.output(&Command::new([program.to_str().unwrap()])).await.unwrap_err();
    let remedy = Some(Remedy::PermitAgentAsRoot);
    assert_eq!((error.kind(), error.remedy()), (ErrorKind::NotFound, remedy), "{error}");
    assert!(error.to_string().contains("every user may enter"), "{error}");
    // A program in an earlier directory of `PATH` is skipped if the UID cannot access it.
    let path = EnvValue::Plain(format!("{}:/usr/bin:/bin", place.path().display()));
    let output = container.output(&Command::new(["true"]).with_env("PATH", path)).await.unwrap();
    assert!(output.status.success());
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn a_repository_cannot_replace_programs() {
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(workspace.path().join("bin")).unwrap();
    symlink("/bin/false", workspace.path().join("bin/true")).unwrap();
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let status = async |program: &str| {
        let path = EnvValue::Plain("bin:.:/usr/bin:/bin".to_owned());
        let command = Command::new([program]).with_env("PATH", path);
        container.output(&command).await.unwrap().status
    };
    assert!(status("true").await.success());
    // A program is started if the command names its path.
    assert!(!status("bin/true").await.success());
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn variables_that_can_affect_a_program_of_root_are_refused() {
    // spec: X4d
    if !root() {
        return;
    }
    for name in ["LD_PRELOAD", "BASH_ENV", "ENV", "A.B", "x-y", "1", "ccc_path", "GLIBC_TUNABLES"] {
        let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for as_root in [false, true] {
            let runner = SubprocessRunner::new(state.path()).unwrap();
            let runner = if as_root { runner.dangerously_as_root() } else { runner };
            let run = RunId::new(SystemClock.now()).unwrap();
            let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
            let command = Command::new(["true"]).with_env(name, EnvValue::Plain("x".to_owned()));
            let said = container.output(&command).await;
            assert_eq!(said.is_ok(), as_root, "{name}: {said:?}");
            runner.destroy(run).await.unwrap();
        }
    }
}

/// Runs `line`, which leaves a process behind. Returns the PID and the UID of that process.
async fn left_behind(container: &dyn Container, workspace: &Path, line: &str) -> (Pid, u32) {
    let output = container.output(&Command::new(["sh", "-c", line])).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = workspace.join("pid");
    while !file.exists() {
        SystemClock.sleep(Duration::from_millis(5)).await;
    }
    let text = std::fs::read_to_string(file).unwrap();
    let uid = std::fs::metadata(workspace.join("pid")).unwrap().uid();
    (Pid::from_raw(text.trim().parse().unwrap()).unwrap(), uid)
}

fn is_alive(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    // A zombie that was not reaped yet is not alive.
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[tokio::test]
async fn a_detached_process_ends_with_its_run_under_a_dedicated_uid() {
    // spec: X4b, X4d
    if !root() {
        return;
    }
    // The process has neither the environment nor the session of its run.
    let line = "env -i setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 300' > /dev/null 2>&1 & sleep 0.1";
    for as_root in [false, true] {
        let state = tempfile::tempdir().unwrap();
        let new = || {
            let runner = SubprocessRunner::new(state.path()).unwrap();
            if as_root { runner.dangerously_as_root() } else { runner }
        };
        for restarted in [false, true] {
            let workspace = tempfile::tempdir().unwrap();
            let (runner, run) = (new(), RunId::new(SystemClock.now()).unwrap());
            let spec = ContainerSpec::new(workspace.path());
            let container = runner.spawn(run, &spec).await.unwrap();
            let (pid, _) = left_behind(&*container, workspace.path(), line).await;
            assert!(is_alive(pid));
            if restarted {
                // As after a crash: only the state directory still records the UID of the run.
                drop((container, runner));
                new().destroy(run).await.unwrap();
            } else {
                container.stop(Duration::ZERO).await.unwrap();
                runner.destroy(run).await.unwrap();
            }
            let alive = is_alive(pid);
            assert_eq!(alive, as_root, "restarted: {restarted}");
            if alive {
                rustix::process::kill_process(pid, Signal::KILL).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn two_runs_do_not_see_each_other() {
    // spec: X4d
    if !root() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runs = [one.path(), two.path()].map(|path| (RunId::new(SystemClock.now()).unwrap(), path));
    let line =
        "sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 300' > /dev/null 2>&1 & sleep 0.1";
    let mut pids = Vec::new();
    let mut containers = Vec::new();
    for (run, path) in runs {
        let container = runner.spawn(run, &ContainerSpec::new(path)).await.unwrap();
        let (pid, uid) = left_behind(&*container, path, line).await;
        pids.push((pid, uid));
        containers.push(container);
    }
    assert_ne!(pids[0].1, pids[1].1);
    let peek = |pid: Pid| {
        let pid = pid.as_raw_nonzero();
        Command::new([
            "sh".to_owned(),
            "-c".to_owned(),
            format!("cat /proc/{pid}/environ; kill -0 {pid}"),
        ])
    };
    let own = containers[0].output(&peek(pids[0].0)).await.unwrap();
    assert!(own.status.success() && !own.stdout.is_empty(), "{own:?}");
    let others = containers[0].output(&peek(pids[1].0)).await.unwrap();
    assert!(!others.status.success() && others.stdout.is_empty(), "{others:?}");
    for (run, _) in runs {
        runner.destroy(run).await.unwrap();
    }
}

#[tokio::test]
async fn resource_limits_are_enforced_as_far_as_the_kernel_supports_them() {
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
    assert_eq!(told("ulimit -Hc", Resources::default(), true).await.unwrap().stdout, b"0\n");
    assert_eq!(
        told("grep NoNewPrivs /proc/self/status", Resources::default(), true).await.unwrap().stdout,
        b"NoNewPrivs:\t1\n"
    );
}

#[tokio::test]
async fn a_home_of_any_depth_is_removed_with_the_run() {
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    // Deeper than a recursive function can go on the stack of a thread.
    let home = state.path().join(run.to_string()).join("home");
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at = openat(CWD, &home, flags, Mode::empty()).unwrap();
    for _ in 0..40_000 {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    runner.destroy(run).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
}
