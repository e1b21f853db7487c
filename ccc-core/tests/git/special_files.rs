//! Tests of collection: nested repositories, submodules, symlinks and special files.

use ccc_core::git::Collected;

use crate::expected::{Changes, Nothing, Refused, check_default};
use crate::support::{ELSEWHERE, Entry, TREE, World, git_text, run, shell, try_git};

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
