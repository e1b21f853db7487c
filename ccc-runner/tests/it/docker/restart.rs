//! Tests with an engine that restarts. It is a dedicated engine, so that no other containers are
//! affected.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command as Program, Stdio};
use std::time::Duration;

use ccc_core::container::{Command, ContainerSpec};
use ccc_core::testing::has_part;
use ccc_core::{Clock as _, ContainerExt as _, ContainerRunner as _, ErrorKind, SystemClock};
use ccc_runner::DockerRunner;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{engine, new_run, patiently};

/// A command that imports a small image with the keeper and a few programs of the image of
/// `images/build`. It has a few megabytes instead of hundreds.
const SMALL: &str = "docker run --rm --network none --entrypoint tar ccc-agent -C / -ch --no-recursion \
    usr usr/local usr/local/bin bin lib lib/x86_64-linux-gnu lib64 usr/local/bin/ccc-keeper bin/sh bin/sleep \
    bin/true lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 \
    | docker --host unix://$0 import --change 'ENV PATH=/bin' - small";

struct OwnEngine {
    dir: TempDir,
    daemon: Child,
}

impl OwnEngine {
    fn new() -> Option<Self> {
        let able = rustix::process::geteuid().is_root()
            && Program::new("dockerd").arg("--version").output().is_ok()
            && cfg!(target_arch = "x86_64");
        if !engine() || !has_part("docker", able, "run .ci/engine, and run the tests as root") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let daemon = Self::start(&dir);
        Some(Self { dir, daemon })
    }

    fn start(dir: &TempDir) -> Child {
        let at = |name: &str| dir.path().join(name);
        let log = File::options().create(true).append(true).open(at("log")).unwrap();
        // The daemon needs a separate network namespace: with `--bridge=none` it would otherwise
        // remove the bridge of the host machine's engine.
        Program::new("unshare")
            .args(["--net", "dockerd"])
            .args(["--storage-driver=vfs", "--bridge=none", "--iptables=false"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("socket").display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn runner(&self) -> DockerRunner {
        let builder = DockerRunner::builder(self.dir.path().join("state"));
        builder
            .host(Some(format!("unix://{}", self.socket().display())))
            .image(Some("small".to_owned()))
            .build()
            .unwrap()
    }

    async fn answers(&self) {
        let up = async {
            loop {
                let host = format!("unix://{}", self.socket().display());
                let asked = Program::new("docker").args(["--host", &host, "version"]).output();
                if asked.is_ok_and(|output| output.status.success()) {
                    return;
                }
                SystemClock.sleep(Duration::from_millis(50)).await;
            }
        };
        patiently(up).await;
    }

    fn end(&mut self) {
        kill_process(Pid::from_child(&self.daemon), Signal::TERM).unwrap();
        self.daemon.wait().unwrap();
    }

    async fn again(&mut self) {
        self.daemon = Self::start(&self.dir);
        self.answers().await;
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if matches!(self.daemon.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_restarts_in_the_middle_of_a_run_ends_that_run_and_no_other() {
    // spec: X14d
    let Some(mut own) = OwnEngine::new() else { return };
    own.answers().await;
    let made = Program::new("sh").args(["-c", SMALL]).arg(own.socket()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let runner = own.runner();
    let (run, workspace) = (new_run(), tempfile::tempdir().unwrap());
    let spec = ContainerSpec::new(workspace.path());
    let container = patiently(runner.spawn(run, &spec)).await.unwrap();
    let line = "while :; do : > alive; sleep 0.01; done";
    let command = Command::new(["sh", "-c", line]);
    let working = container.output(&command);
    let ends = async {
        while !workspace.path().join("alive").exists() {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        tokio::task::block_in_place(|| own.end());
    };
    let working = async { Err::<(), _>(working.await.unwrap_err()) };
    let ends = async {
        ends.await;
        Ok(())
    };
    let error = patiently(async { tokio::try_join!(working, ends) }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let error = runner.spawn(new_run(), &spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    patiently(own.again()).await;
    patiently(runner.destroy(run)).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
    // No process of that run is alive.
    std::fs::remove_file(workspace.path().join("alive")).unwrap();
    SystemClock.sleep(Duration::from_millis(100)).await;
    assert!(!workspace.path().join("alive").exists());
    let next = new_run();
    let container = patiently(runner.spawn(next, &spec)).await.unwrap();
    assert!(container.output(&Command::new(["true"])).await.unwrap().status.success());
    patiently(runner.destroy(next)).await.unwrap();
}
