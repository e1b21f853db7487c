//! Tests that the documentation has examples that run.

use std::collections::BTreeMap;
use std::path::Path;

use ccc_tests::architecture::is_shipped;
use ccc_tests::source::files;

/// Minimum number of examples in the documentation of all crates that run as tests.
const MIN_EXAMPLES: usize = 60;

/// Returns the lines of the documentation in the Rust file `path`, with the pages that it includes.
fn documentation(path: &str, text: &str, pages: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if let Some(comment) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) {
            lines.push(comment.trim().to_owned());
        }
        let included =
            line.split_once("doc = include_str!(\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((page, _)) = included {
            let page = normalized(path, page);
            let text = pages.get(&page).unwrap_or_else(|| panic!("{path} includes {page}"));
            lines.extend(text.lines().map(|line| line.trim().to_owned()));
        }
    }
    lines
}

/// Returns `page`, a path relative to the file `from`, as a path relative to the root.
fn normalized(from: &str, page: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in page.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns the number of code blocks that rustdoc runs as tests.
fn examples(lines: &[String]) -> usize {
    let fences: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("```")).collect();
    // Every second fence is the end of a block.
    fences.chunks(2).filter(|block| matches!(block[0], "" | "rust")).count()
}

fn documentation_of_crates() -> BTreeMap<String, Vec<String>> {
    let pages: BTreeMap<_, _> = files("md").unwrap().into_iter().collect();
    let code = files("rs").unwrap().into_iter().filter(|(path, _)| is_shipped(path));
    code.map(|(path, text)| (path.clone(), documentation(&path, &text, &pages))).collect()
}

#[test]
fn the_documentation_has_many_examples_that_run() {
    let number: usize = documentation_of_crates().values().map(|lines| examples(lines)).sum();
    println!("{number} examples");
    assert!(number >= MIN_EXAMPLES, "{number} examples run, not {MIN_EXAMPLES}");
}

#[test]
fn the_page_of_each_port_has_an_implementation_that_passes_the_suite() {
    let mut pages = documentation_of_crates();
    for (path, text) in files("rs").unwrap() {
        if !text.contains("\npub trait ") {
            pages.remove(&path);
        }
    }
    let suites: Vec<_> = files("rs")
        .unwrap()
        .into_iter()
        .filter_map(|(path, text)| {
            let name = Path::new(&path).file_stem()?.to_str()?.to_owned();
            let suite = format!("macro_rules! {name}_conformance ");
            // This suite is a second one for container runners.
            (name != "processes" && text.contains(&suite)).then_some(name)
        })
        .collect();
    assert!(suites.len() >= 7, "{suites:?}");
    for suite in suites {
        let call = format!("{suite}_conformance!(@run");
        let found = pages.values().flatten().any(|line| line.contains(&call));
        assert!(found, "no page of a port has an example with `{call} …)`");
    }
}

#[test]
fn only_examples_that_run_are_counted() {
    for (text, expected) in [
        ("/// A type.\nstruct A;", 0),
        ("/// ```\n/// f();\n/// ```\nfn f() {}", 1),
        (
            "//! ```rust\n//! ```\n//!\n//! ```no_run\n//! ```\n//! ```text\n//! ```\n//! ```\n//! ```",
            2,
        ),
        ("let text = \"```\";", 0),
        ("#![doc = include_str!(\"../README.md\")]", 1),
    ] {
        let page = "# A\n\n```rust\nf();\n```\n\n```sh\nls\n```\n";
        let pages = BTreeMap::from([("a/README.md".to_owned(), page.to_owned())]);
        assert_eq!(examples(&documentation("a/src/lib.rs", text, &pages)), expected, "{text}");
    }
}
