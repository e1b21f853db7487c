//! Features compile no dependency of another one.

use std::process::Command;

/// The crates of an HTTP client or server, and those that only containers need.
const HTTP: &[&str] = &["axum", "hyper", "reqwest", "rustls"];
const CONTAINERS: &[&str] = &["bollard", "tar", "yamux"];

/// The names of all crates that this feature compiles.
fn compiled(feature: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "-p", "ccc-runner", "--no-default-features"]);
    cargo.args(["--features", feature, "-e", "normal", "--prefix", "none"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The crates of `unwanted` that the feature compiles.
fn check<'a>(feature: &str, unwanted: impl IntoIterator<Item = &'a &'a str>, expected: &[&str]) {
    let found = compiled(feature);
    let found = unwanted.into_iter().filter(|name| found.iter().any(|found| found == **name));
    assert_eq!(found.copied().collect::<Vec<_>>(), expected, "{feature}");
}

#[test]
fn a_feature_compiles_nothing_of_another() {
    check("", HTTP.iter().chain(CONTAINERS), &[]);
    check("subprocess", HTTP.iter().chain(CONTAINERS), &[]);
    check("scripted-agent", HTTP.iter().chain(CONTAINERS), &[]);
    check("claude-code", CONTAINERS, &[]);
    check("command", CONTAINERS, &[]);
    check("scripted-model", ["reqwest", "rustls"].iter().chain(CONTAINERS), &[]);
    check("docker", &["axum", "reqwest"], &[]);
}

#[test]
fn a_crate_that_a_feature_compiles_is_found() {
    check("docker", CONTAINERS, CONTAINERS);
    check("model-proxy", HTTP, HTTP);
}
