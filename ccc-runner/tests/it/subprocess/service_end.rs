//! Tests of the end of the service: no process of a run outlives it.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::*;

/// The environment variable with the data directory of a service that a test starts.
const DATA: &str = "CCC_TEST_SERVICE_DATA";

/// Programs of a run that stay. Each one adds its PID to the file `pids`.
const STAYING: &[(&str, &str)] = &[
    ("an ordinary child", "sh -c 'echo $$ >> pids; exec sleep 300' &"),
    ("a session of its own", "setsid sh -c 'echo $$ >> pids; exec sleep 300' &"),
    ("an orphan", r#"(setsid sh -c "sh -c 'echo \$\$ >> pids; exec sleep 300' &" &);"#),
    ("no environment", "env -i sh -c 'echo $$ >> pids; exec sleep 300' &"),
    ("a stopped process", "sh -c 'echo $$ >> pids; kill -STOP $$; sleep 300' &"),
    ("a deaf process", "sh -c 'trap \"\" HUP INT TERM; echo $$ >> pids; sleep 300; sleep 300' &"),
];
/// A program that neither the environment nor the session shows to be of the run.
const HIDDEN: &str = "env -i setsid sh -c 'echo $$ >> pids; exec sleep 300' &";

/// A service in a process of its own, with one run whose programs stay.
struct Service {
    process: Child,
    data: TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for pid in self.pids() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

impl Service {
    /// Starts a service by executing the test `name` of this program again, and waits until
    /// `programs` run.
    async fn start(name: &str, programs: &[&str], as_root: bool) -> Self {
        let data = shut();
        std::fs::create_dir(data.path().join("workspace")).unwrap();
        let line = format!(
            "echo $$ >> pids; {} while [ $(wc -l < pids) -lt {} ]; do sleep 0.01; done; > ready; sleep 300",
            programs.join(" "),
            programs.len() + 1
        );
        std::fs::write(data.path().join("line"), line).unwrap();
        if as_root {
            std::fs::write(data.path().join("as-root"), "").unwrap();
        }
        let process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("subprocess::service_end::{name}"), "--nocapture"])
            .env(DATA, data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { process, data };
        service
            .until("the programs of the run did not start", |it| {
                it.workspace().join("ready").exists()
            })
            .await;
        assert_eq!(service.pids().len(), programs.len() + 1);
        assert!(service.alive().len() == programs.len() + 1, "a program ended early");
        service
    }

    fn workspace(&self) -> PathBuf {
        self.data.path().join("workspace")
    }

    fn pids(&self) -> Vec<Pid> {
        let text = std::fs::read_to_string(self.workspace().join("pids")).unwrap_or_default();
        text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
    }

    fn alive(&self) -> Vec<Pid> {
        self.pids().into_iter().filter(|pid| is_alive(*pid)).collect()
    }

    /// Returns the guards of the run.
    fn guards(&self) -> Vec<Pid> {
        let mark = format!("CCC_OWNER={}", self.data.path().join("state").display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let marked = processes.filter(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.clone().any(|variable| variable == mark.as_bytes())
                && variables.any(|variable| variable.starts_with(b"CCC_GUARD="))
        });
        marked.filter_map(|it| Pid::from_raw(it.file_name().to_str()?.parse().ok()?)).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..6_000 {
            if holds(self) {
                return;
            }
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: {:?}", self.alive());
    }

    fn kill(&mut self) {
        rustix::process::kill_process(Pid::from_child(&self.process), Signal::KILL).unwrap();
        self.process.wait().unwrap();
    }
}

/// Executes a service until it is killed, if a test started this process for that purpose.
fn is_service() -> bool {
    let Some(data) = std::env::var_os(DATA).map(PathBuf::from) else { return false };
    let line = std::fs::read_to_string(data.join("line")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let runner = SubprocessRunner::new(data.join("state")).unwrap();
        let as_root = data.join("as-root").exists();
        let runner = if as_root { runner.dangerously_as_root() } else { runner };
        let run = RunId::new(SystemClock.now()).unwrap();
        let spec = ContainerSpec::new(data.join("workspace"));
        let container = runner.spawn(run, &spec).await.unwrap();
        let output = container.output(&Command::new(["sh", "-c", &line])).await;
        panic!("the programs of the run ended: {output:?}");
    });
    true
}

#[test]
fn no_process_of_a_run_outlives_a_killed_service() {
    // spec: X14e
    if is_service() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ways = if rustix::process::geteuid().is_root() { &[false, true][..] } else { &[true] };
    for as_root in ways {
        runtime.block_on(async {
            let mut programs: Vec<&str> = STAYING.iter().map(|(_, line)| *line).collect();
            if !as_root {
                programs.push(HIDDEN);
            }
            let name = "no_process_of_a_run_outlives_a_killed_service";
            let mut service = Service::start(name, &programs, *as_root).await;
            service.kill();
            service.until("a process outlived the service", |it| it.alive().is_empty()).await;
            // The guard ends too.
            service.until("a guard remained", |it| it.guards().is_empty()).await;
        });
    }
}

#[test]
fn the_next_start_ends_what_remained_because_the_guard_was_signaled() {
    // spec: X14e
    // spec: P8
    if is_service() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for signal in [Signal::KILL, Signal::STOP] {
        runtime.block_on(async {
            let name = "the_next_start_ends_what_remained_because_the_guard_was_signaled";
            // A process in the session of the run without an environment is unknown to the next
            // service, if the run has no dedicated UID.
            let programs: Vec<&str> = STAYING
                .iter()
                .filter(|(what, _)| *what != "no environment")
                .map(|it| it.1)
                .collect();
            let mut service = Service::start(name, &programs, true).await;
            let guards = service.guards();
            assert_eq!(guards.len(), 1);
            rustix::process::kill_process(guards[0], signal).unwrap();
            service.kill();
            // Without the guard, the processes live on.
            assert_eq!(service.alive().len(), programs.len() + 1, "{signal:?}");
            let next = SubprocessRunner::new(service.data.path().join("state")).unwrap();
            let next = next.dangerously_as_root();
            let left = next.orphans().await.unwrap();
            assert_eq!(left.len(), 1);
            next.destroy(left[0]).await.unwrap();
            service.until("a process remained", |it| it.alive().is_empty()).await;
            service.until("a guard remained", |it| it.guards().is_empty()).await;
        });
    }
}

#[tokio::test]
async fn a_run_whose_guard_was_ended_starts_no_further_program() {
    // spec: X14e
    let (state, workspace) = (shut(), tempfile::tempdir().unwrap());
    let runner = SubprocessRunner::new(state.path()).unwrap().dangerously_as_root();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    // A process that was killed has closed its files when it is a zombie.
    let line = format!(
        "for p in $(grep -lzxF CCC_GUARD={run} /proc/[0-9]*/environ 2>/dev/null); do \
         p=${{p%/environ}}; kill -KILL ${{p#/proc/}}; \
         while grep -qs '^State:.[^ZX]' $p/status; do :; done; done"
    );
    let command = Command::new(["sh", "-c", &line]);
    assert!(container.output(&command).await.unwrap().status.success());
    let error = container.output(&Command::new(["sleep", "30"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    runner.destroy(run).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn a_program_with_a_dedicated_uid_cannot_signal_its_guard() {
    // spec: X4d, X14e
    if !root() {
        return;
    }
    let (state, workspace) = (shut(), tempfile::tempdir().unwrap());
    let runner = SubprocessRunner::new(state.path()).unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let line = "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = $$ ] || kill -STOP $p 2>/dev/null; done; kill -KILL -1";
    let _ = container.output(&Command::new(["sh", "-c", line])).await.unwrap();
    assert!(container.output(&Command::new(["true"])).await.unwrap().status.success());
    runner.destroy(run).await.unwrap();
}
