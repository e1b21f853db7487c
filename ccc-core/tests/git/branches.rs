//! Tests of checkouts of repositories with unusual branches and tags.

use std::fs;

use ccc_core::vcs::Repository;
use ccc_core::{BranchName, ErrorKind};

use crate::support::{TREE, World, commit_tree, git, refs, repository, run, try_git};

#[tokio::test]
async fn a_checkout_needs_only_the_default_branch() {
    // spec: X5d
    let world = World::new(TREE);
    let heads = world.remote.join("refs/heads");
    // A crash can leave a branch whose commit does not exist.
    fs::write(heads.join("damaged"), format!("{}\n", "1".repeat(40))).unwrap();
    for number in 0..200 {
        let name = format!("refs/heads/side/{number}");
        git(&world.remote, &["update-ref", &name, "main"]);
    }
    git(&world.remote, &["tag", "main", "main"]);
    git(&world.remote, &["update-ref", "refs/remotes/origin/main", "main"]);
    commit_tree(&world.remote, "side/large", &[("100644", "large", &[7; 100_000])]);
    let at = world.checkout(run(1)).await.unwrap();
    assert!(at.path.join("README.md").exists());
    let fetched = refs(&world.mirror());
    let names: Vec<_> = fetched.keys().map(String::as_str).collect();
    assert_eq!(names, ["refs/default", &format!("refs/runs/{}", run(1))]);
}

#[tokio::test]
async fn the_default_branch_can_have_any_name_and_can_change() {
    // spec: X5d
    let world = World::new(TREE);
    for (number, branch) in (1..).zip([
        "main",
        "main2/main",
        "HEAD",
        "refs/heads/main",
        "größe",
        "a@b",
        "+x",
        "default",
    ]) {
        let content = branch.as_bytes();
        let base = commit_tree(&world.remote, branch, &[("100644", "name", content)]);
        let repository = Repository::new(repository().repo, branch);
        let at = world.host.checkout(run(number), &repository, &world.access()).await.unwrap();
        assert_eq!(at.base, base, "{branch}");
        let text = fs::read_to_string(at.path.join("name")).unwrap();
        assert_eq!(text, branch);
    }
}

#[tokio::test]
async fn a_missing_default_branch_is_named() {
    let world = World::new(TREE);
    for (number, branch) in (1..).zip(["trunk", "", "*", "main:main", "a b", "mai?"]) {
        let repository = Repository::new(repository().repo, branch);
        let done = world.host.checkout(run(number), &repository, &world.access()).await;
        let error = done.unwrap_err();
        let named = format!("has no commit on its default branch `{branch}`");
        assert!(error.to_string().contains(&named), "{branch:?}: {error}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_branch_that_prevents_the_branch_of_a_run_is_named() {
    // spec: P11
    let wanted = BranchName::new("claude/a/b").unwrap();
    for (existing, conflict) in [
        ("claude", true),
        ("claude/a", true),
        ("claude/a/b", true),
        ("claude/a/b/c/d", true),
        ("claude/a/bc", false),
        ("claude/x", false),
        ("x/claude", false),
        ("x/refs/heads/claude", false),
        ("claude-a", false),
        ("a/b", false),
    ] {
        let world = World::new(TREE);
        git(&world.remote, &["update-ref", &format!("refs/heads/{existing}"), "main"]);
        git(&world.remote, &["tag", "claude/a", "main"]);
        let checked = world.host.check_branch(&wanted, &world.access()).await;
        assert_eq!(checked.is_err(), conflict, "{existing}: {checked:?}");
        // The remote agrees.
        let push = ["push", "-q", ".", &format!("main:refs/heads/{wanted}")];
        let pushed = try_git(&world.remote, &push).status.success();
        assert_eq!(pushed, !conflict || existing == "claude/a/b", "{existing}");
        if let Err(error) = checked {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            let named = format!("the branch `{existing}` of the repository prevents");
            assert!(error.to_string().contains(&named), "{error}");
        }
    }
}
