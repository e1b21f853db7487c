//! Tests of collection: the changes that are found in a workspace.

use std::fs;
use std::os::unix::fs::symlink;

use ccc_core::git::Collected;

use crate::expected::{Changes, Nothing, check_default};
use crate::support::{TREE, World, git, git_text, run, shell, within, write};

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
        // Git would wait for a writer of these pipes.
        "echo x > new; rm -rf .git; mkdir -p .git/objects/00 .git/objects/pack .git/objects/info .git/refs/heads .git/info; \
         cd .git; mkfifo HEAD index config packed-refs shallow refs/heads/main objects/00/$(printf %038d 0) \
         objects/pack/pack-1.idx objects/pack/pack-1.pack objects/info/alternates objects/info/commit-graph info/attributes"
            .to_owned(),
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
