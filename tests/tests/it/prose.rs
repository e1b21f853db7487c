//! Tests that the prose follows the rules that a machine can check. Each rule has a counter-example
//! too.
//!
//! ```sh
//! CCC_PROSE=show cargo test -p ccc-tests --test it prose -- --nocapture    # shows all findings
//! CCC_PROSE=write cargo test -p ccc-tests --test it prose                  # rewrites the list
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ccc_tests::architecture::is_shipped;
use ccc_tests::prose::{Finding, Kind, Passage, Phrases, Unfinished, findings, page, rust};
use ccc_tests::source::{files, root};

const PHRASES: &str = include_str!("../../prose/phrases.toml");

/// The list of files that still break rules.
const LIST: &str = "tests/prose/unfinished.txt";

const HEAD: &str = "\
# The files whose prose still breaks rules, each with the number of sentences to fix. The list may only get
# shorter and its numbers smaller. CONTRIBUTING.md explains how to rewrite it after files have moved.
";

fn phrases() -> Phrases {
    Phrases::parse(PHRASES).unwrap()
}

fn found_in_tree() -> BTreeMap<String, Vec<Finding>> {
    let phrases = phrases();
    let code = files("rs").unwrap().into_iter().map(|(path, text)| {
        let passages = rust(&text, is_shipped(&path));
        (path, passages)
    });
    let pages = files("md").unwrap().into_iter().map(|(path, text)| (path, page(&text)));
    code.chain(pages)
        .map(|(path, passages)| {
            let found = passages.iter().flat_map(|passage| findings(passage, &phrases)).collect();
            (path, found)
        })
        .collect()
}

fn shown(path: &str, found: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { line, problem, sentence } in found {
        writeln!(text, "  {path}:{line}: {problem}\n    {sentence}").unwrap();
    }
    text
}

#[test]
fn prose_keeps_the_rules_or_its_file_is_listed() {
    let found = found_in_tree();
    let numbers = found.iter().map(|(path, found)| (path.clone(), found.len())).collect();
    let file = root().join(LIST);
    let listed = std::fs::read_to_string(&file).map(|text| Unfinished::parse(&text).unwrap());
    match std::env::var("CCC_PROSE").as_deref() {
        Ok("show") => {
            for (path, found) in found.iter().filter(|(_, found)| !found.is_empty()) {
                println!("{path}\n{}", shown(path, found));
            }
        }
        Ok("write") => {
            let new = Unfinished::new(&numbers);
            // Moved files keep their numbers under the new path. A missing list is created without
            // a check.
            if let Ok(listed) = &listed {
                let (new, old) = (new.total(), listed.total());
                assert!(new <= old, "{new} sentences to fix, {old} are listed: fix the new ones");
            }
            std::fs::write(&file, format!("{HEAD}{}", new.text())).unwrap();
            return;
        }
        _ => {}
    }
    let mut wrong = String::new();
    for (path, problem) in listed.unwrap().problems(&numbers) {
        let found = found.get(&path).map_or(&[][..], Vec::as_slice);
        writeln!(wrong, "{path}: {problem}\n{}", shown(&path, found)).unwrap();
    }
    assert!(wrong.is_empty(), "{LIST} differs from the findings:\n{wrong}");
}

#[test]
fn the_list_may_only_get_shorter() {
    let listed = Unfinished::parse("# x\n   2 a.rs\n1 b.md\n").unwrap();
    for (found, expected) in [
        (&[("a.rs", 2), ("b.md", 1), ("c.rs", 0)][..], ""),
        (&[("a.rs", 1), ("b.md", 1)], ""),
        (&[("a.rs", 3), ("b.md", 1)], "a.rs: 3 sentences to fix, 2 are listed"),
        (
            &[("a.rs", 2), ("b.md", 0)],
            "b.md: has no findings or does not exist: remove it from the list",
        ),
        (&[("a.rs", 2)], "b.md: has no findings or does not exist: remove it from the list"),
        (&[("a.rs", 2), ("b.md", 1), ("c.rs", 1)], "c.rs: 1 sentences to fix, 0 are listed"),
    ] {
        let found = found.iter().map(|(path, number)| ((*path).to_owned(), *number)).collect();
        let problems = listed.problems(&found);
        let problems: Vec<_> =
            problems.iter().map(|(path, text)| format!("{path}: {text}")).collect();
        assert_eq!(problems.join("; "), expected);
    }
    assert_eq!(Unfinished::parse(&listed.text()).unwrap(), listed);
    for text in ["a.rs", "0 a.rs", "a.rs 1"] {
        assert!(Unfinished::parse(text).is_err(), "{text}");
    }
}

fn check(kind: Kind, text: &str, expected: &[&str]) {
    let passage = Passage { kind, line: 1, text: text.to_owned() };
    let found = findings(&passage, &phrases());
    let problems: Vec<_> =
        found.iter().map(|finding| finding.problem.split(':').next().unwrap()).collect();
    assert_eq!(problems, expected, "{kind:?} {text}");
}

#[test]
fn a_functions_documentation_begins_with_a_verb() {
    for text in [
        "Returns the newest checkpoint of a run.",
        "Checks the text.\n\n# Errors\nAn error.",
        "Re-establishes the connection.",
        "Equivalent to `x`.",
        "Is this a name?",
    ] {
        check(Kind::Function, text, &[]);
    }
    for (text, word) in [
        ("The text of it.", "The"),
        ("A token for `repo`.", "A"),
        ("As [`run`], but later.", "As"),
        ("Whether it is open.", "Whether"),
        ("In what way it differs.", "In"),
        ("It is done.", "It"),
        ("This returns.", "This"),
        ("`git` in a directory.", "`…`"),
        ("Return the newest.", "Return"),
        ("Whose it is.", "Whose"),
    ] {
        let problem = format!("`{word}` begins a function's documentation");
        check(Kind::Function, text, &[&problem]);
    }
}

#[test]
fn documentation_is_more_than_a_word_and_does_not_begin_with_a_question() {
    for text in [
        "A lease on a run.",
        "The branch the work starts from.",
        "Whether it is open.",
        "When it was last changed.",
        "How many runs are active.",
        "The `x` of `y`. Which of both counts is a setting.",
        "```\nWhere.\n```\nA lease.",
    ] {
        check(Kind::Item, text, &[]);
    }
    for (text, expected) in [
        ("Where.", &["one word"][..]),
        ("Markdown.", &["one word"]),
        ("`x`.", &["one word"]),
        ("Which one it is.", &["`Which` begins documentation"]),
        ("How it ended.", &["`How` begins documentation"]),
        ("What it says.", &["`What` begins documentation"]),
        ("Who wrote it.", &["`Who` begins documentation"]),
    ] {
        check(Kind::Item, text, expected);
        check(Kind::Module, text, expected);
    }
}

#[test]
fn a_subject_has_a_name() {
    for text in [
        "The caller who holds it.",
        "It returns what was written.",
        "What is a run?",
        "See (What) there.",
        "`who` is a setting.",
        "The operator decides; what follows is logged.",
    ] {
        check(Kind::Page, text, &[]);
    }
    for (text, word) in [
        ("Who asks gets an answer.", "who"),
        ("It ends. What is left is removed.", "what"),
        ("It ends. Those who ask wait.", "those who"),
        ("One that is gone is no problem.", "one that"),
        ("It ends; who waits for it goes on.", "who"),
        ("**What** is left.", "what"),
    ] {
        check(Kind::Page, text, &[&format!("`{word}` as a subject")]);
    }
    check(Kind::Page, "what holds secrets", &[]);
    check(Kind::Message, "what holds secrets is missing", &["`what` as a subject"]);
}

#[test]
fn a_phrase_is_found_in_any_form_of_text() {
    for (text, expected) in [
        ("The caller says it in so\nmany words.", "`in so many words`"),
        ("The old token is none any more.", "`none any more`"),
        ("The Log says so.", "`says so`"),
        ("The run was put off.", "`put off`"),
        ("Then **the host** is told.", "`is told`"),
        ("It belongs to [nobody](https://example.org).", "`nobody`"),
    ] {
        for kind in [Kind::Page, Kind::Item, Kind::Message] {
            check(kind, text, &[expected]);
        }
    }
    for text in [
        "The words are told apart.",
        "`put off` is a name.",
        "An input office.",
        "The unput off-set.",
    ] {
        check(Kind::Page, text, &[]);
    }
}

#[test]
fn the_passages_of_a_rust_file_are_found() {
    let text = [
        "//! Module.\n//! More.\n",
        "/// One\n/// two.\n#[must_use = \"[x\"]\npub(crate) const fn a() {\n// no",
        "b(\"one two three\"); \"x y\"; \"four \\\n  five six\"; }",
        "/// Three.\npub struct S {\n/// Four.\n f: u8 }",
        "/** Five. */ enum E {}",
        "#[doc = \"Six and seven again.\"]\nfn f() {}",
        "//// no\nconst T: &str = \"/// no\";",
        "#[cfg(test)]\nmod tests { \"no no no\"; }",
    ];
    let text = &text.join("\n");
    let found: Vec<_> = rust(text, true)
        .into_iter()
        .map(|passage| (passage.kind, passage.line, passage.text))
        .collect();
    let expected = [
        (Kind::Module, 1, "Module.\nMore."),
        (Kind::Function, 4, "One\ntwo."),
        (Kind::Message, 9, "one two three"),
        (Kind::Message, 9, "four five six"),
        (Kind::Item, 11, "Three."),
        (Kind::Item, 13, "Four."),
        (Kind::Item, 15, "Five."),
        (Kind::Function, 16, "Six and seven again."),
    ];
    assert_eq!(found, expected.map(|(kind, line, text)| (kind, line, text.to_owned())));
    assert!(rust(text, false).iter().all(|passage| passage.kind != Kind::Message));
}

#[test]
fn the_passages_of_a_page_are_found() {
    let text = "# Head\nOne\ntwo.\n\n- a\n  b\n- c\n\n1. d\n\n```sh\nno\n```\n| e | f g |\n|---|---|\n| `h` | |\n> i\n";
    let found: Vec<_> =
        page(text).into_iter().map(|passage| (passage.line, passage.text)).collect();
    let expected = [
        (1, "Head"),
        (2, "One\ntwo."),
        (5, "a\nb"),
        (7, "c"),
        (9, "d"),
        (14, "e"),
        (14, "f g"),
        (16, "`h`"),
        (17, "i"),
    ];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
