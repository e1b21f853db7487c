//! Tests of the methods of the port `VcsHost`.

use ccc_core::event::{Actor, ActorKind, RepoRef};
use ccc_core::testing::git;
use ccc_core::vcs::{Grant, NewPullRequest, Permission, ReactionTarget};
use ccc_core::{BranchName, Clock as _, ErrorKind, VcsHost as _};
use jiff::SignedDuration;

use crate::common::{World, world};
use crate::emulated::{self, actor, repo_ref};

async fn issue(world: &World) -> u64 {
    world.emulator.open_issue(&world.emulated, "alice", "Crash", "It crashes.").await.unwrap()
}

#[tokio::test]
async fn the_bot_identity_is_requested_once() {
    // spec: G9
    let world = world().await;
    let github = world.github();
    let us = github.bot_identity().await.unwrap();
    assert_eq!((us.login.as_str(), us.app), ("ccc-app[bot]", Some(4711)));
    assert_eq!(us.email, format!("{}+ccc-app[bot]@users.noreply.127.0.0.1", us.id));
    assert_eq!(github.bot_identity().await.unwrap(), us);
    assert_eq!(world.count("GET", "/app"), 1);
    assert!(world.emulator.tokens().iter().all(|token| token.revoked));
}

#[tokio::test]
async fn a_permission_belongs_to_the_account_id_and_not_to_the_login() {
    // spec: G9
    let world = world().await;
    let github = world.github();
    let alice = actor(&world.emulator.add_user("alice", github_emulator::ActorKind::User));
    for permission in [
        Permission::None,
        Permission::Read,
        Permission::Triage,
        Permission::Write,
        Permission::Maintain,
        Permission::Admin,
    ] {
        world.emulator.set_permission(&world.emulated, "alice", emulated::permission(permission));
        let got = github.permission(&world.repo, &alice).await.unwrap();
        assert_eq!(got, permission);
    }
    let took_the_login = Actor { id: alice.id + 1, ..alice.clone() };
    let stranger = Actor { login: "nobody".to_owned(), ..alice.clone() };
    let dots = Actor { login: "..".to_owned(), ..alice };
    for actor in [took_the_login, stranger, dots] {
        let got = github.permission(&world.repo, &actor).await.unwrap();
        assert_eq!(got, Permission::None, "{actor:?}");
    }
}

#[tokio::test]
async fn a_repository_is_identified_by_its_id() {
    // spec: G8a
    let world = world().await;
    let github = world.github();
    world.emulator.set_archived(&world.emulated, true);
    world.emulator.rename(&world.emulated, "renamed");
    let found = github.repository(&world.repo).await.unwrap();
    assert_eq!((found.repo.name.as_str(), found.repo.id), ("renamed", world.repo.id));
    assert_eq!((found.default_branch.as_str(), found.archived), ("main", true));
    assert_eq!(github.find_repository("octo", "renamed").await.unwrap(), found.repo);

    // The id also identifies the repository if another repository has the former name.
    let seed = world.dir.path().join("seed");
    let squatter = world.emulator.add_repository("octo", "hello", &seed).await.unwrap();
    assert_ne!(squatter.id, world.repo.id);
    let fresh = world.github();
    assert_eq!(fresh.repository(&world.repo).await.unwrap(), found);
    let access = fresh.access(&world.repo, Grant::Read, std::time::Duration::ZERO).await.unwrap();
    assert!(access.clone_url.ends_with("/octo/renamed.git"), "{}", access.clone_url);
    world.emulator.delete_repository(&world.emulated);
    let error = fresh.repository(&world.repo).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let elsewhere = RepoRef { host: "github.com".to_owned(), ..repo_ref(&squatter) };
    let error = github.repository(&elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn the_current_state_of_an_issue_is_read() {
    // spec: W10a
    let world = world().await;
    let github = world.github();
    let number = issue(&world).await;
    let now = github.issue(&world.repo, number).await.unwrap();
    assert!(now.open && !now.is_pull_request);
    assert_eq!((now.title.as_str(), now.body.as_str()), ("Crash", "It crashes."));
    assert_eq!((now.author.login.as_str(), now.author.kind), ("alice", ActorKind::User));
    world.emulator.set_issue_open(&world.emulated, number, false);
    assert!(!github.issue(&world.repo, number).await.unwrap().open);
    let error = github.issue(&world.repo, 99).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn only_earlier_comments_are_read_from_all_pages() {
    // spec: G8b
    let world = world().await;
    let github = world.github();
    let number = issue(&world).await;
    for i in 0..250 {
        let body = format!("comment {i}");
        world.emulator.comment(&world.emulated, number, "alice", &body).await.unwrap();
    }
    let before = world.clock.now() + SignedDuration::from_secs(1);
    world.clock.set(SignedDuration::from_mins(1));
    world.emulator.comment(&world.emulated, number, "alice", "too late").await.unwrap();
    let comments = github.comments(&world.repo, number, before).await.unwrap();
    assert_eq!(comments.len(), 250);
    assert_eq!(comments[249].body, "comment 249");
    assert_eq!(world.count("GET", "/comments"), 3);
}

#[tokio::test]
async fn a_comment_with_a_marker_is_created_once_and_then_changed() {
    // spec: G7b
    let world = world().await;
    let github = world.github();
    let number = issue(&world).await;
    // Any user can copy the marker. Such a comment is not the App's.
    let copy = "mine\n\n<!-- ccc:run-1 -->";
    world.emulator.comment(&world.emulated, number, "alice", copy).await.unwrap();
    for body in ["working", "done"] {
        github.upsert_comment(&world.repo, number, "run-1", body).await.unwrap();
    }
    github.upsert_comment(&world.repo, number, "run-2", &"ä".repeat(70_000)).await.unwrap();
    // The response is lost, and the next attempt finds the written comment.
    world.emulator.lose_next("POST", "/repos/octo/hello/issues", 502, 1);
    github.upsert_comment(&world.repo, number, "run-3", "x").await.unwrap();
    let comments = world.emulator.comments(&world.emulated, number);
    assert_eq!(comments.len(), 4);
    assert_eq!(comments[0].body, copy);
    assert_eq!(comments[1].body, "done\n\n<!-- ccc:run-1 -->");
    assert_eq!(comments[1].author.login, "ccc-app[bot]");
    assert!(comments[2].body.ends_with("the length of a text.*\n\n<!-- ccc:run-2 -->"));
    assert_eq!(comments[2].body.chars().count(), 65_536);
    for bad in ["", "a b", "a--b", "a\n"] {
        let error = github.upsert_comment(&world.repo, number, bad, "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
}

#[tokio::test]
async fn a_reaction_is_added_once() {
    // spec: G7b
    let world = world().await;
    let github = world.github();
    let number = issue(&world).await;
    let id = world.emulator.comment(&world.emulated, number, "alice", "hi").await.unwrap();
    for _ in 0..2 {
        github.react(&world.repo, ReactionTarget::Issue(number)).await.unwrap();
        github.react(&world.repo, ReactionTarget::Comment(id)).await.unwrap();
    }
    let eyes = [("ccc-app[bot]".to_owned(), "eyes".to_owned())];
    assert_eq!(world.emulator.reactions(&world.emulated, number), eyes);
    assert_eq!(world.emulator.comments(&world.emulated, number)[0].reactions, eyes);
}

#[tokio::test]
async fn a_file_of_the_default_branch_is_read_or_does_not_exist() {
    // spec: G8a
    let world = world().await;
    let github = world.github();
    let seed = world.dir.path().join("big");
    std::fs::create_dir_all(seed.join("dir")).unwrap();
    std::fs::write(seed.join("dir/x"), [0, 255, 7]).unwrap();
    std::fs::write(seed.join("limit"), vec![b'x'; 1 << 20]).unwrap();
    std::fs::write(seed.join("over"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let repo = repo_ref(&world.emulator.add_repository("octo", "big", &seed).await.unwrap());
    let read = |path: &'static str| github.file_at_default_branch(&repo, path);
    assert_eq!(read("dir/x").await.unwrap(), Some(vec![0, 255, 7]));
    assert_eq!(read("limit").await.unwrap().map(|file| file.len()), Some(1 << 20));
    assert_eq!(read("over").await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(read("no/such").await.unwrap(), None);
    for bad in ["", "/x", "a//b", "../x", "a/./b"] {
        assert_eq!(read(bad).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
    }
}

#[tokio::test]
async fn a_tag_with_the_name_of_a_branch_does_not_take_its_place() {
    // spec: E8
    let world = world().await;
    let github = world.github();
    let seed = world.dir.path().join("tagged");
    std::fs::create_dir(&seed).unwrap();
    git(&seed, &["init", "--quiet"]);
    for (number, branch) in (1..).zip(["main", "a@b", "refs/heads/x"]) {
        for content in ["old", "new"] {
            std::fs::write(seed.join("f"), format!("{content} {branch}")).unwrap();
            git(&seed, &["add", "."]);
            git(&seed, &["commit", "--quiet", "--message", content]);
            if content == "old" {
                git(&seed, &["tag", branch]);
                git(&seed, &["tag", &format!("heads/{branch}")]);
                git(&seed, &["update-ref", "refs/heads/x", "HEAD"]);
            }
        }
        git(&seed, &["branch", "--quiet", "--move", branch]);
        let name = format!("tagged-{number}");
        let emulated = world.emulator.add_repository("octo", &name, &seed).await.unwrap();
        let repo = repo_ref(&emulated);
        assert_eq!(github.repository(&repo).await.unwrap().default_branch, branch);
        let file = github.file_at_default_branch(&repo, "f").await.unwrap().unwrap();
        assert_eq!(String::from_utf8(file).unwrap(), format!("new {branch}"));
        // The start of a branch is the default branch too.
        let commit = world.emulator.write_file(&emulated, "side", "g", b"g").await.unwrap();
        let place = world.dir.path().join(format!("data/{}.git", emulated.id));
        assert_eq!(git(&place, &["show", &format!("{commit}:f")]), format!("new {branch}"));
    }
}

#[tokio::test]
async fn a_pull_request_is_opened_once_even_if_a_response_is_lost() {
    // spec: G7a
    let world = world().await;
    let github = world.github();
    let new = world.pushed("claude/issue-1-aaaaaaaa").await;
    let first = github.open_pull_request(&world.repo, &new).await.unwrap();
    assert_eq!(github.open_pull_request(&world.repo, &new).await.unwrap(), first);
    assert_eq!(world.count("POST", "/pulls"), 1);
    assert!(first.url.ends_with("/octo/hello/pull/1"), "{}", first.url);

    let lost = world.pushed("claude/issue-2-bbbbbbbb").await;
    world.emulator.lose_next("POST", "/repos/octo/hello/pulls", 504, 1);
    let found = github.open_pull_request(&world.repo, &lost).await.unwrap();
    assert_eq!(found.number, Some(2));
    assert_eq!(world.emulator.pull_requests(&world.emulated).len(), 2);

    let nowhere = NewPullRequest { head: BranchName::new("claude/none").unwrap(), ..new };
    let error = github.open_pull_request(&world.repo, &nowhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("`claude/none` no longer exists on GitHub"), "{error}");
}
