//! Tests of the commit of a run.

use ccc_core::event::{Actor, ActorKind, IssueEvent, IssueSnapshot, Trigger};
use ccc_core::git::{Collected, CommitInfo};
use ccc_core::vcs::BotIdentity;
use ccc_core::{ErrorKind, ObjectId};
use jiff::Timestamp;

use crate::support::{TREE, World, git, git_text, plain_git, reopen, repository, run, write};

pub(crate) fn bot() -> BotIdentity {
    BotIdentity::new(9, "our-app[bot]", "9+our-app[bot]@users.example.com").with_app(3)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn event(title: &str) -> IssueEvent {
    let actor = Actor { id: 1, login: "p".to_owned(), kind: ActorKind::User };
    IssueEvent {
        repo: repository().repo,
        issue: IssueSnapshot {
            number: 42,
            title: title.to_owned(),
            body: "secret plan".to_owned(),
            author: actor.clone(),
            updated_at: at(0),
        },
        trigger: Trigger::Opened,
        actor,
        via_app: None,
        actor_is_member: false,
    }
}

pub(crate) fn info(title: &str) -> CommitInfo {
    CommitInfo::for_run(run(1), &event(title), "claude", bot(), at(1_700_000_000))
}

/// Checks out the repository, adds one file, and collects. Returns the base and the new tree.
pub(crate) async fn worked(world: &World, n: u32) -> (ObjectId, ObjectId) {
    let at = world.checkout(run(n)).await.unwrap();
    write(&at.path, "new.txt", "new\n");
    match world.collect(run(n), &at.base).await.unwrap() {
        Collected::Changes(set) => (set.base, set.tree),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_repeated_commit_has_the_same_id() {
    // spec: P6
    let mut commits = Vec::new();
    for _ in 0..2 {
        let world = World::new(TREE);
        let (base, tree) = worked(&world, 1).await;
        for _ in 0..2 {
            let commit = world.host.commit(run(1), &base, &tree, &info("t")).await;
            commits.push(commit.unwrap());
        }
        // Commits again through a second `HostGit` over the same directory, as after a restart.
        let World { temp, host, .. } = world;
        drop(host);
        let host = reopen(&temp.path().join("host")).await;
        commits.push(host.commit(run(1), &base, &tree, &info("t")).await.unwrap());
        let later = CommitInfo { date: at(1_700_000_001), ..info("t") };
        let other = host.commit(run(1), &base, &tree, &later).await.unwrap();
        assert_ne!(other, commits[0], "the date is part of the commit");
    }
    assert!(commits.iter().all(|commit| *commit == commits[0]), "{commits:?}");
}

#[tokio::test]
async fn a_commit_names_its_author_and_run() {
    // spec: P6
    let world = World::new(TREE);
    let (base, tree) = worked(&world, 1).await;
    let commit = world.host.commit(run(1), &base, &tree, &info("Fix it")).await.unwrap();
    let dir = world.git_dir(run(1));
    let show = |format: &str| {
        git_text(&dir, &["show", "-s", &format!("--format={format}"), commit.as_str()])
    };
    let who = "our-app[bot] <9+our-app[bot]@users.example.com> 1700000000 +0000";
    assert_eq!(show("%an <%ae> %ad|%cn <%ce> %cd").matches("our-app[bot] <").count(), 2);
    let raw = git_text(&dir, &["cat-file", "commit", commit.as_str()]);
    assert!(raw.contains(&format!("author {who}\ncommitter {who}\n")), "{raw}");
    assert_eq!(show("%P"), base.as_str());
    assert_eq!(show("%T"), tree.as_str());
    assert_eq!(show("%s"), "Solve issue 42: Fix it");
    let expected = format!("Issue: o/r#42\nRun: {}\nAgent: claude", run(1));
    assert_eq!(show("%(trailers:only)"), expected);
    assert!(!raw.contains("secret plan"));
}

#[tokio::test]
async fn issue_titles_have_no_effect_in_the_commit_message() {
    // spec: P6
    let world = World::new(TREE);
    let (base, tree) = worked(&world, 1).await;
    let canary = world.path().join("canary");
    let harmful = format!("$(touch {0}) `touch {0}` %x00 -F/etc/passwd", canary.display());
    let long = "x".repeat(64 << 10);
    let host_dir = world.git_dir(run(1));
    for title in [
        "",
        "a\n\nRun: 00000000-0000-0000-0000-000000000000\nIssue: x/y#1",
        "a\r\nCo-authored-by: e <e@e>",
        "fixes #7",
        "fixes o/r#7",
        "fixes GH-7",
        "closes gh-7",
        "fixes https://github.com/o/r/issues/7",
        "@all @o/team",
        "\u{202e}abc\0\u{7}\u{1b}[31m",
        "-- -m x",
        "# a comment",
        &long,
        &harmful,
        "[skip ci] `x` 🎉",
    ] {
        let commit = world.host.commit(run(1), &base, &tree, &info(title)).await.unwrap();
        let raw = git(&host_dir, &["cat-file", "commit", commit.as_str()]);
        let text = String::from_utf8(raw).unwrap();
        let message = text.split_once("\n\n").unwrap().1;
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines.len(), 5, "{title:?}: {message}");
        assert!(lines[0].starts_with("Solve issue 42:"), "{message}");
        assert!(lines[0].chars().count() < 100 && lines[1].is_empty(), "{message}");
        assert_eq!(lines[2], "Issue: o/r#42", "{message}");
        assert_eq!(lines[3], format!("Run: {}", run(1)), "{message}");
        let wakes = |text: &str| {
            let lower = text.to_lowercase();
            ["#7", "@all", "@o", "gh-7", "://"].iter().any(|s| lower.contains(s))
        };
        assert!(!wakes(lines[0]), "{message}");
        // spec: X13c
        assert!(!lines[0].contains("[skip ci]"), "{message}");
        let odd = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!lines[0].contains(odd), "{message:?}");
    }
    assert!(!canary.exists());
}

#[tokio::test]
async fn missing_objects_are_not_found() {
    let world = World::new(TREE);
    let (base, tree) = worked(&world, 1).await;
    let nothing = ObjectId::new("1".repeat(40)).unwrap();
    for (base, tree) in [(&base, &nothing), (&nothing, &tree), (&base, &base)] {
        let error = world.host.commit(run(1), base, tree, &info("t")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    // A run that was never checked out has no git directory.
    let error = world.host.commit(run(2), &base, &tree, &info("t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn the_patch_makes_the_same_tree() {
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, "data.bin", b"\0\0\0\xff");
    write(&at.path, "a b\"ä", "x");
    std::fs::remove_file(at.path.join("README.md")).unwrap();
    crate::support::chmod(&at.path.join("docs/guide.md"), 0o755);
    let Collected::Changes(set) = world.collect(run(1), &at.base).await.unwrap() else {
        panic!("changes");
    };
    let patch = world.path().join("p");
    std::fs::write(&patch, world.host.patch(run(1), &set).await.unwrap()).unwrap();
    let clone = world.path().join("clone");
    git(world.path(), &["clone", "-q", "remote.git", clone.to_str().unwrap()]);
    git(&clone, &["apply", "--index", patch.to_str().unwrap()]);
    let tree = plain_git(&clone).arg("write-tree").output().unwrap().stdout;
    assert_eq!(String::from_utf8(tree).unwrap().trim(), set.tree.as_str());
}
