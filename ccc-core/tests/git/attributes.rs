//! Tests of attributes: line ends, and filters of the repository.

use std::fs;
use std::path::Path;

use ccc_core::git::{Collected, GitLimits};
use ccc_core::observe::Redactor;
use ccc_core::policy::{ProtectedClass, TrustPolicy};

use crate::support::{Entry, World, as_files, files_below, git, git_text, run, shell, try_git};

/// A git attribute, a file that it applies to, and the command of plain git that it affects.
struct Attribute {
    line: &'static str,
    content: &'static [u8],
    /// The content that an agent writes to the file.
    edited: &'static [u8],
    fires: Fires,
}

#[derive(Clone, Copy)]
enum Fires {
    /// Plain git changes the content at checkout.
    AtCheckout,
    /// Plain git changes the content of the edited file at `git add`, or fails.
    AtAdd,
}

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        line: "f ident",
        content: b"$Id$\n",
        edited: b"x $Id$ $Id: 1 $\n",
        fires: Fires::AtCheckout,
    },
    Attribute {
        line: "[attr]odd ident\nf odd",
        content: b"$Id$\n",
        edited: b"$Id: 2 $\n",
        fires: Fires::AtCheckout,
    },
    Attribute {
        line: "f working-tree-encoding=UTF-16",
        content: b"h\xc3\xa9\n",
        edited: b"h\xc3\xa9 h\n",
        fires: Fires::AtCheckout,
    },
    Attribute {
        line: "f working-tree-encoding=UTF-16",
        content: b"h\xc3\xa9\n",
        edited: b"odd",
        fires: Fires::AtAdd,
    },
    Attribute {
        line: "f filter=rot",
        content: b"abc\n",
        edited: b"abd\n",
        fires: Fires::AtCheckout,
    },
    Attribute { line: "f filter=rot", content: b"abc\n", edited: b"abd\n", fires: Fires::AtAdd },
];

/// Settings that define the filter of the test cases for plain git.
const ROT: &[&str] =
    &["-c", "filter.rot.smudge=tr a-z n-za-m", "-c", "filter.rot.clean=tr a-z n-za-m"];

fn check_it_fires(case: &Attribute, world: &World, clone: &Path, path: &str) {
    let file = clone.join(path);
    let with = |args: &[&str]| try_git(clone, &[ROT, args].concat());
    let name = clone.to_str().unwrap();
    let clone_args = ["clone", "-q", world.remote.to_str().unwrap(), name];
    git(world.path(), &[ROT, &clone_args].concat());
    match case.fires {
        Fires::AtCheckout => {
            let shown = fs::read(&file).unwrap();
            assert_ne!(shown, case.content, "plain git ignores {}", case.line);
        }
        Fires::AtAdd => {
            fs::write(&file, case.edited).unwrap();
            let added = with(&["add", "--all"]).status.success();
            let kept = with(&["cat-file", "blob", &format!(":{path}")]).stdout;
            let changed = !added || kept != case.edited;
            assert!(changed, "plain git ignores {}", case.line);
        }
    }
}

#[tokio::test]
async fn attributes_change_no_content() {
    // spec: X6e
    for (n, case) in (1..).zip(ATTRIBUTES) {
        for (place, path) in [(".gitattributes", "f"), ("sub/.gitattributes", "sub/f")] {
            if place != ".gitattributes" && case.line.starts_with('[') {
                continue; // git allows macros only in the top directory
            }
            let line = format!("{}\n", case.line);
            let entries: &[Entry] =
                &[("100644", place, line.as_bytes()), ("100644", path, case.content)];
            let world = World::new(entries);
            check_it_fires(case, &world, &world.path().join("clone"), path);

            let at = world.checkout(run(n)).await.unwrap();
            assert_eq!(files_below(&at.path), as_files(entries), "{}", case.line);
            let status = git_text(&at.path, &["status", "--porcelain"]);
            assert_eq!(status, "", "status in the workspace, {}", case.line);

            fs::write(at.path.join(path), case.edited).unwrap();
            let set = match world.collect(run(n), &at.base).await.unwrap() {
                Collected::Changes(set) => set,
                Collected::Refused(refusal) if case.line.contains("filter=") => {
                    assert_eq!(refusal.paths, [path], "{}", case.line);
                    continue;
                }
                collected => panic!("{}: {collected:?}", case.line),
            };
            let kept = world.blob(run(n), &set.tree, path);
            assert_eq!(kept, case.edited, "{}", case.line);
        }
    }
}

#[tokio::test]
async fn attributes_do_not_make_untouched_files_changed() {
    // spec: X6e
    let world = World::new(&[
        ("100644", ".gitattributes", b"* text=auto\n*.i ident\n*.w working-tree-encoding=UTF-16\n"),
        ("100644", "a", b"a\r\nb\r\n"),
        ("100644", "a.i", b"$Id: x $\n"),
        ("100644", "a.w", b"odd"),
    ]);
    let at = world.checkout(run(1)).await.unwrap();
    // New times force git to compare the contents.
    shell(&at.path, "touch -d 2001-01-01 a a.i a.w");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(collected, Collected::Nothing { .. }));
}

/// Returns the result of the same edit in a clone by git: the contents of the file that `git add`
/// stores.
fn by_git(world: &World, path: &str, edit: &str) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let clone = place.path().join("clone");
    git(place.path(), &["clone", "-q", world.remote.to_str().unwrap(), clone.to_str().unwrap()]);
    shell(&clone, edit);
    git(&clone, &["add", "--all"]);
    git(&clone, &["cat-file", "blob", &format!(":{path}")])
}

#[tokio::test]
async fn attributes_of_the_base_convert_line_ends_as_git_does() {
    // spec: X6e
    let append = r"printf 'c\r\n' >> f";
    let append_lf = r"printf 'c\n' >> f";
    for (n, (attributes, old, edit, kept_as_is)) in (1..).zip([
        ("f text eol=crlf", "a\nb\n", append, false),
        ("* eol=crlf", "a\nb\n", append, false),
        ("f text", "a\nb\n", append, false),
        ("f text eol=lf", "a\nb\n", append_lf, false),
        ("* text=auto", "a\nb\n", append, false),
        ("* text=auto eol=crlf", "a\nb\n", append, false),
        ("* text=auto", "a\0b\n", append, false),
        ("* text=auto", "a\r\nb\n", append, false),
        ("* text=auto\nf -text", "a\nb\n", append, false),
        ("f crlf=input", "a\nb\n", append, false),
        ("f crlf", "a\nb\n", append, false),
        ("[attr]dos text eol=crlf\nf dos", "a\nb\n", append, false),
        ("g text", "a\nb\n", append, false),
        // Plain git changes each line of these files.
        ("f text", "a\r\nb\r\n", append, true),
        ("f text eol=lf", "a\r\nb\r\n", append, true),
    ]) {
        let line = format!("{attributes}\n");
        let entries: &[Entry] =
            &[("100644", ".gitattributes", line.as_bytes()), ("100644", "f", old.as_bytes())];
        let world = World::new(entries);
        let at = world.checkout(run(n)).await.unwrap();
        let what = format!("{attributes} {old:?}");
        // Plain git reports a file as changed whose line ends contradict its attributes.
        let status = git_text(&at.path, &["status", "--porcelain"]);
        assert!(status.is_empty() || kept_as_is, "{what}: {status}");
        let shown = fs::read(at.path.join("f")).unwrap();
        let place = tempfile::tempdir().unwrap();
        let clone = place.path().join("clone");
        let (from, to) = (world.remote.to_str().unwrap(), clone.to_str().unwrap());
        git(place.path(), &["clone", "-q", from, to]);
        assert_eq!(shown, fs::read(clone.join("f")).unwrap(), "{what}");

        shell(&at.path, edit);
        let edited = fs::read(at.path.join("f")).unwrap();
        let collected = world.collect(run(n), &at.base).await.unwrap();
        let Collected::Changes(set) = collected else { panic!("{what}: {collected:?}") };
        let kept = world.blob(run(n), &set.tree, "f");
        let theirs = by_git(&world, "f", edit);
        if kept_as_is {
            assert_eq!(kept, edited, "{what}");
            assert_ne!(kept, theirs, "{what}");
        } else {
            assert_eq!(kept, theirs, "{what}");
        }
    }
}

#[tokio::test]
async fn attributes_that_the_agent_writes_convert_nothing() {
    // spec: X6e
    let policy = TrustPolicy::default().with_protected_classes([ProtectedClass::Ci]);
    let world = World::new(&[("100644", "f", b"a\n")]);
    for (n, act) in (1..).zip([
        r"echo '* text' > .gitattributes; printf 'a\r\nb\r\n' > f",
        r"mkdir d; echo '* text' > d/.gitattributes; printf 'a\r\nb\r\n' > f; cp f d/f",
        r"mkdir -p .git/info; echo '* text' > .git/info/attributes; printf 'a\r\nb\r\n' > f",
    ]) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let redactor = Redactor::default();
        let collected = world.host.collect(run(n), &at.base, &policy, &redactor).await.unwrap();
        let Collected::Changes(set) = collected else { panic!("{act}: {collected:?}") };
        assert_eq!(world.blob(run(n), &set.tree, "f"), b"a\r\nb\r\n", "{act}");
    }
}

#[tokio::test]
async fn line_ends_that_the_attributes_request_count_before_a_file_is_written() {
    // spec: X18c
    let (lines, text) = ("\n".repeat(40_000), "x".repeat(79) + "\n");
    let text = text.repeat(500);
    let limits = GitLimits::default().with_checkout_bytes(65_536u64);
    for (n, (attributes, content, is_refused)) in (1..).zip([
        ("f text eol=crlf", &lines, true),
        ("[attr]dos text eol=crlf\nf dos", &lines, true),
        // A file with few lines, and the half of a workspace.
        ("f text eol=crlf", &text, false),
        ("f text eol=crlf", &"\n".repeat(30_000), false),
        ("f text eol=lf", &lines, false),
        ("f text", &lines, false),
    ]) {
        let line = format!("{attributes}\n");
        let entries: &[Entry] =
            &[("100644", ".gitattributes", line.as_bytes()), ("100644", "f", content.as_bytes())];
        let World { temp, remote, host } = World::new(entries);
        let world = World { temp, remote, host: host.with_limits(limits) };
        let checked_out = world.checkout(run(n)).await;
        assert_eq!(checked_out.is_err(), is_refused, "{attributes} {}", content.len());
        if let Err(error) = checked_out {
            assert!(error.to_string().contains("with the line end CRLF"), "{error}");
            let workspace = world.path().join(format!("host/runs/{}/workspace", run(n)));
            assert_eq!(files_below(&workspace).len(), 0, "files were written");
        }
    }
}
