#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn file(directory: &str, content: &str) -> AttributesFile {
    AttributesFile { directory: directory.into(), content: content.into() }
}

/// Returns the lines after the first ones.
fn rendered(files: &mut [AttributesFile]) -> String {
    let rendered = String::from_utf8(render(files, &BASE).unwrap()).unwrap();
    rendered.strip_prefix(BASE.reset).unwrap().to_owned()
}

#[test]
fn only_attributes_of_line_ends_and_filters_are_kept() {
    // spec: X6e
    for (content, expected) in [
        ("* text=auto\n", "\"*\" text=auto\n"),
        ("*.cs text eol=crlf diff=csharp\r\n", "\"*.cs\" text eol=crlf\n"),
        (
            "*.png binary\n*.x -binary !text -eol\n",
            "\"*.png\" ccc-macro.binary\n\"*.x\" -ccc-macro.binary !text -eol\n",
        ),
        ("*.c ident working-tree-encoding=UTF-16\n\n# *.d text\n", ""),
        ("*.bin filter=lfs diff=lfs merge=lfs -text", "\"*.bin\" ccc-filter=lfs -text\n"),
        (
            "a filter=x;y\nb -filter\nc filter",
            "\"a\" ccc-filter=other\n\"b\" -ccc-filter\n\"c\" ccc-filter\n",
        ),
        ("*.a crlf=input\n*.b crlf\n", "\"*.a\" crlf=input\n\"*.b\" crlf\n"),
        // A value that git does not know has no effect, and neither has an earlier line.
        ("*.a text=other eol=cr\n", "\"*.a\" !text !eol\n"),
        ("*.a -eol=lf -text=auto filter=\n", "\"*.a\" -eol -text !ccc-filter\n"),
        (
            "[attr]unix text eol=lf\n[attr]both unix binary\n*.sh unix\n*.b !both\n*.c both=1\n",
            "[attr]ccc-macro.unix text eol=lf\n[attr]ccc-macro.both ccc-macro.unix ccc-macro.binary\n\
             \"*.sh\" ccc-macro.unix\n\"*.b\" !ccc-macro.both\n\"*.c\" !ccc-macro.both\n",
        ),
        // A macro can have the name of an attribute.
        ("[attr]text filter=x\n* text\n", "[attr]text ccc-filter=x\n\"*\" text\n"),
        ("[attr]filter text\n* filter\n", "[attr]ccc-filter text\n\"*\" ccc-filter\n"),
        ("[attr]ident text\n* ident\n", "[attr]ccc-macro.ident text\n\"*\" ccc-macro.ident\n"),
        ("[attr]binary foo\n* binary\n", "[attr]ccc-macro.binary\n\"*\" ccc-macro.binary\n"),
        ("\"[attr]q\" text\n* q\n", "[attr]ccc-macro.q text\n\"*\" ccc-macro.q\n"),
        ("[attr] text\n", "\"[attr]\" text\n"),
        // Git ignores a line with an invalid name.
        ("* text bad/name\n[attr]a+b text\n* text builtin_x\n", ""),
        ("\u{feff}/a text\n  b  text\n", "\"/a\" text\n\"b\" text\n"),
        ("\"a b\\\"\\303\\244\\n\" text\n", "\"a b\\\"ä\\012\" text\n"),
        ("\"open text\n", "\"\\\"open\" text\n"),
        ("!a text\nd/ text\n", ""),
        ("a\\ text\n", "\"a\\\\\" text\n"),
    ] {
        assert_eq!(rendered(&mut [file("", content)]), expected, "{content}");
    }
    let long = format!("{} text\n*.a text", "x".repeat(MAX_LINE));
    assert_eq!(rendered(&mut [file("", &long)]), "\"*.a\" text\n");
}

#[test]
fn no_rendered_line_is_so_long_that_git_ignores_it() {
    // spec: X6e
    // The name has 4 bytes for each byte in octal digits.
    let name = "ä".repeat(900);
    assert_eq!(rendered(&mut [file("", &format!("{name} text\n"))]), format!("\"{name}\" text\n"));
    // The attributes of a long line follow in other lines.
    let many = format!("[attr]m text\n* {}-text", "m ".repeat(1_000));
    let found = rendered(&mut [file("", &many)]);
    assert!(
        found.lines().count() > 5 && found.lines().all(|line| line.len() < MAX_LINE),
        "{found}"
    );
    assert!(found.ends_with(" -text\n"), "{found}");
    // A pattern cannot be divided.
    let directory = "d".repeat(1_500);
    for (content, is_short) in [("f text", true), (&*format!("{} text", "f".repeat(600)), false)] {
        let result = render(&mut [file(&directory, content)], &BASE);
        assert_eq!(result.is_ok(), is_short, "{result:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::LimitExceeded);
            assert!(error.to_string().contains("2048 or more bytes"), "{error}");
        }
    }
}

/// Returns the values of the attributes `text`, `eol` and `filter` that git reads for `paths`. The
/// attribute `filter` has the name `filter`. A value without an effect becomes `unspecified`.
fn of_git(directory: &std::path::Path, filter: &str, paths: &[&str]) -> Vec<String> {
    let mut git = Command::new("git");
    git.current_dir(directory).args(["check-attr", "-z", "text", "eol", filter, "--"]).args(paths);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let printed = String::from_utf8(git.stderr(Stdio::null()).output().unwrap().stdout).unwrap();
    let fields: Vec<&str> = printed.split_terminator('\0').collect();
    let value = |fields: &[&str]| match fields[1..] {
        ["text", "set" | "unset" | "auto" | "input"] | ["eol", "lf" | "crlf" | "set" | "unset"] => {
            format!("{} {}", fields[0], fields[2])
        }
        ["text" | "eol", _] | [_, ""] => format!("{} unspecified", fields[0]),
        _ => format!("{} {}", fields[0], fields[2]),
    };
    fields.chunks(3).map(value).collect()
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
        "-binary",
        "!binary",
        "unix",
        "!unix",
        "both",
        "-both",
        "large",
        "-large",
        "!large text",
        "large=1",
        "text large",
        "large -filter",
        "filter=x",
        "-filter",
        "!filter large",
        "text=other",
        "!eol -eol",
        "text in/valid",
        "-text=auto",
    ]);
    let macros = prop::sample::select(vec![
        "[attr]unix text eol=lf",
        "[attr]unix -text",
        "[attr]both unix large",
        "[attr]both large -unix",
        "[attr]large filter=lfs -text",
        "[attr]large !filter text",
        "[attr]binary text",
        "[attr]filter text",
        "[attr]text filter=y",
        "[attr]diff filter=z",
        "* diff",
        "[attr]loop loop large",
        "\"[attr]unix\" eol=crlf",
        "[attr]bad/name text",
        "* loop",
    ]);
    let macros = prop::collection::vec(macros, 0..6).prop_map(|lines| lines.join("\n"));
    let line = (pattern, attributes).prop_map(|(pattern, set)| format!("{pattern} {set}\n"));
    let content = prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat());
    let place = tempfile::tempdir().unwrap();
    let (theirs, ours) = (place.path().join("theirs"), place.path().join("ours"));
    repository(&theirs);
    repository(&ours);
    let directories = ["", "d", "d/s", "d [e]*"];
    let mut config = ProptestConfig::with_cases(150);
    config.failure_persistence = None;
    let seed = proptest::test_runner::RngSeed::Fixed(20_261_130);
    config.rng_seed = seed;
    let contents = prop::collection::vec(content, directories.len());
    proptest!(config, |(contents in contents, macros in macros)| {
        let mut files = Vec::new();
        for (directory, content) in directories.iter().zip(&contents) {
            let content = match *directory {
                // The macros can be before or after the lines that use them.
                "" if content.len() % 2 == 0 => format!("{content}{macros}\n"),
                "" => format!("{macros}\n{content}"),
                _ => content.clone(),
            };
            let at = theirs.join(directory);
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join(".gitattributes"), &content).unwrap();
            files.push(file(directory, &content));
        }
        let info = ours.join(".git/info/attributes");
        std::fs::write(&info, render(&mut files, &BASE).unwrap()).unwrap();
        let paths =
            ["f.a", "f.b", "d/f.a", "d/s/f.a", "d/s/g.a", "d/s/t/f.b", "d [e]*/f.a", "s/f.a"];
        let expected = of_git(&theirs, "filter", &paths);
        prop_assert_eq!(&of_git(&ours, BASE.filter, &paths), &expected);
        // The names of the change have the same effect on filters.
        std::fs::write(&info, render(&mut files, &CHANGED).unwrap()).unwrap();
        let found = of_git(&ours, CHANGED.filter, &paths);
        let filters = |values: &[String]| values.iter().skip(2).step_by(3).cloned().collect::<Vec<_>>();
        prop_assert_eq!(filters(&found), filters(&expected));
    });
}

proptest! {
    #[test]
    fn no_attributes_file_adds_another_attribute(content in ".{0,60}", directory in "[a-z \"\\\\\n]{0,6}") {
        let shown = render(&mut [file(&directory, &content)], &BASE).unwrap();
        for line in shown[BASE.reset.len()..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            for attribute in lines(line).flat_map(|line| line.attributes) {
                let name = std::str::from_utf8(name_of(attribute).1).unwrap();
                let is_known = ["text", "eol", "crlf", BASE.filter].contains(&name);
                prop_assert!(is_known || name.starts_with(BASE.macros), "{}", name);
            }
        }
    }
}
