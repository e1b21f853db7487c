//! Tests of the emulator and the client against independent software: GitHub's OpenAPI description,
//! Node's cryptography, and Octokit, GitHub's own client library. `.ci/install` installs all of it.
//! If a part is missing, its tests are skipped with a message, or fail if `CCC_REQUIRE` names the
//! part.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use ccc_core::testing::has_part;
use ccc_core::{Clock as _, SystemClock};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::common::{World, world_with};

mod client;
mod crypto;
mod judge;
mod octokit;
mod proofs;
mod tour;

pub(crate) use judge::Judge;

/// The minimum major version of Node for these tests.
const NODE: u32 = 20;
/// The time limit of a script.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the directory in which `.ci/install` installs npm packages. Scripts run there, so that
/// they find the packages.
fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm")
}

/// Returns whether Node and these packages are installed. Fails if `CCC_REQUIRE` requires the
/// missing part `name`.
fn has(name: &str, needed: &[&str]) -> bool {
    static VERSION: LazyLock<u32> = LazyLock::new(|| {
        let output = std::process::Command::new("node").arg("--version").output();
        let version = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        let version = version.unwrap_or_default();
        let major = version.trim().strip_prefix('v').and_then(|v| v.split('.').next());
        major.and_then(|major| major.parse().ok()).unwrap_or(0)
    });
    let missing = match *VERSION {
        version if version < NODE => Some(format!("node {NODE}")),
        _ => needed
            .iter()
            .find(|package| !packages().join("node_modules").join(package).exists())
            .map(|package| format!("npm's {package}")),
    };
    let how = format!("run .ci/install, for {}", missing.as_deref().unwrap_or_default());
    has_part(name, missing.is_none(), &how)
}

/// Creates a world whose calls pass through a judge. Returns `None` if Prism is not installed.
async fn judged() -> Option<(Judge, World)> {
    let judge = Judge::start().await?;
    let mut world = world_with(|config| config.public_url = Some(judge.url.clone())).await;
    judge.judge(world.emulator.host());
    world.github().host().clone_into(&mut world.repo.host);
    Some((judge, world))
}

/// Serves an app on a free port. Returns its address, and a task set that stops the server when it
/// is dropped.
async fn serve(app: axum::Router) -> (SocketAddr, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, server)
}

/// Runs a script with `input` as JSON on its standard input. Returns the JSON that it prints.
async fn script(source: &str, input: &Value) -> Value {
    // A script that needs no package also runs if the directory does not exist.
    let dir = Some(packages()).filter(|dir| dir.exists()).unwrap_or_default();
    let mut child = Command::new("node")
        .args(["--input-type=module", "--eval", source])
        .current_dir(Path::new(".").join(dir))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::select! {
        output = child.wait_with_output() => output.unwrap(),
        () = SystemClock.sleep(PATIENCE) => panic!("the script did not end in time"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}
