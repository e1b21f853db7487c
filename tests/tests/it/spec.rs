//! Tests that `docs/spec.md` and the code agree on the built requirements.

use std::collections::BTreeMap;

use ccc_tests::source::files;
use ccc_tests::spec::{Citation, Status, citations, mentions, problems, requirements};

#[test]
fn every_built_requirement_is_proved_and_every_citation_is_true() {
    // spec: A5
    let pages = files("md").unwrap();
    let (_, spec) = pages.iter().find(|(path, _)| path == "docs/spec.md").unwrap();
    let requirements = requirements(spec).unwrap_or_else(|found| panic!("{}", found.join("\n")));
    let code = files("rs").unwrap();
    let cited: Vec<Citation> = code
        .iter()
        .flat_map(|(path, text)| citations(path, text))
        .chain(
            // The specification's preface shows how to cite, which is not a citation.
            pages
                .iter()
                .filter(|(path, _)| path != "docs/spec.md")
                .flat_map(|(path, text)| mentions(path, text)),
        )
        .collect();
    let found = problems(&requirements, &cited);
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn requirements_have_a_fixed_form() {
    for (text, expected) in [
        ("- **W2** *(built)* Text.", Some(("W2", Status::Built))),
        ("- **W12a** *(planned)* Text.", Some(("W12a", Status::Planned))),
        ("Text about **W2** *(built)*.", None),
        ("- a list", None),
    ] {
        let expected: BTreeMap<_, _> =
            expected.into_iter().map(|(id, status)| (id.to_owned(), status)).collect();
        assert_eq!(requirements(text), Ok(expected), "{text}");
    }
    for text in [
        "- **W2** Text.",
        "- **W2** *(done)* Text.",
        "- **W2** (built) Text.",
        "- **w2** *(built)* Text.",
        "- **W** *(built)* Text.",
        "- **W02** *(built)* Text.",
        "- **W2ab** *(built)* Text.",
        "- **W2** *(built)*",
        "- **W2** *(built)* Text that goes on",
        "  - **W2** *(built)* Text.",
        "- **W2** *(built)* Text.\n- **W2** *(planned)* Text.",
        "- **W2** *(built)* Text.\n- **W2a** *(built)* Text.",
    ] {
        assert!(requirements(text).is_err(), "{text}");
    }
}

/// Checks the ids that the text cites. Ids that count as proof are marked with `!`.
fn check(path: &str, text: &str, expected: &str) {
    let cited: Vec<String> = citations(path, text)
        .into_iter()
        .map(|citation| citation.id + if citation.proof { "!" } else { "" })
        .collect();
    assert_eq!(cited.join(" "), expected, "{text}");
}

#[test]
fn only_a_comment_inside_a_test_proves() {
    let path = "ccc-core/src/x.rs";
    for (text, expected) in [
        ("#[test]\nfn a() {\n// spec: W2\n}", "W2!"),
        ("#[test]\nfn a() { // spec: W2, X10a\n}", "W2! X10a!"),
        ("#[tokio::test]\nasync fn a() { /* (spec: W2). */ }", "W2!"),
        ("#[test]\n/// spec: W2\nfn a() {}", "W2!"),
        ("/// spec: W2\n#[test]\nfn a() {}", "W2"),
        ("// spec: W2\nfn a() {}", "W2"),
        ("#[cfg(test)]\nmod tests {\n// spec: W2\nfn a() {}\n}", "W2"),
        ("#[test]\nfn a() {}\nfn b() {\n// spec: W2\n}", "W2"),
        ("#[test]\n#[ignore]\nfn a() {\n// spec: W2\n}", "W2"),
        ("// #[test]\nfn a() {\n// spec: W2\n}", "W2"),
        ("#[test]\nfn a() { \"spec: W2\"; }", ""),
        ("#[test]\nfn a() { let spec: W2; }", ""),
        ("// ContainerSpec: W2; spec: what it must be like; spec:W2", ""),
        ("// spec: W2 and W3", "W2"),
        ("// spec: w2, X9z9", "w2 X9z9"),
    ] {
        check(path, text, expected);
    }
}

#[test]
fn a_case_of_a_conformance_suite_proves_as_a_test_does() {
    let text =
        "/// spec: Q1\npub async fn a(s: &dyn S) {\n// spec: Q2\n}\nfn b() {\n// spec: Q3\n}";
    check("ccc-core/src/testing/conformance/run_store.rs", text, "Q1 Q2! Q3");
    check("ccc-core/src/testing/fakes.rs", text, "Q1 Q2 Q3");
}

#[test]
fn every_disagreement_is_found() {
    let text = "- **W1** *(built)* A.\n- **W2a** *(built)* B.\n- **W3** *(planned)* C.";
    let requirements = requirements(text).unwrap();
    for (cited, expected) in [
        (vec![("W1", true), ("W2a", true)], vec![]),
        (vec![("W1", true), ("W2a", true), ("W2", false), ("W3", false)], vec![]),
        (vec![("W2a", true)], vec!["W1 is built and no test cites it"]),
        (
            vec![("W1", false), ("W2a", true)],
            vec!["W1 is built and no test cites it; the citation at f:1 is not in a test"],
        ),
        (
            vec![("W1", true), ("W2a", true), ("W3", true)],
            vec!["f:1: a test cites W3, which is planned"],
        ),
        (
            vec![("W1", true), ("W2a", true), ("W2", true)],
            vec!["f:1: a test cites W2, which has parts: cite one part"],
        ),
        (vec![("W1", true), ("W2a", true), ("W4", true)], vec!["f:1: W4 is not a requirement"]),
        (vec![("W1", true), ("W2a", true), ("W2b", false)], vec!["f:1: W2b is not a requirement"]),
    ] {
        let cited: Vec<Citation> = cited
            .into_iter()
            .map(|(id, proof)| Citation { id: id.to_owned(), place: "f:1".to_owned(), proof })
            .collect();
        assert_eq!(problems(&requirements, &cited), expected, "{cited:?}");
    }
}

#[test]
fn a_citation_in_a_page_is_no_proof() {
    let cited = mentions("a.md", "x\nas (`spec: W2`) says");
    let expected = Citation { id: "W2".to_owned(), place: "a.md:2".to_owned(), proof: false };
    assert_eq!(cited, [expected]);
}
