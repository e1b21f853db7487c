//! What is meant for Cloudflare's runtime runs in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ccc_tests::source::root;

#[test]
fn webhooks_jwt_and_tokens_work_in_workerd() {
    // spec: A7
    if !std::env::var("CCC_REQUIRE").unwrap_or_default().contains("workerd") {
        // Not even when a Worker lies there: it may be older than the code.
        eprintln!("left out: .ci/workerd builds a Worker, and runs this with it");
        return;
    }
    // `target/debug/deps/workerd-…` is beside `target/debug/ccc`.
    let program: PathBuf = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("ccc");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let worker = target.join("workerd");
    for part in [&program, &worker.join("workerd.capnp")] {
        assert!(part.exists(), "run .ci/workerd: {} is missing", part.display());
    }
    let status = Command::new("node")
        .args(["--test-reporter=spec", "tests/workerd/check.mjs"])
        .args([&program, &worker])
        .current_dir(root())
        .status()
        .unwrap();
    assert!(status.success(), "node tests/workerd/check.mjs: {status}");
}
