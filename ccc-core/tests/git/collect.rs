//! Tests of collection: the changes of a workspace, and the files that the policy refuses.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ccc_core::git::{ChangeKind, Collected};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::{ObjectId, RunId, Secret};

use crate::support::{
    ELSEWHERE, Entry, TREE, World, as_files, files_below, git, git_text, run, shell, try_git,
    within, write,
};

enum Expect {
    Nothing,
    /// `A`, `M` or `D`, and the path.
    Changes(&'static [(char, &'static str)]),
    /// A part of the reason, and the paths.
    Refused(&'static str, &'static [&'static str]),
}
use Expect::{Changes, Nothing, Refused};

/// The agent's actions as a shell script in the workspace, and the expected result.
type Case = (&'static str, Expect);

async fn check(entries: &[Entry<'_>], cases: &[Case], policy: &TrustPolicy, redactor: &Redactor) {
    let world = World::new(entries);
    for (n, (act, expect)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let collect = world.host.collect(run(n), &at.base, policy, redactor);
        let collected = within(60, collect).await.unwrap_or_else(|e| panic!("{act}: {e}"));
        match (expect, &collected) {
            (Nothing, Collected::Nothing { .. }) => {}
            (Changes(wanted), Collected::Changes(set)) => {
                let found: Vec<_> = set
                    .changes
                    .iter()
                    .map(|change| (letter(change.kind), change.path.as_str()))
                    .collect();
                assert_eq!(found, *wanted, "{act}");
                assert_eq!(set.base, at.base, "{act}");
                let kept = tree(&world, run(n), &set.tree);
                let wanted = files_below(&at.path)
                    .into_iter()
                    .filter(|(path, _)| !path.starts_with("ignored/"))
                    .collect();
                assert_eq!(kept, wanted, "{act}");
                for change in &set.changes {
                    let bytes = kept.get(&change.path).map_or(0, |(_, content)| content.len());
                    assert_eq!(change.bytes, bytes as u64, "{act}: {}", change.path);
                }
            }
            (Refused(reason, paths), Collected::Refused(refusal)) => {
                assert!(refusal.reason.contains(reason), "{act}: {refusal:?}");
                // The order of the paths depends on whether git had already added the files.
                let mut found = refusal.paths.clone();
                found.sort();
                assert_eq!(found, *paths, "{act}");
            }
            _ => panic!("{act}: {collected:?}"),
        }
        world.host.remove(run(n)).await.unwrap();
    }
}

async fn check_default(entries: &[Entry<'_>], cases: &[Case]) {
    check(entries, cases, &TrustPolicy::default(), &Redactor::default()).await;
}

fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Modified => 'M',
        ChangeKind::Deleted => 'D',
    }
}

/// Returns the files of a tree in the form of [`files_below`].
fn tree(
    world: &World,
    run: RunId,
    tree: &ObjectId,
) -> std::collections::BTreeMap<String, (&'static str, Vec<u8>)> {
    let dir = world.git_dir(run);
    let listed = git(&dir, &["ls-tree", "-r", "-z", tree.as_str()]);
    String::from_utf8(listed)
        .unwrap()
        .split_terminator('\0')
        // The workspace has at most an empty directory for a submodule.
        .filter(|line| !line.starts_with("160000"))
        .flat_map(|line| {
            let (head, path) = line.split_once('\t').unwrap();
            let [mode, _, object] = head.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let content = git(&dir, &["cat-file", "blob", object]);
            as_files(&[(mode, path, &content)])
        })
        .collect()
}

#[tokio::test]
async fn every_change_is_found_and_nothing_else() {
    // spec: X6a
    check_default(
        TREE,
        &[
            (":", Nothing),
            ("touch README.md; touch -d 2001-01-01 data.bin bin/run", Nothing),
            ("mkdir empty", Nothing),
            ("echo x > new", Changes(&[('A', "new")])),
            ("mkdir -p a/b; echo x > a/b/c", Changes(&[('A', "a/b/c")])),
            ("echo x >> README.md", Changes(&[('M', "README.md")])),
            // The same size and the same times.
            (
                "touch -r README.md ../t; printf 'jello\\n' > README.md; touch -r ../t README.md",
                Changes(&[('M', "README.md")]),
            ),
            ("rm README.md", Changes(&[('D', "README.md")])),
            ("rm -r docs", Changes(&[('D', "docs/guide.md"), ('D', "docs/readme")])),
            ("chmod +x README.md", Changes(&[('M', "README.md")])),
            ("chmod -x bin/run", Changes(&[('M', "bin/run")])),
            ("chmod 0666 README.md", Nothing),
            ("mv README.md READYOU.md", Changes(&[('D', "README.md"), ('A', "READYOU.md")])),
            ("rm README.md; ln -s docs/guide.md README.md", Changes(&[('M', "README.md")])),
            ("rm docs/readme; echo x > docs/readme", Changes(&[('M', "docs/readme")])),
            (
                "rm README.md; mkdir README.md; echo x > README.md/x",
                Changes(&[('D', "README.md"), ('A', "README.md/x")]),
            ),
            (
                "rm -r docs; echo x > docs",
                Changes(&[('A', "docs"), ('D', "docs/guide.md"), ('D', "docs/readme")]),
            ),
            (": > data.bin", Changes(&[('M', "data.bin")])),
            (
                "echo x > 'a b'; echo x > ä; echo x > -x; echo x > '*'; echo x > ':!a'; echo x > '\"q\\'",
                Changes(&[
                    ('A', "\"q\\"),
                    ('A', "*"),
                    ('A', "-x"),
                    ('A', ":!a"),
                    ('A', "a b"),
                    ('A', "ä"),
                ]),
            ),
            // Ignored files are not collected, unless the base has them.
            ("mkdir ignored; echo x > ignored/x; echo x > a.o; rm -rf ignored a.o", Nothing),
            ("mkdir ignored; echo x > ignored/x", Nothing),
            ("echo x > .git/info/exclude; echo '*' > .git/info/exclude; echo x > new", Changes(&[('A', "new")])),
            (
                "echo '!keep.o' >> .gitignore; echo x > keep.o",
                Changes(&[('M', ".gitignore"), ('A', "keep.o")]),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_state_of_the_agent_s_git_is_ignored() {
    // spec: X6a
    let id = "git -c user.name=a -c user.email=a@a";
    let commit = format!("echo x > new; git add -A; {id} commit -qm x");
    let acts = [
        commit.clone(),
        format!("{commit}; git checkout -q --orphan o; {id} commit -qm y"),
        format!("{commit}; git branch -q -D main 2>&- || :; rm -rf .git/refs"),
        "echo x > new; git update-index --assume-unchanged README.md".to_owned(),
        "echo x > new; git update-index --skip-worktree README.md".to_owned(),
        "echo x > new; git rm -q --cached README.md".to_owned(),
        "echo x > new; rm -f .git/index; rm -f .git/HEAD".to_owned(),
        "echo x > new; rm -rf .git".to_owned(),
        "echo x > new; rm -rf .git; echo junk > .git".to_owned(),
        "echo x > new; rm -rf .git; ln -s ../../.. .git".to_owned(),
        "echo x > new; rm -rf .git; mkfifo .git".to_owned(),
        "echo x > new; chmod 0 .git/objects .git/refs".to_owned(),
        "echo x > new; git config core.worktree /; git config core.bare true".to_owned(),
        "echo x > new; git config core.fileMode false; git config core.ignoreCase true".to_owned(),
        "echo x > new; echo 'new' > .git/info/exclude; git config core.excludesFile /x".to_owned(),
        "echo x > new; git sparse-checkout set --no-cone '/*' 2>&-".to_owned(),
    ];
    let world = World::new(TREE);
    let mut trees = Vec::new();
    for (n, act) in (1..).zip(&acts) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        match world.collect(run(n), &at.base).await.unwrap() {
            Collected::Changes(set) => {
                assert_eq!(set.changes.len(), 1, "{act}: {set:?}");
                trees.push(set.tree);
            }
            other => panic!("{act}: {other:?}"),
        }
        assert!(fs::symlink_metadata(at.path.join(".git")).is_err(), "{act}");
    }
    assert!(trees.iter().all(|tree| *tree == trees[0]), "{trees:?}");
    assert!(world.mirror().exists() && world.path().join("host/lock").exists());
}

#[tokio::test]
async fn a_repeated_collect_finds_the_same_changes() {
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, "new", "x");
    let first = world.collect(run(1), &at.base).await.unwrap();
    assert_eq!(world.collect(run(1), &at.base).await.unwrap(), first);
    // All objects are complete and in the run's own git directory.
    let dir = world.git_dir(run(1));
    let check = git_text(&dir, &["count-objects", "-v"]);
    assert!(check.starts_with("count: 2\n"), "{check}");
    git(&dir, &["fsck", "--strict", "--no-dangling"]);
}

#[tokio::test]
async fn nested_repositories_are_refused() {
    // spec: X6b, X6i
    let (nested, taken) = ("nested git repository", "name that git rejects");
    let make = "git init -q sub; cd sub; echo x > f; git add f; \
                git -c user.name=a -c user.email=a@a commit -qm x";
    // Plain git adds it as a gitlink.
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    shell(&at.path, make);
    try_git(&at.path, &["add", "-A"]);
    let staged = git_text(&at.path, &["ls-files", "-s", "sub"]);
    assert!(staged.starts_with("160000 "), "{staged}");

    check_default(
        TREE,
        &[
            (make, Refused(nested, &["sub/.git"])),
            ("git init -q a/b/c", Refused(nested, &["a/b/c/.git"])),
            ("mkdir sub; echo 'gitdir: ../../git' > sub/.git", Refused(nested, &["sub/.git"])),
            ("mkdir sub; ln -s ../.git sub/.git", Refused(nested, &["sub/.git"])),
            ("mkdir -p sub/.git", Refused(nested, &["sub/.git"])),
            ("mkdir .GIT", Refused(nested, &[".GIT"])),
            ("echo x > sub.Git; mkdir sub; echo x > sub/.giT", Refused(nested, &["sub/.giT"])),
            ("echo x > 'git~1'", Refused(nested, &["git~1"])),
            ("mkdir -p 'a/GIT~1'", Refused(nested, &["a/GIT~1"])),
            ("mkdir '.git '", Refused(nested, &[".git\\u{20}"])),
            ("mkdir .git.", Refused(nested, &[".git."])),
            ("echo x > '.git::$INDEX_ALLOCATION'", Refused(nested, &[".git::$INDEX_ALLOCATION"])),
            ("mkdir \"$(printf '.g\\342\\200\\214it')\"", Refused(nested, &[".g\\u{200c}it"])),
            // Nothing of an ignored repository leaves.
            ("mkdir ignored; git init -q ignored/x", Nothing),
            ("mkdir -p ignored/.GIT 'ignored/a/git~1'; echo x > f", Changes(&[('A', "f")])),
            ("git init -q ignored; echo x > f", Changes(&[('A', "f")])),
            ("mkdir ignored; git init -q ignored/x; git init -q y", Refused(nested, &["y/.git"])),
            (
                "git init -q :x; git init -q '*'; mkdir ignored",
                Refused(nested, &["*/.git", ":x/.git"]),
            ),
            // The pattern ignores the `.git` only, and plain git adds the repository.
            ("echo y/.git > .gitignore; git init -q y", Refused(nested, &["y/.git"])),
            (
                "mkdir -p sub/x.git; echo x > sub/x.git/f; mkdir .gitx",
                Changes(&[('A', "sub/x.git/f")]),
            ),
            // Names that only git itself recognizes as special.
            ("echo x > 'a\\.git'", Refused(taken, &["a\\\\.git"])),
            ("echo x > '.git\\a'", Refused(taken, &[".git\\\\a"])),
            ("ln -s README.md .gitmodules", Refused(taken, &[".gitmodules"])),
            // This form of a short name can belong to any name that begins with `gi`.
            ("ln -s README.md docs/gi7eba~1", Refused(nested, &["docs/gi7eba~1"])),
            ("echo x > 'a\\b'", Changes(&[('A', "a\\b")])),
            // A bare repository in an ordinary directory is collected as ordinary files.
            ("mkdir b; cd b; echo x > HEAD; mkdir refs objects", Changes(&[('A', "b/HEAD")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_pointer_of_a_submodule_stays() {
    // spec: X6g
    let entries: &[Entry] =
        &[("160000", "s", ELSEWHERE), ("160000", "v/s", ELSEWHERE), ("100644", "a", b"a")];
    let changed = "the agent changed a submodule";
    check_default(
        entries,
        &[
            ("rm -r s", Nothing),
            ("rm -r s v; echo x > b", Changes(&[('A', "b")])),
            // A checked-out submodule, and other repositories in its place.
            ("git init -q s; echo x > s/f; echo x > b", Changes(&[('A', "b")])),
            ("echo 'gitdir: ../.git/modules/s' > s/.git; echo x > b", Changes(&[('A', "b")])),
            (
                "ln -s ../a s/.git; mkfifo s/pipe; git init -q s/x; echo x > b",
                Changes(&[('A', "b")]),
            ),
            ("mkdir v/s/.git; rm -r v/s/.git; rm -r s; git init -q s", Nothing),
            ("echo x > s/f", Refused(changed, &["s"])),
            ("git init -q v/s/x", Refused(changed, &["v/s"])),
            ("echo x > b; rm -r s; echo s > s", Refused(changed, &["s"])),
            ("rm -r s; ln -s a s", Refused(changed, &["s"])),
            ("rm -r v; echo x > v", Refused(changed, &["v/s"])),
            ("rm -r v s; ln -s . v; mkfifo s", Refused(changed, &["s", "v/s"])),
            ("git init -q v", Refused("nested git repository", &["v/.git"])),
        ],
    )
    .await;
    let world = World::new(entries);
    let at = world.checkout(run(1)).await.unwrap();
    shell(&at.path, "git init -q v/s; echo x > v/s/f; echo x > b");
    for told in [true, false] {
        let collected = world.collect(run(1), &at.base).await.unwrap();
        let Collected::Changes(set) = collected else { panic!("{collected:?}") };
        assert_eq!(set.changes.len(), 1, "{set:?}");
        let exceptions = set.exceptions.join("");
        assert_eq!(exceptions.contains("checked out the submodule v/s"), told, "{exceptions}");
    }
}

#[tokio::test]
async fn symlinks_and_special_files() {
    // spec: X6c, X6i
    let out = "symlinks that point outside";
    let odd = "pipes, sockets or devices";
    check_default(
        TREE,
        &[
            ("ln -s README.md l", Changes(&[('A', "l")])),
            ("ln -s ../README.md docs/l", Changes(&[('A', "docs/l")])),
            ("ln -s ../docs docs/self", Changes(&[('A', "docs/self")])),
            ("ln -s nowhere l", Changes(&[('A', "l")])),
            ("ln -s . l", Changes(&[('A', "l")])),
            ("ln -s ..a l; ln -s ...  m", Changes(&[('A', "l"), ('A', "m")])),
            ("ln -s /etc/passwd l", Refused(out, &["l"])),
            ("ln -s \"$PWD/README.md\" l", Refused(out, &["l"])),
            ("ln -s // l", Refused(out, &["l"])),
            ("ln -s .. l", Refused(out, &["l"])),
            ("ln -s ../../x docs/l", Refused(out, &["docs/l"])),
            ("ln -s a/../../x l", Refused(out, &["l"])),
            ("ln -s .//..//x l", Refused(out, &["l"])),
            ("ln -s ./../x l", Refused(out, &["l"])),
            ("rm docs/readme; ln -s /etc/passwd docs/readme", Refused(out, &["docs/readme"])),
            ("rm README.md; ln -s ../README.md README.md", Refused(out, &["README.md"])),
            // Two symlinks, each of which seems to stay inside.
            (
                "mkdir -p p/q/r; ln -s ../../.. p/q/r/up; ln -s p/q/r/up/../etc z",
                Refused(out, &["z"]),
            ),
            (
                "mkdir -p p/q/r; ln -s ../../.. p/q/r/up; ln -s r/up/../etc p/q/z",
                Refused(out, &["p/q/z"]),
            ),
            // Symlinks into the `.git` directory.
            ("ln -s .git/hooks l", Refused(out, &["l"])),
            ("ln -s ../.GIT/config docs/l", Refused(out, &["docs/l"])),
            ("mkfifo pipe", Refused(odd, &["pipe"])),
            ("mkdir ignored; mkfifo ignored/pipe ignored/:p", Nothing),
            ("mkfifo pipe.o", Nothing),
            ("mkdir ignored; mkfifo ignored/pipe pipe", Refused(odd, &["pipe"])),
            // Git would wait for a writer of this pipe.
            ("rm .gitignore; mkfifo .gitignore", Refused(odd, &[".gitignore"])),
            ("mkdir d; mkfifo d/.gitattributes", Refused(odd, &["d/.gitattributes"])),
            ("rm README.md; mkfifo README.md", Refused(odd, &["README.md"])),
        ],
    )
    .await;
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    let socket = std::os::unix::net::UnixListener::bind(at.path.join("s"));
    // Skips the check if the temporary path is too long for a socket address.
    if socket.is_ok() {
        let collected = world.collect(run(1), &at.base).await.unwrap();
        assert!(matches!(&collected, Collected::Refused(r) if r.paths == ["s"]), "{collected:?}");
    }
}

#[tokio::test]
async fn a_symlink_in_place_of_the_workspace_is_not_followed() {
    // spec: X6c
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    let outside = world.path().join("outside");
    git(world.path(), &["init", "-q", "outside"]);
    write(&outside, "private", "x");
    fs::remove_dir_all(&at.path).unwrap();
    symlink(&outside, &at.path).unwrap();
    let collected = world.collect(run(1), &at.base).await;
    assert!(
        outside.join(".git/HEAD").exists(),
        "a .git outside the workspace was deleted: {collected:?}"
    );
    assert!(!matches!(collected, Ok(Collected::Changes(_))), "{collected:?}");
}

#[tokio::test]
async fn changes_over_the_limits_are_refused() {
    // spec: X6d
    let policy = TrustPolicy::default().with_max_files(3).with_max_bytes(100);
    let redactor = Redactor::default();
    check(
        TREE,
        &[
            ("echo x > a; echo x > b; echo x > c", Changes(&[('A', "a"), ('A', "b"), ('A', "c")])),
            (
                "echo x > a; echo x > b; echo x > c; echo x > d",
                Refused(
                    "changed 4 files; the trust policy allows at most 3",
                    &["a", "b", "c", "d"],
                ),
            ),
            (
                "echo x > a; rm README.md docs/guide.md data.bin",
                Refused("changed 4 files", &["README.md", "a", "data.bin", "docs/guide.md"]),
            ),
            ("printf %0100d 0 > a", Changes(&[('A', "a")])),
            (
                "printf %0101d 0 > a",
                Refused("101 bytes in total; the trust policy allows at most 100 bytes", &["a"]),
            ),
            ("printf %050d 0 > a; printf %051d 0 > b", Refused("101 bytes", &["a", "b"])),
            // Identical content in two files counts twice.
            ("printf %060d 0 > a; cp a b", Refused("120 bytes", &["a", "b"])),
            ("mkdir ignored; printf %0200d 0 > ignored/a", Nothing),
        ],
        &policy,
        &redactor,
    )
    .await;
}

#[tokio::test]
async fn sparse_files_are_counted_without_reading_them() {
    // spec: X6d
    // One file of the maximum size, and files whose total overflows `u64`; tmpfs allows such sizes.
    let most = u64::try_from(i64::MAX).unwrap();
    for sizes in [&[1_u64 << 40][..], &[most], &[most, most, 2]] {
        let world = World::new_in(Path::new("/dev/shm"), TREE);
        let at = world.checkout(run(1)).await.unwrap();
        let made = (0..).zip(sizes).all(|(n, size)| {
            let file = fs::File::create(at.path.join(format!("f{n}"))).unwrap();
            file.set_len(*size).is_ok()
        });
        if !made {
            // This file system has no files of such sizes, so an agent cannot create them either.
            continue;
        }
        let collected = within(30, world.collect(run(1), &at.base)).await.unwrap();
        let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
        assert!(refusal.reason.contains("the changed files have"), "{refusal:?}");
        assert_eq!(refusal.paths.len(), sizes.len());
    }
}

#[tokio::test]
async fn many_files_are_counted_fast() {
    // spec: X6d
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    for n in 0..2_000 {
        write(&at.path, &format!("d{}/f{n}", n % 50), n.to_string());
    }
    let collected = within(60, world.collect(run(1), &at.base)).await.unwrap();
    let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
    assert!(refusal.reason.contains("2000 files"), "{refusal:?}");
    assert_eq!(refusal.paths.len(), 20);

    let policy = TrustPolicy::default().with_max_files(2_000);
    let redactor = Redactor::default();
    let collect = world.host.collect(run(1), &at.base, &policy, &redactor);
    let Collected::Changes(set) = within(60, collect).await.unwrap() else { panic!("changes") };
    assert_eq!(set.changes.len(), 2_000);
}

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

/// Checks that files without read permission are reported and do not block the call.
#[tokio::test]
async fn unreadable_files_are_named_in_the_refusal() {
    let root = {
        let temp = tempfile::tempdir().unwrap();
        crate::support::chmod(temp.path(), 0);
        fs::read_dir(temp.path()).is_ok()
    };
    for act in [
        "mkdir shut; echo x > shut/f; chmod 0 shut",
        "echo x > shut; chmod 0 shut",
        "chmod 0 README.md; echo x > new",
        "chmod 0 docs",
    ] {
        let world = World::new(TREE);
        let at = world.checkout(run(1)).await.unwrap();
        shell(&at.path, act);
        let collected = within(60, world.collect(run(1), &at.base)).await;
        match collected {
            // Root can read all files and collects them, or finds no change.
            Ok(Collected::Changes(_) | Collected::Nothing { .. }) if root => {}
            Ok(Collected::Refused(refusal)) => {
                assert!(refusal.reason.contains("cannot be read"), "{act}: {refusal:?}");
                assert!(!refusal.paths.is_empty(), "{act}: {refusal:?}");
            }
            other => panic!("{act}: {other:?}"),
        }
        world.host.remove(run(1)).await.unwrap();
        assert_eq!(world.host.runs().await.unwrap(), []);
    }
}

const LIVE: &str = "live-secret-0123456789";

#[tokio::test]
async fn no_live_secret_leaves() {
    // spec: X10a, X10c
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    redactor.add(&Secret::new([0xff, 0, 1, 2, 3, 4, 5, 6, 7, 0xfe]));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        ("echo 'key = live-secret-0123456789' > f", Refused(why, &["f"])),
        ("printf 'a\\0\\377live-secret-0123456789\\0' > f.bin", Refused(why, &["f.bin"])),
        ("printf 'x\\377\\0\\1\\2\\3\\4\\5\\6\\7\\376x' > f.bin", Refused(why, &["f.bin"])),
        ("echo x > live-secret-0123456789", Refused(why, &["[REDACTED]"])),
        (
            "mkdir live-secret-0123456789; echo x > live-secret-0123456789/x",
            Refused(why, &["[REDACTED]/x"]),
        ),
        ("ln -s live-secret-0123456789 l", Refused(why, &["l"])),
        ("echo live-secret-0123456789 >> README.md", Refused(why, &["README.md"])),
        // Refused although the base already contains it, because it is a secret of this run.
        ("echo x >> leaked", Refused(why, &["leaked"])),
        ("rm leaked", Changes(&[('D', "leaked")])),
        ("mkdir ignored; echo live-secret-0123456789 > ignored/x", Nothing),
        ("echo live-secret-012345678 > f", Refused(why, &["f"])),
        ("echo live-secret-01234 > f", Changes(&[('A', "f")])),
        // In base64, and split by other characters.
        ("echo live-secret-0123456789 | base64 > f", Refused(why, &["f"])),
        ("echo live-secret-0123456789 | tr -d - | fold -w 4 > f", Refused(why, &["f"])),
        (
            "mkdir -p live/secret-0123/45; echo x > live/secret-0123/45/6789",
            Refused(why, &["[REDACTED]"]),
        ),
        ("(printf %0900000d 0; echo live-secret-0123456789) > f", Refused(why, &["f"])),
    ];
    let leaked = format!("{LIVE}\n");
    let entries = [TREE, &[("100644", "leaked", leaked.as_bytes())]].concat();
    check(&entries, cases, &TrustPolicy::default(), &redactor).await;
}

/// Random characters, for tokens that are no placeholders.
const RANDOM: &str = "q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3Xy5D";

/// Returns a private key whose contents are `body`, repeated.
fn key(body: &str) -> String {
    format!("-----BEGIN {0}-----\n{body}\n{body}\n-----END {0}-----\n", "EC PRIVATE KEY")
}

#[tokio::test]
async fn nothing_with_a_token_s_shape_leaves() {
    // spec: X10b
    let token = format!("gh{}_{RANDOM}", 'p');
    let old = format!("{token}\n");
    let other = format!("gh{}_{}", 's', RANDOM.chars().rev().collect::<String>());
    let entries = [TREE, &[("100644", "old", old.as_bytes())]].concat();
    // Path, content, and whether the change is accepted.
    let cases: &[(&str, String, bool)] = &[
        ("f", format!("x = \"{token}\""), false),
        ("f.bin", format!("\0\0{token}\0"), false),
        ("f", key(RANDOM), false),
        ("README.md", format!("hello\n{}\n", key(RANDOM)), false),
        ("f", format!("github_{}_{RANDOM}", "pat"), false),
        ("f", format!("sk-{}-api03-{RANDOM}", "ant"), false),
        (&token, "x".to_owned(), false),
        (&format!("a/{}/{}", &token[..20], &token[20..]), "x".to_owned(), false),
        ("f", format!("github_{}_{}", "pat", "x".repeat(40)), true),
        ("f", "ghp_ is how they begin".to_owned(), true),
        ("f", "-----BEGIN PUBLIC KEY-----".to_owned(), true),
        ("f", "-----BEGIN EC PRIVATE KEY-----".to_owned(), true),
        ("old", format!("{old}more\n"), true),
        ("old", format!("{old}{other}\n"), false),
        ("old", other, false),
    ];
    let world = World::new(&entries);
    for (n, (path, content, may_leave)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        write(&at.path, path, content);
        match world.collect(run(n), &at.base).await.unwrap() {
            Collected::Changes(_) => assert!(may_leave, "{path}: {content}"),
            Collected::Refused(refusal) => {
                assert!(!may_leave && refusal.paths.len() == 1, "{path}: {refusal:?}");
                assert!(!format!("{refusal:?}").contains(&RANDOM[..8]), "{refusal:?}");
            }
            Collected::Nothing { .. } => panic!("{path}: {content}"),
        }
    }
}

#[tokio::test]
async fn a_secret_of_the_base_is_not_new() {
    // spec: X10b
    let (old, new) = (key(RANDOM), key(&RANDOM.to_lowercase()));
    let name = format!("names/gh{}_{RANDOM}", 'o');
    let entries =
        [TREE, &[("100644", "test.pem", old.as_bytes()), ("100644", &*name, b"x")]].concat();
    let copy = format!("cp test.pem copy.pem; echo '{new}' > new.pem");
    let cases: Vec<(&str, Vec<&str>)> = vec![
        ("git mv test.pem moved.pem", vec![]),
        ("git mv test.pem moved.pem; echo '# moved' >> moved.pem", vec![]),
        ("base64 -w0 test.pem > moved.txt; rm test.pem", vec![]),
        ("cp test.pem copy.pem", vec![]),
        ("mkdir keys; cp test.pem keys/a; ln -s keys/a b", vec![]),
        ("echo '# more' >> test.pem", vec![]),
        ("git mv names more", vec![]),
        // A new secret is refused although another one moves.
        (&copy, vec!["new.pem"]),
        // The base holds the old key, and the file has a new one.
        (
            "tr A-Z a-z < test.pem | sed 's/begin ec private key/BEGIN EC PRIVATE KEY/' > moved.pem; rm test.pem",
            vec!["moved.pem"],
        ),
    ];
    let world = World::new(&entries);
    for (n, (act, expected)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let paths = match world.collect(run(n), &at.base).await.unwrap() {
            Collected::Refused(refusal) => refusal.paths,
            Collected::Changes(_) => Vec::new(),
            Collected::Nothing { .. } => panic!("{act}"),
        };
        assert_eq!(paths, expected, "{act}");
    }
}

#[tokio::test]
async fn an_archive_that_cannot_be_checked_is_refused() {
    // spec: X16a
    let entries = [
        TREE,
        &[("100644", "tool", b"#!/bin/sh\nhead -c 34000000 /dev/zero | gzip\n")],
        &[("100644", "old.zst", b"\x28\xb5\x2f\xfd\x04\x58\x29\0\0text\n\x2c\x51\xa1\xbf")],
    ]
    .concat();
    let why = "archive that cannot be searched";
    check_default(
        &entries,
        &[
            ("sh tool > bomb.gz", Refused(why, &["bomb.gz"])),
            ("echo x | gzip | gzip | gzip > deep.gz", Refused(why, &["deep.gz"])),
            // Of formats that cannot be expanded, only unchanged data is published.
            ("cp old.zst copy.zst; echo y >> copy.zst", Refused(why, &["copy.zst"])),
            ("echo y >> old.zst", Refused(why, &["old.zst"])),
            ("gzip < old.zst > new.gz", Refused(why, &["new.gz"])),
            (
                "mv old.zst new.zst; echo x > a",
                Changes(&[('A', "a"), ('A', "new.zst"), ('D', "old.zst")]),
            ),
            ("echo x | gzip | gzip > nested.gz", Changes(&[('A', "nested.gz")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_secret_that_is_split_between_files_does_not_leave() {
    // spec: X10c
    let redactor = Redactor::default();
    redactor
        .add(&Secret::from("run-9b41e6d02c7f8a5593e10b6d47fca82e66d905b3f1782ca4e0395d1bb87c6f20"));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        ("echo run-9b41e6d02c7f8a5593 > a", Changes(&[('A', "a")])),
        ("echo run-9b41e6d02c7f8a5593 > a; echo e10b6d47fca82e66d905b3f > b", Refused(why, &["b"])),
        (
            "echo run-9b41e6d02c7f8a5593 > a; echo x > e10b6d47fca82e66d905b3f",
            Refused(why, &["[REDACTED]"]),
        ),
    ];
    check(TREE, cases, &TrustPolicy::default(), &redactor).await;
}

#[tokio::test]
async fn a_shortened_name_shows_no_part_of_a_secret() {
    // spec: X10a, X10b
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    // Names are cut after 200 characters, and a part of a secret is not recognized any more.
    let path = format!("{}{LIVE}", "x".repeat(185));
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, &path, "x");
    let policy = TrustPolicy::default();
    let collected = world.host.collect(run(1), &at.base, &policy, &redactor).await.unwrap();
    let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
    let shown = redactor.clean(&refusal.paths.join(" "));
    assert!(!shown.contains(&LIVE[..8]), "{shown}");
}

#[tokio::test]
async fn the_old_size_of_a_file_does_not_count() {
    // spec: X6d
    let world = World::new(&[("100644", "big", &vec![b'x'; 2 << 20])]);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, "big", "small");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(&collected, Collected::Changes(set) if set.changes[0].bytes == 5));
    assert!(Path::new(&at.path).exists());
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
async fn a_new_secret_that_begins_like_an_old_one_is_refused() {
    // spec: X10b
    let old = "SLACK=xoxb-482913057264-5719304826517-Zq7x0LmV2xKd9RwYb4NcJ6hG\n";
    let api = "API_TOKEN=corp-prod-eu1-service77-Zq7x0LmV2xKd9RwYb4NcJ6hGfS1eUpA8\n";
    let entries: &[Entry] = &[
        ("100644", "slack.conf", old.as_bytes()),
        ("100644", "api.conf", api.as_bytes()),
        ("100644", "other", b"x\n"),
    ];
    let why = "looks like a secret";
    check_default(
        entries,
        &[
            ("echo y >> slack.conf; mv api.conf b.conf", Changes(&[('D', "api.conf"), ('A', "b.conf"), ('M', "slack.conf")])),
            ("sed -i s/Zq7x0LmV2xKd9RwYb4NcJ6hG/pQ3sT8vW1yB5nM7kH2jF9dLc/ slack.conf", Refused(why, &["slack.conf"])),
            (
                "echo y >> slack.conf; sed s/Zq7x0LmV2xKd9RwYb4NcJ6hG/pQ3sT8vW1yB5nM7kH2jF9dLc/ slack.conf > other",
                Refused(why, &["other"]),
            ),
            ("sed -i s/fS1eUpA8/Tk9qWz3R/ api.conf", Refused(why, &["api.conf"])),
            ("sed -i 's/$/,more/' api.conf", Changes(&[('M', "api.conf")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn secrets_in_the_members_of_an_archive_are_found() {
    // spec: X10a, X10b
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        (
            "printf ghp_q7Zt0LmV2xKd9RwY | gzip -n > t; printf b4NcJ6hGfS1eUpA8iTo3 | gzip -n >> t",
            Refused(why, &["t"]),
        ),
        ("printf live-secret-0123456789 | gzip -n > s", Refused(why, &["s"])),
        ("printf 'a live-secret-0123456789' | gzip -n | gzip -n > s", Refused(why, &["s"])),
        ("printf 'a live-secret-' | gzip -n > s", Changes(&[('A', "s")])),
    ];
    check(TREE, cases, &TrustPolicy::default(), &redactor).await;
}

#[tokio::test]
async fn work_in_a_submodule_alone_is_told() {
    // spec: X6g
    let world = World::new(&[("160000", "s", ELSEWHERE), ("100644", "a", b"a")]);
    let at = world.checkout(run(1)).await.unwrap();
    shell(&at.path, "git init -q s; echo x > s/f");
    let Collected::Nothing { exceptions } = world.collect(run(1), &at.base).await.unwrap() else {
        panic!("the files of a submodule were collected");
    };
    assert!(exceptions.join("").contains("checked out the submodule s"), "{exceptions:?}");
}
