//! Tests of the rules for crates and files. Each rule has a counter-example too.

use std::collections::BTreeSet;
use std::process::Command;

use ccc_tests::architecture::{
    MAX_LINES, ROOMS, Sizes, crates, directory, is_shipped, native, test_only, too_long,
    wrong_dependencies, wrong_names,
};
use ccc_tests::source::{files, root};

/// The packages that users install and run.
const SHIPPED: &[&str] = &["ccc"];

/// The arguments to cargo that select the wasm32 packages.
const WASM: &[&str] = &[
    "-p",
    "ccc-core",
    "-p",
    "ccc-github",
    "-p",
    "ccc-store",
    "--no-default-features",
    "--features",
    "ccc-store/durable-object",
];

/// Maximum median of the files' lengths, in lines.
const MAX_MEDIAN: usize = 150;

const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Runs cargo and returns its standard output, or its messages if it fails.
pub(crate) fn try_cargo(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    let failed = format!("cargo {}: {}", arguments.join(" "), errors.trim());
    output.status.success().then_some(text).ok_or(failed)
}

fn cargo(arguments: &[&str]) -> String {
    try_cargo(arguments).unwrap_or_else(|problem| panic!("{problem}"))
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn manifests_name_no_adapter() {
    // spec: A1
    let manifests = files("toml").unwrap();
    let manifests: Vec<_> =
        manifests.iter().filter(|(path, _)| path.ends_with("Cargo.toml")).collect();
    for (room, _) in ROOMS {
        let path = format!("{}/Cargo.toml", directory(room));
        assert!(manifests.iter().any(|(found, _)| *found == path), "{path} is missing");
    }
    let found: Vec<_> = manifests
        .iter()
        .flat_map(|(_, manifest)| wrong_dependencies(&manifest.parse().unwrap()))
        .collect();
    none(&found);
}

#[test]
fn manifests_that_name_an_adapter_are_found() {
    for (name, rest, expected) in [
        ("ccc-core", "[dependencies]\nserde = '1'", ""),
        ("ccc-core", "[dev-dependencies]\nccc-core = { path = '.' }", ""),
        ("ccc-core", "[dependencies]\nccc-store = '1'", "ccc-core names ccc-store"),
        (
            "ccc-core",
            "[dev-dependencies]\nccc-github.workspace = true",
            "ccc-core names ccc-github",
        ),
        ("ccc-core", "[dependencies]\nreqwest = '0'", "ccc-core names reqwest"),
        ("ccc-core", "[target.'cfg(unix)'.dependencies]\nbollard = '0'", "ccc-core names bollard"),
        ("ccc-store", "[dependencies]\nreqwest = '0'\nccc-core = '0'", ""),
        ("ccc-store", "[build-dependencies]\nccc-github = '0'", "ccc-store names ccc-github"),
        (
            "ccc-github",
            "[dependencies]\nx = { package = 'ccc-store' }",
            "ccc-github names ccc-store",
        ),
        ("ccc-runner", "[dependencies]\nccc = { path = 'x' }", "ccc-runner names ccc"),
        ("ccc", "[dependencies]\nccc-store = '0'\nccc-github = '0'", ""),
    ] {
        let manifest = format!("[package]\nname = '{name}'\n{rest}");
        assert_eq!(
            wrong_dependencies(&manifest.parse().unwrap()).join(", "),
            expected,
            "{manifest}"
        );
    }
}

#[test]
fn code_names_no_adapter() {
    // spec: A1
    let code = files("rs").unwrap();
    let found: Vec<_> = code.iter().flat_map(|(path, text)| wrong_names(path, text)).collect();
    none(&found);
}

#[test]
fn code_that_names_an_adapter_is_found() {
    for (path, text, expected) in [
        ("ccc-core/src/a.rs", "use reqwest::Client;", "ccc-core/src/a.rs names reqwest"),
        ("ccc-core/src/a.rs", "struct GitHubToken;", "ccc-core/src/a.rs names GitHubToken"),
        ("ccc-core/src/a/b.rs", "fn run_docker() {}", "ccc-core/src/a/b.rs names run_docker"),
        ("ccc-core/src/a.rs", "ccc_store::x()", "ccc-core/src/a.rs names ccc_store"),
        ("ccc-github/src/a.rs", "use ccc_runner as r;", "ccc-github/src/a.rs names ccc_runner"),
        ("ccc-core/src/a.rs", "// docker\nlet a = \".github\"; use ccc_core::b;", ""),
        ("ccc-github/src/a.rs", "use {ccc_core::a, reqwest::b}; struct GitHub;", ""),
        ("examples/ccc/src/a.rs", "use ccc_github::a; use ccc_store::b;", ""),
    ] {
        assert_eq!(wrong_names(path, text).join(", "), expected, "{text}");
    }
}

#[test]
fn shipped_programs_contain_no_test_code() {
    // spec: A3
    for package in SHIPPED {
        let tree = cargo(&["tree", "-p", package, "-e", "normal,features", "--locked"]);
        assert!(tree.starts_with(&format!("{package} v")), "{tree}");
        assert_eq!(test_only(&tree), Vec::<&str>::new());
    }
}

#[test]
fn test_code_in_a_program_is_found() {
    for (tree, expected) in [
        ("ccc v0\n└── ccc-core feature \"testing\"\n    └── ccc-core v0", 1),
        ("ccc v0\n├── ccc-core feature \"git\"\n│   └── ccc-core v0\n└── mockall v0.15.0", 1),
        ("ccc v0\n├── ccc-core feature \"default\"\n│   └── ccc-core v0", 0),
    ] {
        assert_eq!(test_only(tree).len(), expected, "{tree}");
    }
}

#[test]
fn a_crate_counts_once_for_each_version() {
    let tree = "a v1 (/x)\nb v1 (proc-macro)\nc v1\nc v2\nb v1 (proc-macro) (*)\nc v1 (*)\n";
    assert_eq!(crates(tree), BTreeSet::from(["a v1", "b v1", "c v1", "c v2"]));
}

#[test]
fn crates_for_workers_depend_on_no_native_crate() {
    // spec: A2
    // `.ci/run` performs the build itself, because it needs a target that may not be installed.
    let tree = [&["tree", "--target", WASM_TARGET, "-e", "normal", "--prefix", "none"], WASM];
    let tree = cargo(&[&tree.concat()[..], &["--locked"]].concat());
    assert_eq!(native(&tree), Vec::<&str>::new());
}

#[test]
fn a_crate_that_needs_an_operating_system_is_found() {
    assert_eq!(native("a v1\nmio v1.2.5\nb v1\n"), ["mio v1.2.5"]);
    assert_eq!(native("a v1\nmiow v1\n"), Vec::<&str>::new());
}

#[test]
fn files_are_short() {
    // spec: A6
    let code = files("rs").unwrap();
    let found: Vec<_> = code.iter().filter_map(|(path, text)| too_long(path, text)).collect();
    none(&found);
}

#[test]
fn the_order_of_the_stages_is_in_one_short_file() {
    let code = files("rs").unwrap();
    let flow = code.iter().find(|(path, _)| path == "ccc-core/src/pipeline/flow.rs").unwrap();
    let lines = flow.1.lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn a_long_file_is_found() {
    let (fits, long) = ("\n".repeat(MAX_LINES), "\n".repeat(MAX_LINES + 1));
    assert_eq!(too_long("a/src/b.rs", &fits), None);
    assert_eq!(too_long("a/src/b.rs", &long).unwrap(), "a/src/b.rs: 351 lines");
    assert_eq!(too_long("a/src/b/tests.rs", &long), None);
    assert_eq!(too_long("a/tests/b.rs", &long), None);
}

#[test]
fn the_distribution_of_file_lengths_is_limited() {
    // spec: A6
    let code = files("rs").unwrap();
    let lines =
        code.iter().filter(|(path, _)| is_shipped(path)).map(|(_, text)| text.lines().count());
    let sizes = Sizes::of(lines.collect());
    println!("{sizes:?}");
    assert!(
        sizes.median <= MAX_MEDIAN && sizes.ninetieth <= 300 && sizes.largest <= MAX_LINES,
        "{sizes:?}"
    );
}

#[test]
fn the_distribution_counts_only_shipped_files() {
    for (lines, expected) in [
        ((1..=100).collect(), Sizes { files: 100, median: 50, ninetieth: 90, largest: 100 }),
        (vec![9, 1, 5], Sizes { files: 3, median: 5, ninetieth: 9, largest: 9 }),
        (vec![7], Sizes { files: 1, median: 7, ninetieth: 7, largest: 7 }),
        (vec![], Sizes { files: 0, median: 0, ninetieth: 0, largest: 0 }),
    ] {
        assert_eq!(Sizes::of(lines), expected);
    }
    for (path, expected) in [
        ("ccc-core/src/run.rs", true),
        ("examples/ccc/src/main.rs", true),
        ("ccc-core/src/git/tests.rs", false),
        ("ccc-core/src/git/tests/scene.rs", false),
        ("ccc-core/tests/git.rs", false),
        ("tests/src/lib.rs", false),
        ("tests/bound/src/lib.rs", false),
    ] {
        assert_eq!(is_shipped(path), expected, "{path}");
    }
}
