//! Containers of a real engine, with the image of `images/build`.

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

/// Whether there is an engine with the image.
fn engine() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = docker(&["image", "inspect", "--format", "{{.Id}}", "ccc-agent"]).is_some();
        has_part("docker", there, "run .ci/engine and images/build")
    })
}

/// What the `docker` program prints; `None` when it fails.
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

/// What comes of it; panics when it takes longer than anything here has a reason to.
async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = SystemClock.sleep(Duration::from_secs(60)) => panic!("not done within a minute"),
    }
}
