//! Tests of collection: the names of files that are refused.

use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;

use crate::expected::{Changes, Refused, check, check_default};
use crate::support::{Entry, TREE};

#[tokio::test]
async fn files_that_make_programs_run_are_refused() {
    // spec: X7
    let (ci, agents) = ("configure continuous integration", "configure AI agents");
    let (why, editors) = ("configure git or approvals", "configure editors");
    let entries: &[Entry] = &[
        ("100644", ".github/workflows/ci.yml", b"on: push\n"),
        ("100644", "sub/CODEOWNERS", b"* @o\n"),
        ("100644", ".gitattributes", b"* text=auto\n"),
        ("100644", "a", b"a\n"),
    ];
    check_default(
        entries,
        &[
            ("echo x >> .github/workflows/ci.yml", Refused(ci, &[".github/workflows/ci.yml"])),
            ("rm -r .github", Refused(ci, &[".github/workflows/ci.yml"])),
            ("chmod +x .github/workflows/ci.yml", Refused(ci, &[".github/workflows/ci.yml"])),
            ("mv .github gh", Refused(ci, &[".github/workflows/ci.yml"])),
            ("rm sub/CODEOWNERS", Refused(why, &["sub/CODEOWNERS"])),
            ("rm .gitattributes", Refused(why, &[".gitattributes"])),
            ("rm .gitattributes; ln -s a .gitattributes", Refused(why, &[".gitattributes"])),
            ("mkdir -p a1/.GitHub/b; echo x > a1/.GitHub/b/c", Refused(ci, &["a1/.GitHub/b/c"])),
            ("mkdir -p x/y; echo x > x/y/claude.MD", Refused(agents, &["x/y/claude.MD"])),
            ("ln -s a .vscode", Refused(editors, &[".vscode"])),
            ("echo x > .gitmodules; echo x > b", Refused(why, &[".gitmodules"])),
            (
                "mkdir .husky; echo x > .husky/pre-commit",
                Refused("configure git hooks", &[".husky/pre-commit"]),
            ),
            (
                "echo x > github; mkdir .githubx; echo x > .githubx/a",
                Changes(&[('A', ".githubx/a"), ('A', "github")]),
            ),
        ],
    )
    .await;
    let policy = TrustPolicy::default()
        .with_protected_classes([])
        .with_protected_names(["Makefile".to_owned()]);
    let redactor = Redactor::default();
    let named = "files whose names the operator protects";
    let cases = [
        ("mkdir s; echo x > s/MAKEFILE", Refused(named, &["s/MAKEFILE"])),
        ("echo x > .vscode", Changes(&[('A', ".vscode")])),
        ("mkdir .github; echo x > .github/ccc.toml", Refused(ci, &[".github/ccc.toml"])),
    ];
    check(TREE, &cases, &policy, &redactor).await;
}

#[tokio::test]
async fn other_spellings_of_protected_names_are_refused() {
    // spec: X7, X17a
    let (ci, agents) = ("configure continuous integration", "configure AI agents");
    check_default(
        TREE,
        &[
            ("mkdir GITHUB~1; echo x > GITHUB~1/a", Refused(ci, &["GITHUB~1/a"])),
            (
                "mkdir GI3B0D~1; echo x > GI3B0D~1/a",
                Refused("nested git repository", &["GI3B0D~1"]),
            ),
            ("echo x > GITLAB~1.YML", Refused(ci, &["GITLAB~1.YML"])),
            ("echo x > CLAUDE~1.MD", Refused(agents, &["CLAUDE~1.MD"])),
            ("mkdir '.github.'; echo x > .github./a", Refused(ci, &[".github./a"])),
            ("echo x > .gıtlab-ci.yml", Refused(ci, &[".g\\u{131}tlab-ci.yml"])),
            ("echo x > '.github\\a'", Refused(ci, &[".github\\\\a"])),
            ("ln -s docs .config", Refused("configure git hooks", &[".config"])),
            ("echo x > a~1.txt; echo x > git-1", Changes(&[('A', "a~1.txt"), ('A', "git-1")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn symlinks_give_no_way_around_the_protected_names() {
    // spec: X17e
    let agents = "configure AI agents";
    let ci = "configure continuous integration";
    let entries: &[Entry<'_>] = &[
        ("120000", "CLAUDE.md", b"README.md"),
        ("100644", "README.md", b"a\n"),
        ("120000", ".github/workflows", b"../ci"),
        ("100644", "ci/test.yml", b"a\n"),
        ("120000", "AGENTS.md", b"docs/first"),
        ("120000", "docs/first", b"../notes/second"),
        ("120000", "notes", b"text"),
        ("100644", "text/second", b"a\n"),
        ("100644", "scripts/bazel", b"a\n"),
        ("100644", "src/a", b"a\n"),
        ("120000", "latest", b"src"),
    ];
    check_default(
        entries,
        &[
            (
                "echo obey >> README.md",
                Refused(agents, &["README.md (the symlink CLAUDE.md leads to it)"]),
            ),
            ("rm README.md", Refused(agents, &["README.md (the symlink CLAUDE.md leads to it)"])),
            (
                "rm README.md; ln -s src/a README.md",
                Refused(
                    agents,
                    &[
                        "README.md (the symlink CLAUDE.md leads to it)",
                        "src/a (the symlink CLAUDE.md leads to it)",
                    ],
                ),
            ),
            (
                "echo x > ci/evil.yml",
                Refused(ci, &["ci/evil.yml (the symlink .github/workflows leads to it)"]),
            ),
            (
                "echo obey >> text/second",
                Refused(agents, &["text/second (the symlink AGENTS.md leads to it)"]),
            ),
            (
                "rm notes; mkdir notes; echo obey > notes/second",
                Refused(
                    agents,
                    &[
                        "notes (the symlink AGENTS.md leads to it)",
                        "notes/second (the symlink AGENTS.md leads to it)",
                    ],
                ),
            ),
            ("rm CLAUDE.md; echo x > CLAUDE.md", Refused(agents, &["CLAUDE.md"])),
            (
                "ln -s scripts tools",
                Refused(
                    "configure package managers",
                    &["scripts/bazel (the symlink tools leads to it)"],
                ),
            ),
            ("ln -s src bin", Changes(&[('A', "bin")])),
            (
                "echo x >> src/a; echo x > docs/third",
                Changes(&[('A', "docs/third"), ('M', "src/a")]),
            ),
        ],
    )
    .await;
    // An operator who permits the class permits its changes through symlinks.
    let policy = TrustPolicy::default().with_protected_classes([]);
    let cases = [
        ("echo x >> README.md", Changes(&[('M', "README.md")])),
        (
            "echo x >> ci/test.yml",
            Refused(ci, &["ci/test.yml (the symlink .github/workflows leads to it)"]),
        ),
    ];
    check(entries, &cases, &policy, &Redactor::default()).await;
}

#[tokio::test]
async fn deceptive_names_are_refused() {
    // spec: X17b
    check_default(
        TREE,
        &[
            (
                "echo x > \"$(printf 'a\\342\\200\\256txt.sh')\"",
                Refused("the order of the displayed text", &["a\\u{202e}txt.sh"]),
            ),
            (
                "mkdir \"$(printf 'a\\342\\200\\213')\"; echo x > \"$(printf 'a\\342\\200\\213')/b\"",
                Refused("not displayed", &["a\\u{200b}/b"]),
            ),
            ("echo x > 'a '", Refused("white space", &["a\\u{20}"])),
            ("mkdir ' d'; echo x > ' d/b  c'", Refused("white space", &["\\u{20}d/b \\u{20}c"])),
            ("echo x > 'a b'; echo x > ünï.md", Changes(&[('A', "a b"), ('A', "ünï.md")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn unprintable_names_are_refused() {
    // spec: X6b
    let why = "not printable UTF-8";
    check_default(
        TREE,
        &[
            ("echo x > \"$(printf 'a\\nb')\"", Refused(why, &["a\\nb"])),
            ("echo x > \"$(printf 'a\\tb')\"", Refused(why, &["a\\tb"])),
            ("echo x > \"$(printf 'a\\033[2Jb')\"", Refused(why, &["a\\u{1b}[2Jb"])),
            ("echo x > \"$(printf 'a\\177b')\"", Refused(why, &["a\\u{7f}b"])),
            ("echo x > \"$(printf 'a\\302\\205b')\"", Refused(why, &["a\\u{85}b"])),
            ("echo x > \"$(printf 'a\\377b')\"", Refused(why, &["a\\u{fffd}b"])),
            (
                "mkdir \"$(printf '\\300')\"; echo x > \"$(printf '\\300')/f\"",
                Refused(why, &["\\u{fffd}/f"]),
            ),
        ],
    )
    .await;
}
