//! Tests of changed files that a filter of the repository converts.

use std::time::Duration;

use ccc_core::git::{Collected, GitLimits};
use ccc_core::observe::Redactor;
use ccc_core::policy::{ProtectedClass, TrustPolicy};

use crate::support::{Entry, World, run, shell, within, write};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";

#[tokio::test]
async fn raw_contents_of_a_filtered_file_are_refused() {
    // spec: X6h
    let lfs = "instead of pointers";
    let attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n*.key filter=git-crypt\n";
    let entries: &[Entry] = &[
        ("100644", ".gitattributes", attributes.as_bytes()),
        ("100644", "old.bin", POINTER.as_bytes()),
        ("100644", "s.key", b"\0GITCRYPT\0x"),
        ("100644", "f", b"x\n"),
    ];
    let world = World::new(entries);
    let strict = TrustPolicy::default();
    let no_names = strict.clone().with_protected_classes([ProtectedClass::Ci]);
    let raw = strict.clone().with_allow_raw_lfs(true);
    let filter = "git filter, which does not run here";
    for (n, (act, policy, refused)) in (1..).zip([
        ("echo data > new.bin", &strict, Some((lfs, "new.bin"))),
        ("echo data > old.bin", &strict, Some((lfs, "old.bin"))),
        ("mkdir d; echo data > d/new.bin; echo x > g", &strict, Some((lfs, "d/new.bin"))),
        ("mv old.bin new.bin", &strict, None),
        ("cp old.bin new.bin; sed -i s/00/11/ new.bin", &strict, None),
        ("rm old.bin; chmod +x s.key; echo y > f", &strict, None),
        ("echo x > s.key", &strict, Some((filter, "s.key"))),
        ("echo x > s.key", &raw, Some((filter, "s.key"))),
        ("echo data > new.bin", &raw, None),
        // The agent names a filter, and removes one.
        (
            "mkdir d; echo '*.x filter=lfs' > d/.gitattributes; echo x > d/a.x",
            &no_names,
            Some((lfs, "d/a.x")),
        ),
        ("mkdir d; echo '*.x filter=lfs' > d/.gitattributes; echo x > a.x", &no_names, None),
        (": > .gitattributes; echo data > new.bin", &no_names, Some((lfs, "new.bin"))),
    ]) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let redactor = Redactor::default();
        let collected = world.host.collect(run(n), &at.base, policy, &redactor).await.unwrap();
        match (&collected, refused) {
            (Collected::Changes(set), None) => {
                let named = set.exceptions.join("").contains("new.bin belongs to Git LFS");
                assert_eq!(named, policy.allow_raw_lfs, "{act}: {set:?}");
            }
            (Collected::Refused(refusal), Some((reason, path))) => {
                assert!(refusal.reason.contains(reason), "{act}: {refusal:?}");
                assert_eq!(refusal.paths, [path], "{act}");
            }
            _ => panic!("{act}: {collected:?}"),
        }
    }
}

/// Returns the paths that are refused, and the reason, after `act` in a workspace with the attributes
/// `attributes` in the root. The policy permits changes to attributes.
async fn refused(n: u32, attributes: &str, act: &str) -> Option<(Vec<String>, String)> {
    let entries: &[Entry] = &[
        ("100644", ".gitattributes", attributes.as_bytes()),
        ("100644", "a.ipynb", b"{}\n"),
        ("100644", "raw.bin", b"data\n"),
        ("100644", "plain", b"plain\n"),
    ];
    let world = World::new(entries);
    let at = world.checkout(run(n)).await.unwrap();
    shell(&at.path, act);
    let policy = TrustPolicy::default().with_protected_classes([ProtectedClass::Ci]);
    let redactor = Redactor::default();
    match world.host.collect(run(n), &at.base, &policy, &redactor).await.unwrap() {
        Collected::Changes(_) => None,
        Collected::Refused(refusal) => Some((refusal.paths, refusal.reason)),
        nothing @ Collected::Nothing { .. } => panic!("{act}: {nothing:?}"),
    }
}

#[tokio::test]
async fn filters_count_that_the_base_or_the_change_names_in_any_way() {
    // spec: X6h
    let large = "[attr]large filter=lfs -text";
    for (n, (attributes, act, expected)) in (1..).zip([
        // A macro that only the change defines, or only the change uses.
        (
            "",
            "echo '[attr]m filter=lfs' > .gitattributes; mkdir d; echo '*.x m' > d/.gitattributes; echo x > d/a.x",
            Some("d/a.x"),
        ),
        ("", "printf '\"[attr]m\" filter=lfs\\n*.x m\\n' > .gitattributes; echo x > a.x", Some("a.x")),
        (large, "mkdir d; echo '*.x large' > d/.gitattributes; echo x > d/a.x", Some("d/a.x")),
        ("[attr]m -text", "echo '[attr]m filter=lfs' > .gitattributes; echo '*.x m' >> .gitattributes; echo x > a.x", Some("a.x")),
        // The base has a line for the same files, which no longer applies after the change.
        ("*.x -filter", "mkdir d; echo '*.x filter=lfs' > d/.gitattributes; echo x > d/a.x", Some("d/a.x")),
        ("*.x -filter", "echo '*.x filter=lfs' >> .gitattributes; echo x > a.x", Some("a.x")),
        ("*.x filter=lfs", "echo '*.x -filter' >> .gitattributes; echo x > a.x", Some("a.x")),
        ("*.x filter=lfs", "rm .gitattributes; echo x > a.x", Some("a.x")),
        // A later line that unsets or resets a macro takes its attributes back.
        ("[attr]large filter=lfs -text\n*.x large\na.x -large", "echo x > a.x", None),
        ("[attr]large filter=lfs -text\n*.x large\na.x !large", "echo x > a.x", None),
        ("[attr]large filter=lfs -text\n*.x large\na.x -large", "echo x > b.x", Some("b.x")),
        ("[attr]large filter=lfs\n[attr]all large\n*.x all\na.x !large", "echo x > a.x", None),
        ("[attr]large filter=lfs\n*.x -large", "echo x > a.x", None),
        // Git ignores a line with an invalid name, and an attributes file that is a symlink.
        ("*.x filter=lfs in/valid", "echo x > a.x", None),
    ]) {
        let found = refused(n, &format!("{attributes}\n"), act).await;
        let paths = found.as_ref().map(|(paths, _)| paths.join(" "));
        assert_eq!(paths.as_deref(), expected, "{attributes:?}: {act}: {found:?}");
    }
}

#[tokio::test]
async fn contents_that_the_base_stores_with_the_same_filter_are_accepted() {
    // spec: X6h
    let attributes = "*.ipynb filter=nbstripout\n*.bin filter=lfs\n";
    let filter = Some("`nbstripout` runs, or remove the attribute `filter=nbstripout`");
    for (n, (act, expected)) in (1..).zip([
        ("mv a.ipynb b.ipynb", None),
        ("mkdir d; cp a.ipynb d/b.ipynb", None),
        ("chmod +x a.ipynb; rm raw.bin", None),
        ("mv raw.bin b.bin", None),
        ("echo '{ }' > a.ipynb", filter),
        ("mv a.ipynb b.ipynb; echo >> b.ipynb", filter),
        // The base stores these contents without the filter, or with another one.
        ("mv plain b.ipynb", filter),
        ("mv raw.bin b.ipynb", filter),
        ("mv plain b.bin", Some("instead of pointers")),
    ]) {
        let found = refused(n, attributes, act).await;
        match expected {
            None => assert_eq!(found, None, "{act}"),
            Some(words) => assert!(found.clone().unwrap().1.contains(words), "{act}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn attributes_that_take_too_long_are_refused() {
    // spec: X18b
    let patterns: String = (0..9_000).map(|n| format!("*a*a*a*b{n} text\n")).collect();
    let World { temp, remote, host } =
        World::new(&[("100644", ".gitattributes", patterns.as_bytes())]);
    let limits = GitLimits::default().with_workspace_cpu(Duration::from_secs(1));
    let world = World { temp, remote, host: host.with_limits(limits) };
    let at = world.checkout(run(1)).await.unwrap();
    let start = "a".repeat(240);
    for n in 0..1_500 {
        write(&at.path, &format!("{start}{n}"), "x");
    }
    let (policy, redactor) = (TrustPolicy::default().with_max_files(5_000), Redactor::default());
    let collect = world.host.collect(run(1), &at.base, &policy, &redactor);
    let collected = within(120, collect).await.unwrap();
    let Collected::Refused(refusal) = &collected else {
        panic!("the attributes were compared in time")
    };
    for words in ["more than 1 seconds of CPU time", "the attributes"] {
        assert!(refusal.reason.contains(words), "{refusal:?}");
    }
}
