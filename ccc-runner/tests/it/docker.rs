//! Tests of the Docker runner with a real engine and the image of `images/build`.

use std::process::Command as Program;
use std::sync::OnceLock;
use std::time::Duration;

use ccc_core::testing::has_part;
use ccc_core::{Clock as _, RunId, SystemClock};
use ccc_runner::{DockerRunner, Workspaces};
use tempfile::TempDir;

mod conformance;
mod engine;
mod limits;
mod restart;
mod workspaces;

/// Returns whether an engine with the image is available.
fn engine() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = docker(&["image", "inspect", "--format", "{{.Id}}", "ccc-agent"]).is_some();
        has_part("docker", there, "run .ci/engine and images/build")
    })
}

/// Returns the output of the `docker` program, or `None` if it fails.
fn docker(arguments: &[&str]) -> Option<String> {
    let output = Program::new("docker").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn runner(workspaces: Workspaces) -> (DockerRunner, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let runner = DockerRunner::builder(state.path()).workspaces(workspaces).build().unwrap();
    (runner, state)
}

fn new_run() -> RunId {
    RunId::new(SystemClock.now()).unwrap()
}

/// Awaits `work`. Panics if it takes longer than a minute.
async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = SystemClock.sleep(Duration::from_secs(60)) => panic!("not done within a minute"),
    }
}
