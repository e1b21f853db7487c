//! Workspaces whose `.git` points into the directories of host git. The table of
//! `tests/tests/it/hostile/mod.rs` covers the workspaces that run programs, send tokens elsewhere
//! or change content.

use ccc_core::git::Collected;

use crate::support::{TREE, World, git, run, shell, write};

/// Checks that deleting a `.git` that points into host git's directories does not damage these.
#[tokio::test]
async fn deleting_the_agent_s_git_deletes_nothing_else() {
    // spec: X6a
    for act in [
        "rm -rf .git; ln -s ../git .git",
        "rm -rf .git; ln -s ../../../mirrors .git",
        "rm -rf .git/objects; ln -s ../../git/objects .git/objects",
        "rm -rf .git/x; ln -s ../../.. .git/x",
        "rm -rf .git; echo 'gitdir: ../git' > .git",
    ] {
        let world = World::new(TREE);
        let at = world.checkout(run(1)).await.unwrap();
        shell(&at.path, act);
        write(&at.path, "new", "x");
        let collected = world.collect(run(1), &at.base).await.unwrap();
        assert!(matches!(&collected, Collected::Changes(set) if set.changes.len() == 1), "{act}");
        git(&world.mirror(), &["fsck"]);
        git(&world.git_dir(run(1)), &["fsck", "--no-dangling"]);
    }
}
