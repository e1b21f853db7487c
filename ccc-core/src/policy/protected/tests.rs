use std::collections::HashSet;

use super::*;
use crate::policy::{Protection, TrustPolicy};

const NEAR_MISSES: &str = include_str!("near_misses.txt");

/// Returns all entries of the tables: the class, the pattern and the source.
fn entries() -> Vec<(ProtectedClass, &'static str, &'static str)> {
    TABLES
        .into_iter()
        .flat_map(|(class, table)| {
            lines(table).map(move |(pattern, source)| (class, pattern, source))
        })
        .collect()
}

/// Returns the entries that match in any spelling.
fn folded_entries() -> impl Iterator<Item = (ProtectedClass, &'static str, &'static str)> {
    entries().into_iter().filter(|(_, pattern, _)| !pattern.starts_with('='))
}

/// Returns a path that `pattern` matches.
fn example(pattern: &str) -> String {
    pattern.trim_start_matches(['/', '=']).trim_end_matches('$').replace('*', "x1")
}

fn check(path: &str, is_symlink: bool, class: ProtectedClass) {
    let found = classes_of(path, is_symlink);
    assert!(found.contains(&class), "{path} must be in the class {class}, but is in {found:?}");
}

#[test]
fn each_entry_of_the_tables_protects_its_files() {
    // spec: X7
    let entries = entries();
    assert!(entries.len() > 800, "{}", entries.len());
    for (class, pattern, _) in entries {
        let path = example(pattern);
        check(&path, false, class);
        if !pattern.starts_with('=') {
            check(&path.to_uppercase(), false, class);
        }
        check(&path, true, class);
        if !pattern.starts_with('/') {
            check(&format!("packages/Web/{path}"), false, class);
        }
        if !pattern.ends_with('$') {
            check(&format!("{path}/sub/file"), false, class);
        }
        // Without a symlink, the directory of the pattern alone is an ordinary name.
        if let Some((directory, _)) = path.rsplit_once('/') {
            check(directory, true, class);
        }
    }
}

#[test]
fn each_entry_protects_other_spellings_of_its_files() {
    // spec: X17a
    for (class, pattern, _) in folded_entries() {
        let path = example(pattern);
        let (directory, name) = path.rsplit_once('/').map_or(("", path.as_str()), |found| found);
        let place = |name: &str| match directory {
            "" => name.to_owned(),
            directory => format!("{directory}/{name}"),
        };
        let wide: String = name
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                c => c,
            })
            .collect();
        let first = name.chars().next().unwrap();
        for spelling in [
            format!("{name}."),
            format!("{name} . "),
            format!("{name}:stream"),
            format!("{name}::$DATA"),
            format!("{first}\u{200c}{}", &name[first.len_utf8()..]),
            format!("{name}\u{fe0f}"),
            wide,
            name.replace('k', "\u{212a}").replace('s', "\u{17f}").replace('i', "\u{131}"),
        ] {
            check(&place(&spelling), false, class);
        }
        check(&path.replace('/', "\\"), false, class);
        if !pattern.starts_with('/') {
            check(&format!("a\\{path}"), false, class);
        }
    }
}

#[test]
fn each_entry_protects_the_short_names_of_its_files() {
    // spec: X17a
    for (class, pattern, _) in folded_entries() {
        let path = example(pattern);
        let name = path.rsplit('/').next().unwrap();
        let plain = name.trim_start_matches('.');
        let (base, extension) = plain.rsplit_once('.').unwrap_or((plain, ""));
        // Of a pattern such as `*.gocd.yml`, a short name shows only the usual extension.
        let last = pattern.trim_start_matches('/').rsplit('/').next().unwrap();
        if last.starts_with('*') && extension.len() <= 3 {
            continue;
        }
        let base: String = base.chars().filter(|c| *c != '.').collect();
        let part = |n: usize| base.chars().take(n).collect::<String>();
        let end: String = extension.chars().take(3).collect();
        let end = if end.is_empty() { end } else { format!(".{end}") };
        let directory = &path[..path.len() - name.len()];
        for short in [
            format!("{}~1{end}", part(6)),
            format!("{}~4{end}", part(6)),
            format!("{}~9{end}", part(6)).to_uppercase(),
            format!("{}~10{end}", part(5)),
            format!("{}3b0d~1{end}", part(2)),
            format!("{}FFFF~9{end}", part(2)).to_uppercase(),
        ] {
            check(&format!("{directory}{short}"), false, class);
        }
    }
}

#[test]
fn near_misses_are_not_protected() {
    // spec: X7, X17a
    let policy = TrustPolicy::default();
    let paths: Vec<&str> =
        NEAR_MISSES.lines().filter(|l| !l.is_empty() && !l.starts_with("# ")).collect();
    assert!(paths.len() > 310, "{}", paths.len());
    for path in paths {
        assert_eq!(policy.protection(path, false), None, "{path}");
    }
}

#[test]
fn a_longer_or_shorter_name_is_not_protected() {
    // spec: X7
    let entries = entries();
    let patterns: HashSet<&str> = entries.iter().map(|(_, pattern, _)| *pattern).collect();
    for pattern in patterns.iter().filter(|pattern| !pattern.contains('*')) {
        let path = example(pattern);
        let (directory, name) = path.rsplit_once('/').map_or(("", path.as_str()), |found| found);
        if !classes_of(directory, false).is_empty() {
            continue;
        }
        let mut others = vec![format!("{name}-guide.md"), format!("{name}zz")];
        if !patterns.contains(format!("*{name}").as_str()) {
            others.push(format!("zz{name}"));
        }
        for other in others {
            let near = if directory.is_empty() { other } else { format!("{directory}/{other}") };
            assert_eq!(classes_of(&near, false), BTreeSet::new(), "{near}, near {pattern}");
        }
    }
}

#[test]
fn the_tables_are_well_formed() {
    let mut seen = HashSet::new();
    for (class, pattern, source) in entries() {
        assert!(source.starts_with("https://") && !source.contains(' '), "{pattern}: {source}");
        assert!(seen.insert(pattern), "{pattern} is in two tables or twice in {class}");
        match pattern.strip_prefix('=') {
            Some(name) => {
                assert!(name != name.to_lowercase() && !name.contains(['/', '*']), "{pattern}");
            }
            None => assert_eq!(pattern, pattern.to_lowercase()),
        }
        for name in pattern.split('/') {
            assert!(name.matches('*').count() <= 1, "{pattern}");
        }
    }
    let classes: HashSet<_> = TABLES.iter().map(|(class, _)| *class).collect();
    assert_eq!(classes.len(), ProtectedClass::ALL.len());
}

#[test]
fn a_class_is_protected_as_the_operator_decides() {
    // spec: X7
    let agents = Some(Protection::Class(ProtectedClass::Agents));
    let ci = Some(Protection::Class(ProtectedClass::Ci));
    let none = TrustPolicy::default().with_protected_classes([]);
    let named = none.clone().with_protected_names(["Makefile".to_owned(), "/ci/*.sh".to_owned()]);
    let only_agents = none.clone().with_protected_classes([ProtectedClass::Agents]);
    for (policy, path, expected) in [
        (&TrustPolicy::default(), "CLAUDE.md", agents),
        (&TrustPolicy::default(), ".github/copilot-instructions.md", ci),
        (&only_agents, "CLAUDE.md", agents),
        (&only_agents, ".vscode/tasks.json", None),
        (&only_agents, ".gitlab-ci.yml", ci),
        (&none, "CLAUDE.md", None),
        (&none, ".github/workflows/ci.yml", ci),
        (&none, ".github/ccc.toml", ci),
        (&none, ".GitHub\\CCC.toml", ci),
        (&none, ".github/copilot-instructions.md", ci),
        (&none, "Jenkinsfile", ci),
        (&named, "sub/MAKEFILE", Some(Protection::Name)),
        (&named, "sub/MAKEFI~1", Some(Protection::Name)),
        (&named, "ci/test.sh", Some(Protection::Name)),
        (&named, "sub/ci/test.sh", None),
        (&named, "CLAUDE.md", None),
    ] {
        assert_eq!(policy.protection(path, false), expected, "{path}");
    }
}

#[test]
fn a_symlink_must_not_replace_a_directory_of_protected_files() {
    // spec: X7
    let policy = TrustPolicy::default();
    for (path, is_symlink, expected) in [
        (".config", true, true),
        ("home/.config", true, true),
        (".config", false, false),
        (".yarn", true, true),
        ("sub/.shadowenv.d", true, true),
        // The caller checks the files to which these lead.
        ("tools", true, false),
        ("bin", true, false),
        ("src/hooks", true, false),
        ("lib", true, false),
        ("src/main.rs", true, false),
        ("link", true, false),
    ] {
        assert_eq!(policy.protection(path, is_symlink).is_some(), expected, "{path}");
    }
}

#[test]
fn permitted_changes_are_reported_in_words() {
    // spec: X17c
    let policy = TrustPolicy::default().with_protected_classes([ProtectedClass::Hooks]);
    let found = policy.permitted_changes(["CLAUDE.md", "src/main.rs", "a\u{202e}/.claude/x"]);
    assert_eq!(
        found,
        [
            "the operator permits changes to files that configure AI agents, and this change contains \
          such files: CLAUDE.md, a\\u{202e}/.claude/x"
        ]
    );
    let many: Vec<String> = (0..9).map(|n| format!("d{n}/.envrc")).collect();
    let found = policy.permitted_changes(many.iter().map(String::as_str));
    assert!(found[0].ends_with("d4/.envrc and 4 more"), "{found:?}");
    assert!(TrustPolicy::default().permitted_changes(["CLAUDE.md"]).is_empty());
}

#[test]
fn a_name_with_ordinary_spellings_is_protected_in_one_spelling() {
    // spec: X7, X17a
    let policy = TrustPolicy::default();
    for (path, expected) in [
        ("OWNERS", true),
        ("pkg/api/OWNERS", true),
        ("OWNERS_ALIASES", true),
        ("pkg\\api\\OWNERS", true),
        ("owners", false),
        ("data/Owners", false),
        ("OWNERS/list.txt", false),
        ("docs/OWNERS.md", false),
        ("AGENT.md", true),
        ("agent.md", true),
        ("Agent.MD", true),
        ("services/web/AGENT.md", true),
        ("docs/agent.md", false),
        ("services/web/WARP.md", true),
        ("warp.md", true),
        ("docs/warp.md", false),
        ("sub/PRESUBMIT.py", true),
        ("sub/presubmit.py", false),
    ] {
        assert_eq!(policy.protection(path, false).is_some(), expected, "{path}");
    }
}

#[test]
fn files_with_the_names_of_hooks_are_protected_in_any_directory_of_hooks() {
    // spec: X7
    let policy = TrustPolicy::default();
    for (path, expected) in [
        ("hooks/pre-commit", true),
        ("tools/githooks/pre-push", true),
        ("build/git_hooks/commit-msg", true),
        ("my-hooks/post-checkout/01-run", true),
        ("hooks/pre-commit.rs", false),
        ("src/hooks/usePrePush.ts", false),
        ("pre-commit", false),
        ("internal/githooks/install.go", false),
    ] {
        assert_eq!(policy.protection(path, false).is_some(), expected, "{path}");
    }
}
