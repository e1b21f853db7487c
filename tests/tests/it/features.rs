//! Tests of the dependencies of each crate with each of its features: a feature adds no dependency
//! of another.

use std::collections::BTreeSet;

use ccc_tests::architecture::crates;

use crate::architecture::try_cargo;

/// A dependency tree and the requirements for it.
struct Case {
    /// The package and its features, as arguments to `cargo tree`.
    what: &'static str,
    /// The crates that the tree must not contain. `ccc*` means every crate of the workspace except
    /// the package.
    without: &'static [&'static str],
    /// Maximum number of crates, including the package.
    most: usize,
}

const MANY: usize = usize::MAX;

/// Crates for HTTP clients, HTTP servers and containers.
const ALONE: &[&str] = &["axum", "hyper", "reqwest", "rustls", "bollard", "tar", "yamux"];

/// The cases, one per line.
#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { what: "-p ccc-core --no-default-features", without: &["rustix", "aho-corasick", "miniz_oxide"], most: 39 },
    Case { what: "-p ccc-core", without: &["tempfile", "mockall"], most: 50 },
    Case { what: "-p ccc-core --no-default-features --features git", without: &["tempfile", "mockall"], most: 50 },
    Case { what: "-p ccc-runner --no-default-features", without: ALONE, most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features subprocess", without: ALONE, most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features scripted-agent", without: ALONE, most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features scripted-model", without: &["bollard", "tar", "yamux", "reqwest", "rustls"], most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features claude-code", without: &["bollard", "tar", "yamux"], most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features command", without: &["bollard", "tar", "yamux"], most: MANY },
    Case { what: "-p ccc-runner --no-default-features --features docker", without: &["axum", "reqwest"], most: MANY },
    Case { what: "-p ccc-store --no-default-features", without: &["argon2", "aes-gcm", "reqwest", "rustls", "rustix"], most: MANY },
    Case { what: "-p ccc-store --no-default-features --features file", without: &["reqwest"], most: MANY },
    Case { what: "-p ccc-github --no-default-features", without: &["axum"], most: MANY },
    Case { what: "-p ccc --no-default-features", without: &["clap", "indicatif", "tracing-subscriber", "bollard", "github-emulator"], most: MANY },
    Case { what: "-p github-emulator", without: &["ccc*"], most: MANY },
    Case { what: "-p ccc-core --all-features", without: &["github-emulator"], most: MANY },
    Case { what: "-p ccc-github --all-features", without: &["github-emulator"], most: MANY },
    Case { what: "-p ccc-runner --all-features", without: &["github-emulator"], most: MANY },
    Case { what: "-p ccc-store --all-features", without: &["github-emulator"], most: MANY },
];

/// Returns the problems of a tree (`cargo tree -e normal --prefix none`).
fn problems(case: &Case, tree: &str) -> Vec<String> {
    let found = crates(tree);
    let package = tree.split(' ').next().unwrap_or_default();
    let names: BTreeSet<&str> =
        found.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    let is = |name: &str, rule: &str| match rule.strip_suffix('*') {
        Some(start) => name != package && (name == start || name.starts_with(&format!("{start}-"))),
        None => name == rule,
    };
    let mut problems: Vec<String> = names
        .iter()
        .filter(|name| case.without.iter().any(|rule| is(name, rule)))
        .map(|name| format!("{}: depends on {name}", case.what))
        .collect();
    if found.len() > case.most {
        problems.push(format!(
            "{}: {} crates, at most {} allowed",
            case.what,
            found.len(),
            case.most
        ));
    }
    problems
}

fn tree(what: &str) -> Result<String, String> {
    let mut arguments = vec!["tree", "-e", "normal", "--prefix", "none", "--locked"];
    arguments.extend(what.split(' '));
    try_cargo(&arguments)
}

#[test]
fn a_feature_adds_no_dependency_of_another() {
    // spec: A4, A9
    let mut wrong = Vec::new();
    for case in CASES {
        let found = match tree(case.what) {
            Ok(tree) => {
                println!("{:4} crates: {}", crates(&tree).len(), case.what);
                problems(case, &tree)
            }
            Err(problem) => vec![problem],
        };
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unwanted_dependencies_are_found() {
    for (without, most, expected) in [
        (&["axum"][..], 3, ""),
        (&["bollard"], 3, "x: depends on bollard"),
        (&["ccc*"], 3, "x: depends on ccc-core"),
        (&["ccc"], 3, ""),
        (&[], 2, "x: 3 crates, at most 2 allowed"),
    ] {
        let case = Case { what: "x", without, most };
        let tree = "ccc-x v1 (/x)\nbollard v1\nccc-core v1 (/y)\nbollard v1 (*)\n";
        assert_eq!(problems(&case, tree).join("; "), expected);
    }
}
