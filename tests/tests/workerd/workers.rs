//! A test of `ccc-github` inside Cloudflare's runtime.

use std::path::{Path, PathBuf};
use std::process::Command;

use ccc_tests::source::root;

#[test]
fn webhooks_jwt_and_tokens_work_in_workerd() {
    // spec: A7
    if !std::env::var("CCC_REQUIRE").unwrap_or_default().contains("workerd") {
        // Skips the test even if a built Worker exists, because it can be older than the code.
        eprintln!("skipped: run .ci/workerd, which builds the Worker and then runs this test");
        return;
    }
    // This program is `target/debug/deps/workerd-…`; `ccc` is `target/debug/ccc`.
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
