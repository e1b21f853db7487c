//! Tests with programs that exceed their resource limits.

use std::time::Duration;

use ccc_core::container::{Command, ContainerSpec, ExitStatus, Resources};
use ccc_core::testing::has_part;
use ccc_core::{Container, ContainerExt, ContainerRunner, ErrorKind, RunId};
use ccc_runner::{DockerRunner, Workspaces};
use tempfile::TempDir;

use super::{engine, new_run, patiently, runner};

struct Running {
    runner: DockerRunner,
    run: RunId,
    container: Box<dyn Container>,
    workspace: TempDir,
    _state: TempDir,
}

impl Running {
    async fn with(workspaces: Workspaces, resources: Resources) -> Self {
        let (runner, state) = runner(workspaces);
        let (run, workspace) = (new_run(), tempfile::tempdir().unwrap());
        let spec = ContainerSpec::new(workspace.path()).with_resources(resources);
        let container = runner.spawn(run, &spec).await.unwrap();
        Self { runner, run, container, workspace, _state: state }
    }

    async fn sh(&self, line: &str) -> ccc_core::Result<ccc_core::container::Output> {
        patiently(self.container.output(&Command::new(["sh", "-c", line]))).await
    }

    /// Ends the run, and checks that nothing is left of it.
    async fn over(self) {
        patiently(self.container.stop(Duration::ZERO)).await.unwrap();
        patiently(self.runner.destroy(self.run)).await.unwrap();
        assert_eq!(self.runner.orphans().await.unwrap(), []);
        assert!(self.workspace.path().is_dir());
    }
}

/// Checks that a program that exceeds one limit ends the container, with an error that names the
/// limit.
async fn check(change: impl Fn(&mut Resources), line: &str, expected: &str) {
    if !engine() {
        return;
    }
    for workspaces in [Workspaces::Mounted, Workspaces::Copied] {
        let mut resources = Resources::default();
        change(&mut resources);
        let running = Running::with(workspaces, resources).await;
        let error = running.sh(line).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        // Later calls return the same error.
        let again = running.sh("true").await.unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
        if workspaces == Workspaces::Mounted {
            running.over().await;
        } else {
            // Copying the workspace out also exceeds the limit, unless the limit was the number of
            // processes.
            match running.container.stop(Duration::ZERO).await {
                Ok(()) => assert!(expected.contains("processes"), "the workspace was copied out"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}"),
            }
            running.runner.destroy(running.run).await.unwrap();
            assert_eq!(running.runner.orphans().await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn a_workspace_that_grows_without_end_ends_the_container() {
    // spec: X2
    let line = "while :; do yes | head -c 1M >> a$((i % 8)); i=$((i+1)); done";
    check(|resources| resources.workspace_bytes = 16 << 20, line, "more than 16 MiB").await;
}

#[tokio::test]
async fn a_program_cannot_stop_the_measurement_of_the_workspace() {
    // spec: X2
    let line = "prlimit --pid 1 --nofile=3:3; kill -STOP 1; kill -KILL 1; renice 19 1; \
        while :; do yes | head -c 1M >> a$((i % 8)); i=$((i+1)); done";
    check(|resources| resources.workspace_bytes = 16 << 20, line, "more than 16 MiB").await;
}

/// A small file system, which is unmounted when it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a file system. Returns `None` without the permission to mount.
    fn new(options: &str) -> Option<Self> {
        let root = rustix::process::geteuid().is_root();
        if !has_part("root", root, "run the tests as root, which can mount file systems") {
            return None;
        }
        let at = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(at.path())
            .status();
        assert!(mounted.unwrap().success(), "cannot mount");
        Some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted =
            std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking(), "cannot unmount");
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_ends_the_container() {
    // spec: X2
    if !engine() {
        return;
    }
    for (options, line) in [
        ("size=100m", "head -c 60M /dev/zero > a; sleep 60"),
        // The file is deleted while it is open, so it cannot be counted by its name.
        ("size=100m", "exec 3> a; rm a; head -c 60M /dev/zero >&3; sleep 60"),
        ("size=100m,nr_inodes=2000", "(i=0; while : > $i; do i=$((i+1)); done); sleep 60"),
    ] {
        let Some(disk) = SmallDisk::new(options) else { return };
        let workspace = disk.0.path().join("workspace");
        std::fs::create_dir(&workspace).unwrap();
        let (runner, _state) = runner(Workspaces::Mounted);
        let run = new_run();
        let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
        let command = Command::new(["sh", "-c", line]);
        let error = patiently(container.output(&command)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
        assert!(error.to_string().contains("disk"), "{error}");
        runner.destroy(run).await.unwrap();
        assert_eq!(runner.orphans().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_program_cannot_slow_down_the_keeper() {
    // spec: X14d
    if !engine() {
        return;
    }
    let running = Running::with(Workspaces::Auto, Resources::default()).await;
    // The script uses system calls to reduce the processor time of each thread of the keeper as far
    // as possible. A process that is never scheduled cannot be killed.
    let script = "my $bad = 0; for (glob '/proc/1/task/*') { my ($t) = /(\\d+)$/; $t += 0; \
        my $p = pack('i', 0); my $m = pack('Q', 1); \
        $bad++ if syscall(144, $t, 5, $p) == 0; $bad++ if syscall(203, $t, 8, $m) == 0; \
        $bad++ if syscall(141, 0, $t, 19) == 0; $bad++ if syscall(251, 1, $t, 7) == 0; } \
        $bad++ if syscall(141, 2, 0, 19) == 0; $bad++ if syscall(141, 1, 0, 19) == 0; exit $bad";
    let output = patiently(running.container.output(&Command::new(["perl", "-e", script]))).await;
    assert_eq!(output.unwrap().status, ExitStatus::Code(0));
    // A program can still reduce its own priority and limits.
    let output =
        running.sh("nice -n 5 taskset 1 true && prlimit --nofile=100:100 true").await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    running.over().await;
}

#[tokio::test]
async fn files_in_a_directory_that_cannot_be_entered_are_counted() {
    // spec: X2
    let line = "mkdir h; exec 3>h/a 4>h/b 5>h/c; chmod 400 h; for i in 3 4 5; do \
        yes | head -c 15M >&$i; done; sleep 60";
    check(|resources| resources.workspace_bytes = 16 << 20, line, "more than 16 MiB").await;
}

#[tokio::test]
async fn too_many_files_end_the_container() {
    // spec: X2
    let line = "i=1; while :; do mkdir $i; cd $i; : > a; : > b; i=$((i+1)); done";
    check(|resources| resources.workspace_entries = 500, line, "more than 500 files").await;
}

#[tokio::test]
async fn too_many_processes_end_the_container() {
    // spec: X1
    let line = "exec perl -e 'fork while 1' 2>/dev/null";
    check(|resources| resources.processes = 40, line, "at its limit of 40 processes").await;
}

#[tokio::test]
async fn too_much_memory_ends_the_program_and_is_reported() {
    // spec: X1
    if !engine() {
        return;
    }
    let resources = |memory| {
        let mut resources = Resources::default();
        resources.memory = memory;
        resources
    };
    let running = Running::with(Workspaces::Auto, resources(96 << 20)).await;
    let hog = Command::new(["tail", "/dev/zero"]);
    let output = patiently(running.container.output(&hog)).await.unwrap();
    assert_eq!(output.status, ExitStatus::OutOfMemory);
    // The same in a child process of a shell.
    let output = running.sh("tail /dev/zero; exit $?").await.unwrap();
    assert_eq!(output.status, ExitStatus::OutOfMemory);
    // The container continues to run, and other exit statuses are reported unchanged.
    assert_eq!(running.sh("exit 137").await.unwrap().status, ExitStatus::Code(137));
    assert_eq!(running.sh("kill -9 $$").await.unwrap().status, ExitStatus::Signal(9));
    running.over().await;
}

#[tokio::test]
async fn files_in_memory_count_as_memory() {
    // spec: X1
    if !engine() {
        return;
    }
    let mut resources = Resources::default();
    resources.memory = 96 << 20;
    let running = Running::with(Workspaces::Auto, resources).await;
    let filled = running.sh("cat /dev/zero > /tmp/fill").await;
    let ended = match &filled {
        Ok(output) => !output.status.success(),
        Err(error) => error.kind() == ErrorKind::LimitExceeded,
    };
    assert!(ended, "{filled:?}");
    running.over().await;
}

#[tokio::test]
async fn the_kernel_refuses_a_file_that_is_too_large_and_too_many_open_files() {
    // spec: X1
    if !engine() {
        return;
    }
    let mut resources = Resources::default();
    (resources.workspace_bytes, resources.open_files) = (8 << 20, 64);
    let running = Running::with(Workspaces::Auto, resources).await;
    let output = running.sh("head -c 9M /dev/zero > one; exit $?").await.unwrap();
    assert!(!output.status.success(), "{output:?}");
    let script = "for (1..100) { open($f[$_], '<', '/dev/null') or exit 7 }";
    let output = patiently(running.container.output(&Command::new(["perl", "-e", script]))).await;
    assert_eq!(output.unwrap().status, ExitStatus::Code(7));
    let output = running.sh("ulimit -c").await.unwrap();
    assert_eq!(output.stdout, b"0\n");
    running.over().await;
}

#[tokio::test]
async fn zombies_without_parents_are_reaped() {
    // spec: X1
    if !engine() {
        return;
    }
    let mut resources = Resources::default();
    resources.processes = 48;
    let running = Running::with(Workspaces::Auto, resources).await;
    // Starts more processes than the limit, one after the other, and each is left by its parent.
    let orphans = "i=0; while [ $i -lt 100 ]; do (true &) || exit 1; i=$((i+1)); sleep 0.01; done";
    let output = running.sh(orphans).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let none_dead = "i=0; while grep -qs ' Z 1 ' /proc/[0-9]*/stat; do
        i=$((i+1)); [ $i -lt 100 ] || exit 1; sleep 0.05; done";
    assert!(running.sh(none_dead).await.unwrap().status.success(), "a zombie was not reaped");
    running.over().await;
}
