use super::*;

/// The flag of a search that nothing ends.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Returns `PATH (SYMLINK)` for each alias of a tree with the symlinks `links` (`PATH -> TARGET`)
/// and the files `files`, of which `changed` are changed.
fn found(links: &[&str], files: &[&str], changed: &[&str]) -> Result<Vec<String>, TooManySteps> {
    let symlinks: Vec<Symlink<'_>> = links
        .iter()
        .map(|link| link.split_once(" -> ").unwrap())
        .map(|(path, target)| Symlink { path: path.as_bytes(), target: target.as_bytes() })
        .collect();
    let mut all: Vec<&[u8]> = files.iter().map(|path| path.as_bytes()).collect();
    all.extend(symlinks.iter().map(|symlink| symlink.path));
    let changed: Vec<&[u8]> = changed.iter().map(|path| path.as_bytes()).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(aliases(&symlinks, &all, &changed, &TrustPolicy::default(), &RUNNING)?
        .iter()
        .map(|alias| format!("{} ({})", text(&alias.path), text(&alias.symlink)))
        .collect())
}

fn check(links: &[&str], changed: &[&str], expected: &[&str]) {
    assert_eq!(found(links, &[], changed).unwrap(), expected, "{links:?}, {changed:?}");
}

#[test]
fn changes_of_files_with_a_protected_name_are_found() {
    // spec: X17e
    check(&["CLAUDE.md -> README.md"], &["README.md"], &["README.md (CLAUDE.md)"]);
    check(
        &["CLAUDE.md -> ./docs//agents.txt"],
        &["docs/agents.txt"],
        &["docs/agents.txt (CLAUDE.md)"],
    );
    check(&["sub/CLAUDE.md -> ../README.md"], &["README.md"], &["README.md (sub/CLAUDE.md)"]);
    // A directory, and a directory above.
    check(&[".github/workflows -> ../ci"], &["ci/a.yml"], &["ci/a.yml (.github/workflows)"]);
    check(&[".github -> gh"], &["gh/workflows/a.yml"], &["gh/workflows/a.yml (.github)"]);
    check(&["tools -> scripts"], &["scripts/bazel"], &["scripts/bazel (tools)"]);
    check(&["lib/x/hooks -> ../../h"], &["h/pre-push"], &["h/pre-push (lib/x/hooks)"]);
    // Chains.
    check(&["CLAUDE.md -> a", "a -> b/c", "b -> d"], &["d/c"], &["d/c (CLAUDE.md)"]);
    check(&["CLAUDE.md -> a", "a -> b"], &["a"], &["a (CLAUDE.md)"]);
    check(&[".github -> gh", "gh/workflows -> ../ci"], &["ci/a"], &["ci/a (.github)"]);
    check(&[".github -> .", "workflows -> ci"], &["ci/a"], &["ci/a (.github)"]);
    check(&["a/.vscode -> .."], &["x/tasks.json"], &["x/tasks.json (a/.vscode)"]);
    // The directory of the target is replaced.
    check(&["CLAUDE.md -> docs/a.md"], &["docs"], &["docs (CLAUDE.md)"]);
    // A file system can ignore case.
    check(&["CLAUDE.md -> readme.MD"], &["README.md"], &["README.md (CLAUDE.md)"]);
    // Another spelling of a symlink does not hide it.
    check(&["CLAUDE.md -> doc/x", "doc -> d", "DOC -> e"], &["d/x"], &["d/x (CLAUDE.md)"]);
}

#[test]
fn a_parent_directory_is_that_of_the_directory_to_which_a_symlink_leads() {
    // spec: X17e
    let up = "CLAUDE.md -> docs/../README.md";
    let found = &["lib/README.md (CLAUDE.md)"];
    check(&[up, "docs -> lib/docs"], &["lib/README.md"], found);
    // Through several symlinks, below a directory, and with several parents.
    check(&[up, "docs -> a", "a -> lib/docs"], &["lib/README.md"], found);
    check(&[up, "docs -> a/docs", "a -> lib"], &["lib/README.md"], found);
    check(&["CLAUDE.md -> docs/x/../../README.md", "docs -> lib/docs"], &["lib/README.md"], found);
    check(&["CLAUDE.md -> d/docs/../README.md", "d/docs -> ../lib/x"], &["lib/README.md"], found);
    check(
        &["CLAUDE.md -> a", "a -> docs/../README.md", "docs -> lib/x"],
        &["lib/README.md"],
        found,
    );
    check(
        &[up, "docs -> x/../lib/docs", "x -> y/z"],
        &["y/lib/README.md"],
        &["y/lib/README.md (CLAUDE.md)"],
    );
    // Another spelling of a symlink does not hide it or a directory.
    check(&[up, "DOCS -> lib/docs"], &["lib/README.md"], found);
    check(&[up, "DOCS -> lib/docs"], &["README.md"], &["README.md (CLAUDE.md)"]);
    // A symlink that leaves the tree or forms a loop.
    check(&[up, "docs -> /lib/docs"], &["lib/README.md"], &[]);
    check(&[up, "docs -> ../lib/docs"], &["lib/README.md"], &[]);
    check(&[up, "docs -> docs/.."], &["lib/README.md"], &[]);
}

#[test]
fn a_new_symlink_on_the_way_to_a_parent_directory_counts() {
    // spec: X17e
    let links = &["CLAUDE.md -> docs/../README.md", "docs -> lib/docs"];
    let files = &["lib/README.md", "lib/docs/a", "README.md"];
    assert_eq!(found(links, files, &["docs"]).unwrap(), ["lib/README.md (CLAUDE.md)"]);
    assert_eq!(found(links, files, &["lib/docs/a"]).unwrap(), [""; 0]);
}

#[test]
fn changes_of_other_files_are_not_found() {
    // spec: X17e
    check(&["CLAUDE.md -> README.md"], &["README.md.txt", "docs/README.md", "src/a"], &[]);
    check(&[".github/workflows -> ../ci"], &["ci-tools/a.yml", "cd/a.yml", "ci.md"], &[]);
    check(&["tools -> scripts", "bin -> scripts"], &["scripts/build.sh", "scripts/sub/bazel"], &[]);
    check(&["latest -> v2", "lib -> src"], &["v2/a", "src/main.rs"], &[]);
    check(&["CLAUDE.md -> /etc/x", "AGENTS.md -> ../../x"], &["etc/x", "x"], &[]);
    // A path that is protected itself is reported as such.
    check(&["CLAUDE.md -> AGENTS.md"], &["AGENTS.md"], &[]);
    // Loops lead to no file.
    check(&["CLAUDE.md -> a", "a -> b", "b -> a", ".github/x -> ."], &["c"], &[]);
}

#[test]
fn a_new_symlink_must_not_give_files_a_protected_name() {
    // spec: X17e, X17a
    for (links, files, changed, expected) in [
        (
            &["tools -> scripts"][..],
            &["scripts/bazel"][..],
            &["tools"][..],
            &["scripts/bazel (tools)"][..],
        ),
        (&["tools -> scripts"], &["scripts/build.sh"], &["tools"], &[]),
        (&["bin -> s", "s -> t"], &["t/hermit"], &["s"], &["t/hermit (bin)"]),
        (&["bin -> s", "s -> t"], &["t/hermit"], &["other"], &[]),
        (&["x/hooks -> ../h"], &["h/pre-commit", "h/a"], &["x/hooks"], &["h/pre-commit (x/hooks)"]),
    ] {
        assert_eq!(found(links, files, changed).unwrap(), expected, "{links:?}");
    }
}

#[test]
fn the_number_of_steps_is_limited() {
    // spec: X17e
    let policy = TrustPolicy::default();
    let steps = |links: &[(String, String)], changed: &[&[u8]]| {
        let symlinks: Vec<Symlink<'_>> = links
            .iter()
            .map(|(path, target)| Symlink { path: path.as_bytes(), target: target.as_bytes() })
            .collect();
        aliases(&symlinks, &[], changed, &policy, &RUNNING).map(|found| found.len())
    };
    let ordinary: Vec<(String, String)> =
        (0..100_000).map(|n| (format!("links/{n}"), format!("../data/{n}"))).collect();
    assert_eq!(steps(&ordinary, &[b"data/7", b"src/a"]), Ok(0));
    let with_agents = [ordinary, vec![("CLAUDE.md".to_owned(), "links/7".to_owned())]].concat();
    assert_eq!(steps(&with_agents, &[b"data/7", b"src/a"]), Ok(1));
    // A chain that is longer than the operating system permits leads to no file.
    let chain: Vec<(String, String)> =
        (0..1_000).map(|n| (format!("a{n}"), format!("a{}", n + 1))).collect();
    let chain = [chain, vec![("CLAUDE.md".to_owned(), "a0".to_owned())]].concat();
    assert_eq!(steps(&chain, &[b"a20"]), Ok(1));
    assert_eq!(steps(&chain, &[b"a900"]), Ok(0));
    // Each symlink leads to the directory that contains all of them.
    let same: Vec<(String, String)> =
        (0..500).map(|n| (format!(".github/x{n}"), ".".to_owned())).collect();
    assert_eq!(steps(&same, &[b"src/a"]), Ok(0));
    // Each symlink leads to another directory, from which all others can be reached.
    let dense: Vec<(String, String)> =
        (0..30).map(|n| (format!("d/{n}/tools"), "../..".to_owned())).collect();
    let symlinks: Vec<Symlink<'_>> = dense
        .iter()
        .map(|(path, target)| Symlink { path: path.as_bytes(), target: target.as_bytes() })
        .collect();
    let search = Search::new(&symlinks, &[], &[], &policy, &RUNNING);
    assert_eq!(search.run(1_000), Err(TooManySteps));
}

#[test]
fn the_number_of_ways_to_a_parent_directory_is_limited() {
    // spec: X17e
    // Each symlink doubles the number of ways.
    let links: Vec<(String, String)> = (0..30)
        .map(|n| (format!("a{n}"), format!("a{0}/../a{0}/..", n + 1)))
        .chain([("CLAUDE.md".to_owned(), "a0".to_owned())])
        .collect();
    let symlinks: Vec<Symlink<'_>> = links
        .iter()
        .map(|(path, target)| Symlink { path: path.as_bytes(), target: target.as_bytes() })
        .collect();
    let policy = TrustPolicy::default();
    assert_eq!(aliases(&symlinks, &[], &[], &policy, &RUNNING), Err(TooManySteps));
}

#[test]
fn a_search_ends_with_its_run() {
    // spec: X16a
    let links = ["CLAUDE.md -> a", "a -> b", "b -> c"];
    let symlinks: Vec<Symlink<'_>> = links
        .iter()
        .map(|link| link.split_once(" -> ").unwrap())
        .map(|(path, target)| Symlink { path: path.as_bytes(), target: target.as_bytes() })
        .collect();
    let policy = TrustPolicy::default();
    let changed: &[&[u8]] = &[b"c"];
    let ended = AtomicBool::new(true);
    assert_eq!(aliases(&symlinks, &[], changed, &policy, &ended), Err(TooManySteps));
    // The run ends during the search.
    ended.store(false, Ordering::Relaxed);
    let search = Search::new(&symlinks, &[], changed, &policy, &ended);
    ended.store(true, Ordering::Relaxed);
    assert_eq!(search.run(MAX_STEPS), Err(TooManySteps));
    assert_eq!(aliases(&symlinks, &[], changed, &policy, &RUNNING).unwrap().len(), 1);
}
