//! Tests of the isolation of a run from later runs, from concurrent runs, and from the service.

use super::*;

/// A program that hides: it discards its environment, starts a new session, and its parent process
/// ends.
const UNSEEN: &str = r#"
import ctypes, os, sys, threading, time
if "HIDDEN" not in os.environ:
    if os.fork():
        while not os.path.exists("pid"): time.sleep(0.01)
        sys.exit()
    os.setsid()
    if os.fork(): os._exit(0)
    for descriptor in range(3): os.close(descriptor)
    os.execve(sys.executable, [sys.executable, "-c", open("unseen.py").read(), sys.argv[1]], {"HIDDEN": "1"})
c = ctypes.CDLL(None, use_errno=True)
def work():
    with open("pid.new", "w") as file: file.write(str(os.getpid()))
    os.rename("pid.new", "pid")
    while True: time.sleep(1)
if sys.argv[1] == "name":
    c.prctl(15, b"\xff\xfe) Z", 0, 0, 0)
if sys.argv[1] == "thread":
    threading.Thread(target=work).start()
    # SYS_exit ends only this thread.
    c.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
if sys.argv[1] == "stopped":
    threading.Timer(0.2, lambda: os.kill(os.getpid(), 19)).start()
work()
"#;

#[tokio::test]
async fn no_process_outlives_its_run() {
    // spec: X4b, X4d
    if !root() || !has_part("python3", python().is_some(), "install python3") {
        return;
    }
    let python = python().unwrap();
    for way in ["plain", "name", "thread", "stopped"] {
        let data = shut();
        let workspace = data.path().join("workspace");
        std::fs::create_dir(&workspace).unwrap();
        std::fs::write(workspace.join("unseen.py"), UNSEEN).unwrap();
        let runner = SubprocessRunner::new(data.path().join("state")).unwrap();
        let run = RunId::new(SystemClock.now()).unwrap();
        let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
        let ended = container.output(&Command::new([&*python, "unseen.py", way])).await.unwrap();
        assert!(ended.status.success(), "{way}: {}", String::from_utf8_lossy(&ended.stderr));
        let pid = std::fs::read_to_string(workspace.join("pid")).unwrap();
        let process = Path::new("/proc").join(&pid);
        assert!(process.exists(), "{way}: the process ended early");
        runner.destroy(run).await.unwrap();
        let task = process.join("task");
        let threads = std::fs::read_dir(task).into_iter().flatten().flatten().map(|t| t.path());
        let alive = threads.filter(|thread| {
            let status = std::fs::read(thread.join("status")).unwrap_or_default();
            let status = String::from_utf8_lossy(&status).into_owned();
            status.contains("State:") && !status.contains("State:\tZ")
        });
        assert_eq!(alive.count(), 0, "{way}: process {pid} is still alive");
    }
}

fn python() -> Option<String> {
    let path = ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter();
    path.map(str::to_owned).find(|path| Path::new(path).exists())
}

#[tokio::test]
async fn runs_of_a_root_service_find_no_files_or_ipc_objects_of_each_other() {
    // spec: X4d
    if !root() {
        return;
    }
    let data = shut();
    let runner = SubprocessRunner::new(data.path().join("state")).unwrap();
    let leave = "for dir in /var/tmp /dev/shm /run/lock; do echo left > $dir/ccc-left; done; ipcmk -M 4096 -Q -S 1 >&2; \
                 ls /var/tmp";
    let look = "ls /var/tmp /dev/shm /run/lock; ipcs | grep -c 0x";
    let told = async |line: &str| {
        let workspace = data.path().join("workspace");
        let _ = std::fs::create_dir(&workspace);
        let run = RunId::new(SystemClock.now()).unwrap();
        let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
        let output = container.output(&Command::new(["sh", "-c", line])).await.unwrap();
        runner.destroy(run).await.unwrap();
        std::fs::remove_dir_all(workspace).unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told(leave).await, "ccc-left\n");
    assert_eq!(told(look).await, "/dev/shm:\n\n/run/lock:\n\n/var/tmp:\n0\n");
    for place in ["/var/tmp", "/dev/shm", "/run/lock"] {
        assert!(!Path::new(place).join("ccc-left").exists(), "{place}");
    }
}

#[tokio::test]
async fn no_program_inherits_a_descriptor_of_the_service() {
    // spec: X4b
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The parent of a service can leave descriptors open like these.
    let open = || openat(CWD, "/etc/passwd", OFlags::RDONLY, Mode::empty()).unwrap();
    let kept: Vec<_> = std::iter::repeat_with(open).take(60).collect();
    let number = kept.iter().map(std::os::fd::AsRawFd::as_raw_fd).max().unwrap();
    let line = format!("[ -e /proc/self/fd/{number} ] && echo there || echo gone");
    let plain = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(plain.stdout, b"there\n");
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let output = container.output(&Command::new(["sh", "-c", &line])).await.unwrap();
    assert_eq!(output.stdout, b"gone\n");
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn files_in_the_home_of_a_run_count_towards_its_limit() {
    // spec: X4d
    if !root() {
        return;
    }
    let mut resources = Resources::default();
    resources.workspace_bytes = 4 << 20;
    let line = "for i in 1 2 3 4; do head -c 3000000 /dev/urandom > $HOME/$i; done; sleep 60";
    let error = told(line, resources, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[tokio::test]
async fn a_process_that_imitates_another_run_is_not_ended_and_does_not_delay_cleanup() {
    // spec: X4d
    if !root() {
        return;
    }
    let data = shut();
    let runner = SubprocessRunner::new(data.path().join("state")).unwrap();
    let started = async |name: &str, line: String| {
        let workspace = data.path().join(name);
        std::fs::create_dir(&workspace).unwrap();
        let run = RunId::new(SystemClock.now()).unwrap();
        let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
        let output = container.output(&Command::new(["sh", "-c", &line])).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (run, String::from_utf8(output.stdout).unwrap().trim().to_owned(), container)
    };
    let (one, marks, container) = started("one", "echo $CCC_OWNER".to_owned()).await;
    let line = format!("CCC_RUN={one} CCC_OWNER={marks} setsid sleep 60 >&- 2>&- & echo $!");
    let (two, pid, _) = started("two", line).await;
    let pretender = Path::new("/proc").join(&pid);
    container.stop(Duration::ZERO).await.unwrap();
    runner.destroy(one).await.unwrap();
    assert!(pretender.join("exe").exists(), "a program of another run was ended");
    runner.destroy(two).await.unwrap();
    assert!(!pretender.join("exe").exists(), "process {pid} is still alive");
}

#[tokio::test]
async fn a_program_below_a_world_writable_directory_can_be_started() {
    if !root() {
        return;
    }
    let (data, open) = (shut(), tempfile::tempdir_in("/var/tmp").unwrap());
    std::fs::set_permissions(open.path(), Permissions::from_mode(0o755)).unwrap();
    let program = open.path().join("program");
    std::fs::write(&program, "#!/bin/sh\nls /dev/shm; cat file\n").unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let workspace = data.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    std::fs::write(workspace.join("file"), "work\n").unwrap();
    let runner = SubprocessRunner::new(data.path().join("state")).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
    let output = container.output(&Command::new([program.to_str().unwrap()])).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "work\n", "{output:?}");
    runner.destroy(run).await.unwrap();
}
