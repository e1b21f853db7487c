//! Tests that the files of a crate do not use each other in cycles.

use std::path::Path;

use ccc_tests::modules::{Uses, circles, shown, uses};
use ccc_tests::source::{files, root};

/// Returns the name and the root file of each crate of the workspace.
fn crates() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in files("toml").unwrap() {
        let Some(directory) = path.strip_suffix("Cargo.toml") else { continue };
        let manifest: toml::Table = text.parse().unwrap();
        let Some(name) = manifest.get("package").and_then(|package| package["name"].as_str())
        else {
            continue;
        };
        for first in ["src/lib.rs", "src/main.rs"] {
            let first = format!("{directory}{first}");
            if root().join(&first).exists() {
                found.push((name.to_owned(), first));
            }
        }
    }
    found
}

fn on_disk(file: &Path) -> Option<String> {
    std::fs::read_to_string(root().join(file)).ok()
}

#[test]
fn files_of_a_crate_do_not_use_each_other_in_cycles() {
    // spec: A8
    let mut all = String::new();
    for (name, first) in crates() {
        let uses = uses(&first, on_disk).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        for circle in circles(&uses) {
            all +=
                &format!("{name}: {} files in a cycle:\n{}", circle.len(), shown(&circle, &uses));
        }
    }
    assert!(all.is_empty(), "{all}");
}

/// Checks the uses of a small crate. They are written as `file>file` without extensions. Its root
/// file is `lib.rs`.
fn check(texts: &[(&str, &str)], expected: &str) {
    let uses = used(texts);
    let mut found: Vec<String> = Vec::new();
    for (file, others) in &uses {
        for other in others.keys() {
            found.push(format!("{file}>{other}").replace(".rs", ""));
        }
    }
    assert_eq!(found.join(" "), expected, "{texts:?}");
}

fn used(texts: &[(&str, &str)]) -> Uses {
    let read = |file: &Path| {
        let found = texts.iter().find(|(name, _)| Path::new(name) == file);
        found.map(|(_, text)| (*text).to_owned())
    };
    uses("lib.rs", read).unwrap()
}

#[test]
fn a_use_resolves_to_the_file_of_the_definition() {
    const LIB: (&str, &str) = ("lib.rs", "mod a; mod b; pub use b::B; pub struct L;");
    const B: (&str, &str) = ("b.rs", "mod c; pub use c::C; pub struct B; pub fn f() {}");
    const C: (&str, &str) = ("b/c.rs", "pub struct C;");
    for (a, expected) in [
        ("", ""),
        ("use crate::b::B;", "a>b"),
        ("use super::b::{self, f};", "a>b"),
        ("use crate::b::C;", "a>b/c"),
        ("use crate::B;", "a>b"),
        ("use crate::L;", "a>lib"),
        ("use crate::b as x; fn y() { x::f() }", "a>b"),
        ("use crate::b;", ""),
        ("use crate::b; fn x() { b::f(); b::C; }", "a>b a>b/c"),
        ("fn x() { crate::b::f() }", "a>b"),
        ("fn x() -> super::L { use crate::b::C; }", "a>b/c a>lib"),
        ("fn x() { y!(1, crate::b::C { z: 1 }) }", "a>b/c"),
        ("use crate::b::*; fn x(_: C) {}", "a>b/c"),
        ("use super::*; fn x(_: L, _: B) {}", "a>b a>lib"),
        ("use crate::b::made_by_a_macro;", "a>b"),
        ("mod inner { use super::super::b::f; }", "a>b"),
        ("impl X { fn x(&self) -> crate::b::C {} }", "a>b/c"),
        ("use std::fmt; use other::B; fn x() { ::b::f(); y.f(); z!(y.f()) }", ""),
        ("#[cfg(test)] mod tests { use crate::b::B; }", ""),
        ("#[cfg(test)] use crate::b::B;", ""),
        ("#[cfg(all(unix, test))] use crate::b::B;", ""),
        ("#[cfg(not(test))] use crate::b::B;", "a>b"),
        ("#[test] fn x() { crate::b::f() }", ""),
        ("/// As [`crate::b::B`].\n#[x(crate::b::B)] pub(in crate::b) fn x() {}", ""),
        ("const X: &str = \"crate::b::B\";", ""),
    ] {
        check(&[LIB, ("a.rs", a), B, C], expected);
    }
}

#[test]
fn a_re_export_is_not_a_use() {
    for (lib, expected) in [
        ("mod a;", ""),
        ("mod a; pub use a::A;", ""),
        ("mod a; pub(crate) use a::A;", ""),
        ("mod a; pub use a::A; fn x() -> A {}", "lib>a"),
        ("mod a; use a::A;", "lib>a"),
        ("mod a; fn x() { a::f() }", "lib>a"),
        ("mod b { mod a; use self::a::A; }", "lib>b/a"),
        ("#[path = \"x.rs\"] mod a; fn x() { a::f() }", "lib>x"),
    ] {
        let a = "pub struct A; pub fn f() {}";
        check(&[("lib.rs", lib), ("a.rs", a), ("b/a.rs", a), ("x.rs", a)], expected);
    }
}

#[test]
fn a_cycle_is_found() {
    let lib = ("lib.rs", "mod a; mod b; mod c; mod d;");
    for (a, b, c, expected) in [
        ("use crate::b::B;", "pub struct B;", "use crate::a::A;", 0),
        ("use crate::b::B;", "use super::a::A;", "", 2),
        ("use crate::b::B;", "use crate::c::C;", "fn c() { crate::a::f() }", 3),
    ] {
        let uses =
            used(&[lib, ("a.rs", a), ("b.rs", b), ("c.rs", c), ("d/mod.rs", "use crate::a::A;")]);
        let found: usize = circles(&uses).iter().map(|circle| circle.len()).sum();
        assert_eq!(found, expected, "{uses:?}");
    }
    let uses = used(&[("lib.rs", "mod a; use a::A; pub struct L;"), ("a.rs", "use crate::L;")]);
    let circle = &circles(&uses)[0];
    assert_eq!(shown(circle, &uses), "    a.rs -> lib.rs (L)\n    lib.rs -> a.rs (A)\n");
}

#[test]
fn a_missing_or_invalid_file_is_an_error() {
    for (text, expected) in [("mod a;", "a/mod.rs is missing"), ("fn", "lib.rs is not Rust: ")] {
        let read = |file: &Path| (file == Path::new("lib.rs")).then(|| text.to_owned());
        let problem = uses("lib.rs", read).unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
    }
}
