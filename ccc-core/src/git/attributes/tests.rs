#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn file(directory: &str, content: &str) -> AttributesFile {
    AttributesFile { directory: directory.into(), content: content.into() }
}

/// Returns the lines after the first one.
fn rendered(files: &mut [AttributesFile]) -> String {
    let rendered = String::from_utf8(render(files)).unwrap();
    rendered.strip_prefix(RESET).unwrap().to_owned()
}

#[test]
fn only_attributes_of_line_ends_and_filters_are_kept() {
    // spec: X6e
    for (content, expected) in [
        ("* text=auto\n", "\"*\" text=auto\n"),
        ("*.cs text eol=crlf diff=csharp\r\n", "\"*.cs\" text eol=crlf\n"),
        ("*.png binary\n*.x -binary !text -eol\n", "\"*.png\" -text\n\"*.x\" !text -eol\n"),
        ("*.c ident working-tree-encoding=UTF-16\n\n# *.d text\n", ""),
        ("*.bin filter=lfs diff=lfs merge=lfs -text", "\"*.bin\" ccc-filter=lfs -text\n"),
        (
            "a filter=x;y\nb -filter\nc filter",
            "\"a\" ccc-filter=other\n\"b\" -ccc-filter\n\"c\" ccc-filter\n",
        ),
        ("*.a crlf=input\n*.b crlf\n", "\"*.a\" crlf=input\n\"*.b\" crlf\n"),
        ("*.a text=other eol=cr\n", ""),
        (
            "[attr]unix text eol=lf\n[attr]both unix binary\n*.sh unix\n*.b both\n",
            "\"*.sh\" text eol=lf\n\"*.b\" text eol=lf -text\n",
        ),
        ("[attr]text filter=x\n* text\n", "\"*\" text ccc-filter=x\n"),
        ("[attr]loop loop text\n* loop\n", &format!("\"*\"{}\n", " text".repeat(8))),
        ("\u{feff}/a text\n  b  text\n", "\"/a\" text\n\"b\" text\n"),
        ("\"a b\\\"\\303\\244\\n\" text\n", "\"a b\\\"\\303\\244\\012\" text\n"),
        ("\"open text\n", "\"\\\"open\" text\n"),
        ("!a text\nd/ text\n", ""),
        ("a\\ b text\n", "\"a\\\\\" text\n"),
    ] {
        assert_eq!(rendered(&mut [file("", content)]), expected, "{content}");
    }
    let long = format!("{} text\n*.a text", "x".repeat(MAX_LINE));
    assert_eq!(rendered(&mut [file("", &long)]), "\"*.a\" text\n");
}

/// Returns the values of the attributes `text` and `eol` that git reads for `path`.
fn of_git(directory: &std::path::Path, path: &str) -> String {
    let mut git = Command::new("git");
    git.current_dir(directory).args(["check-attr", "text", "eol", "--", path]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    String::from_utf8(git.stderr(Stdio::inherit()).output().unwrap().stdout).unwrap()
}

fn repository(place: &std::path::Path) {
    let made = Command::new("git").args(["init", "-q"]).arg(place).status().unwrap();
    assert!(made.success());
    std::fs::create_dir_all(place.join(".git/info")).unwrap();
}

#[test]
fn files_of_directories_have_the_effect_that_git_gives_them() {
    // spec: X6e
    let pattern = prop::sample::select(vec![
        "*", "*.a", "f.a", "/f.a", "s/f.a", "s/*", "**/f.b", "s/**", "?.b", "[fg].a", "\"f.a\"",
        "x y", "f.b ",
    ]);
    let attributes = prop::sample::select(vec![
        "text",
        "-text",
        "text=auto eol=lf",
        "eol=crlf",
        "!text",
        "binary",
        "unix",
        "!eol -eol",
    ]);
    let line = (pattern, attributes).prop_map(|(pattern, set)| format!("{pattern} {set}\n"));
    let content = prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat());
    let place = tempfile::tempdir().unwrap();
    let (theirs, ours) = (place.path().join("theirs"), place.path().join("ours"));
    repository(&theirs);
    repository(&ours);
    let directories = ["", "d", "d/s", "d [e]*"];
    let mut config = ProptestConfig::with_cases(40);
    config.failure_persistence = None;
    let seed = proptest::test_runner::RngSeed::Fixed(20_261_130);
    config.rng_seed = seed;
    proptest!(config, |(contents in prop::collection::vec(content, directories.len()))| {
        let mut files = Vec::new();
        for (directory, content) in directories.iter().zip(&contents) {
            let content = match *directory {
                "" => format!("[attr]unix text eol=lf\n{content}"),
                _ => content.clone(),
            };
            let at = theirs.join(directory);
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join(".gitattributes"), &content).unwrap();
            files.push(file(directory, &content));
        }
        std::fs::write(ours.join(".git/info/attributes"), render(&mut files)).unwrap();
        for path in ["f.a", "f.b", "d/f.a", "d/s/f.a", "d/s/g.a", "d/s/t/f.b", "d [e]*/f.a", "s/f.a"] {
            prop_assert_eq!(of_git(&ours, path), of_git(&theirs, path), "{}", path);
        }
    });
}

proptest! {
    #[test]
    fn no_attributes_file_adds_another_attribute(content in ".{0,60}", directory in "[a-z \"\\\\\n]{0,6}") {
        let shown = render(&mut [file(&directory, &content)]);
        for line in shown[RESET.len()..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let end = closing_quote(line).unwrap();
            let words = String::from_utf8(line[end..].to_vec()).unwrap();
            for word in words.split_whitespace() {
                let name = word.trim_start_matches(['-', '!']).split('=').next().unwrap();
                prop_assert!(["text", "eol", "crlf", FILTER].contains(&name), "{}", words);
            }
        }
    }
}
