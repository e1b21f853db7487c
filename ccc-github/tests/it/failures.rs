//! Tests of failures: invalid responses, unusual states of repositories and issues, and rate
//! limits.

use ccc_core::vcs::{Grant, NewPullRequest};
use ccc_core::{ErrorKind, Result, VcsHost as _};
use ccc_github::GitHub;
use github_emulator::{ActorKind, Call, Fault};
use jiff::SignedDuration;

use crate::common::{World, world};
use crate::emulated::{actor, repo_ref};

const ISSUES: &str = "/repos/octo/hello/issues";
const PULLS: &str = "/repos/octo/hello/pulls";
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

async fn start() -> (World, GitHub, u64) {
    let world = world().await;
    let github = world.github();
    let number = world.emulator.open_issue(&world.emulated, "alice", "Crash", "").await.unwrap();
    (world, github, number)
}

/// Checks that a result is an error of this kind whose message contains this text.
fn check<T: std::fmt::Debug>(what: &str, got: Result<T>, kind: ErrorKind, words: &str) {
    let error = got.expect_err(what);
    assert_eq!(error.kind(), kind, "{what}: {error}");
    assert!(error.to_string().contains(words), "{what}: {error}");
}

#[tokio::test]
async fn an_invalid_response_is_an_error_and_not_retried() {
    // spec: G6c
    let (world, github, number) = start().await;
    github.repository(&world.repo).await.unwrap();
    for (what, body) in [
        ("HTML", "<html><body>Sign in to the hotel's network</body></html>"),
        ("truncated JSON", "{\"number\": 1, \"title\": \"Cra"),
        ("missing fields", "{\"number\": 1}"),
        ("another type", "[1, 2]"),
        ("nothing", ""),
    ] {
        world.emulator.inject(Fault::on("GET", ISSUES).body(200, "text/html", body));
        let got = github.issue(&world.repo, number).await;
        let words = "differs from the documented format";
        check(what, got, ErrorKind::Unexpected, words);
        github.issue(&world.repo, number).await.unwrap();
    }
    let calls = world.count("GET", "/issues/1");
    assert_eq!(calls, 10, "an invalid response is not retried");
}

#[tokio::test]
async fn each_read_refuses_an_invalid_response() {
    // spec: G6c
    let (world, github, number) = start().await;
    let alice = actor(&world.emulator.add_user("alice", ActorKind::User));
    let now = world.clock_now();
    github.repository(&world.repo).await.unwrap();
    for body in ["{}", "\"x\"", "{\"type\":\"file\"}", "[{}]", "<html>"] {
        let words = "differs from the documented format";
        let next = |path: &str| {
            let at = format!("/repos/octo/hello{path}");
            world.emulator.inject(Fault::on("GET", &at).body(200, "application/json", body));
        };
        next("/collaborators");
        check(body, github.permission(&world.repo, &alice).await, ErrorKind::Unexpected, words);
        next("");
        check(body, github.repository(&world.repo).await, ErrorKind::Unexpected, words);
        next("/issues/1/comments");
        check(body, github.comments(&world.repo, number, now).await, ErrorKind::Unexpected, words);
        next("/contents");
        let file = github.file_at_default_branch(&world.repo, "README.md").await;
        // For a directory, GitHub returns a list.
        if body == "[{}]" {
            assert_eq!(file.unwrap(), None);
        } else {
            check(body, file, ErrorKind::Unexpected, words);
        }
    }
}

#[tokio::test]
async fn the_apps_comment_is_found_among_a_thousand_others() {
    // spec: G7b
    let (world, github, number) = start().await;
    for n in 0..1_150 {
        world.emulator.comment(&world.emulated, number, "alice", &format!("{n}")).await.unwrap();
    }
    github.upsert_comment(&world.repo, number, "run-1", "first").await.unwrap();
    for n in 0..60 {
        world
            .emulator
            .comment(&world.emulated, number, "alice", &format!("late {n}"))
            .await
            .unwrap();
    }
    // A new client has no cached ids, as after a restart.
    let before = world.count("GET", "/issues/1/comments");
    world.github().upsert_comment(&world.repo, number, "run-1", "second").await.unwrap();
    let ours = |comment: &&github_emulator::Comment| comment.author.login != "alice";
    let comments = world.emulator.comments(&world.emulated, number);
    let ours: Vec<_> = comments.iter().filter(ours).collect();
    assert_eq!(ours.len(), 1);
    assert!(ours[0].body.starts_with("second"));
    assert_eq!(
        world.count("GET", "/issues/1/comments"),
        before + 3,
        "the search starts at the end"
    );
}

#[tokio::test]
async fn concurrent_writes_of_one_comment_create_one_comment() {
    // spec: G7b
    let (world, github, number) = start().await;
    let writes = (0..10).map(|_| github.upsert_comment(&world.repo, number, "run-1", "hi"));
    futures_util::future::try_join_all(writes).await.unwrap();
    assert_eq!(world.emulator.comments(&world.emulated, number).len(), 1);
}

#[tokio::test]
async fn an_error_does_not_show_an_invalid_token_response() {
    // spec: G6c
    let (world, github, _) = start().await;
    let body = "{\"token\": \"ghs_hunter2\", \"expires_at\": \"tomorrow\"}";
    world.emulator.inject(Fault::on("POST", "/app/installations").body(
        201,
        "application/json",
        body,
    ));
    let error = github.repository(&world.repo).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_read_succeeds_after_three_failures() {
    // spec: G6b
    let (world, github, number) = start().await;
    github.repository(&world.repo).await.unwrap();
    for (what, fault) in [
        ("500", Fault::on("GET", ISSUES).status(500)),
        ("HTML with 502", Fault::on("GET", ISSUES).body(502, "text/html", "<h1>Unicorn!</h1>")),
        ("no answer", Fault::on("GET", ISSUES).cut()),
        ("half an answer", Fault::on("GET", ISSUES).cut_in_the_middle()),
    ] {
        let before = world.count("GET", "/issues/1");
        world.emulator.inject(fault.times(3));
        let issue = github.issue(&world.repo, number).await;
        assert_eq!(issue.expect(what).title, "Crash");
        assert_eq!(world.count("GET", "/issues/1"), before + 4, "{what}");
    }
}

#[tokio::test]
async fn a_write_that_fails_takes_effect_once() {
    // spec: G7a, G7b
    let (world, github, number) = start().await;
    for (n, (what, fault)) in [
        ("500 three times", Fault::on("POST", "*").status(500).times(3)),
        ("503 after the effect", Fault::on("POST", "*").status(503).after_the_effect()),
        ("cut before the effect", Fault::on("POST", "*").cut()),
        ("cut after the effect", Fault::on("POST", "*").cut().after_the_effect()),
        ("cut in the middle of the answer", Fault::on("POST", "*").cut_in_the_middle()),
        ("a garbled answer", Fault::on("POST", "*").body(201, "text/html", "<").after_the_effect()),
    ]
    .into_iter()
    .enumerate()
    {
        // The tokens are minted first, so that the fault applies to the write.
        for grant in [Grant::Discuss, Grant::Publish] {
            github.access(&world.repo, grant, SECOND).await.unwrap();
        }
        let (at_comments, at_pulls) = (format!("{ISSUES}/1/comments"), PULLS);
        let marker = format!("run-{n}");
        world.emulator.inject(fault.clone().at("POST", &at_comments));
        github.upsert_comment(&world.repo, number, &marker, "hi").await.expect(what);
        let ends = format!("<!-- ccc:{marker} -->");
        let comments = world.emulator.comments(&world.emulated, number);
        let made = comments.iter().filter(|comment| comment.body.ends_with(&ends)).count();
        assert_eq!(made, 1, "{what}");

        let new = world.pushed(&format!("claude/{n}")).await;
        world.emulator.inject(fault.at("POST", at_pulls));
        let pull = github.open_pull_request(&world.repo, &new).await.expect(what);
        let pulls = world.emulator.pull_requests(&world.emulated);
        let made: Vec<_> = pulls.iter().filter(|pull| pull.head == new.head.as_str()).collect();
        assert_eq!((made.len(), Some(made[0].number)), (1, pull.number), "{what}");
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_between_check_and_use_is_replaced() {
    // spec: G2a
    let (world, github, number) = start().await;
    github.access(&world.repo, Grant::Discuss, SECOND).await.unwrap();
    world.pass(SignedDuration::from_mins(5));
    world.emulator.revoke_tokens();
    github.upsert_comment(&world.repo, number, "run-1", "hi").await.unwrap();
    assert_eq!(world.emulator.comments(&world.emulated, number).len(), 1);
    world.emulator.fail_next("POST", ISSUES, 401, 1);
    github.upsert_comment(&world.repo, number, "run-2", "hi").await.unwrap();
    assert_eq!(world.emulator.comments(&world.emulated, number).len(), 2);
}

#[tokio::test]
async fn a_renamed_repository_can_be_used_by_its_old_name() {
    // spec: G8c
    let (world, github, number) = start().await;
    let new = world.pushed("claude/1").await;
    world.emulator.rename(&world.emulated, "renamed");
    // The client does not know the new name yet.
    github.upsert_comment(&world.repo, number, "run-1", "hi").await.unwrap();
    assert_eq!(github.issue(&world.repo, number).await.unwrap().title, "Crash");
    let pull = github.open_pull_request(&world.repo, &new).await.unwrap();
    assert!(pull.url.contains("/octo/renamed/pull/"), "{}", pull.url);
    assert_eq!(world.emulator.comments(&world.emulated, number).len(), 1);
    assert_eq!(world.emulator.pull_requests(&world.emulated).len(), 1);
    // The client knows the new name.
    github.repository(&world.repo).await.unwrap();
    let before = world.emulator.calls().len();
    github.issue(&world.repo, number).await.unwrap();
    let calls = world.emulator.calls();
    assert_eq!(calls.len(), before + 1, "there is no redirect");
    assert!(calls[before].path.starts_with("/repos/octo/renamed/"), "{}", calls[before].path);
}

#[tokio::test]
async fn a_transferred_repository_needs_the_app_at_its_new_owner() {
    // spec: G2c
    let (world, github, _) = start().await;
    world.emulator.transfer(&world.emulated, "acme");
    let words = "the GitHub App is not installed on octo/hello";
    check("not there", github.repository(&world.repo).await, ErrorKind::NotFound, words);
    let seed = world.dir.path().join("seed");
    world.emulator.add_repository("acme", "another", &seed).await.unwrap();
    let found = github.repository(&world.repo).await.unwrap();
    assert_eq!((found.repo.owner.as_str(), found.repo.id), ("acme", world.repo.id));
    let access = github.access(&world.repo, Grant::Read, SECOND).await.unwrap();
    assert!(access.clone_url.ends_with("/acme/hello.git"), "{}", access.clone_url);
}

#[tokio::test]
async fn writes_to_an_archived_repository_are_refused() {
    // spec: G7c
    let (world, github, number) = start().await;
    let new = world.pushed("claude/1").await;
    world.emulator.set_archived(&world.emulated, true);
    assert!(github.repository(&world.repo).await.unwrap().archived);
    let comment = github.upsert_comment(&world.repo, number, "run-1", "hi").await;
    check("comment", comment, ErrorKind::PermissionDenied, "octo/hello is archived");
    let pull = github.open_pull_request(&world.repo, &new).await;
    check("pull request", pull, ErrorKind::PermissionDenied, "octo/hello was archived");
}

#[tokio::test]
async fn a_deleted_repository_is_not_found() {
    // spec: G7c
    let (world, github, number) = start().await;
    github.repository(&world.repo).await.unwrap();
    world.emulator.delete_repository(&world.emulated);
    let words = "is not accessible";
    check("repository", github.repository(&world.repo).await, ErrorKind::NotFound, words);
    check("issue", github.issue(&world.repo, number).await, ErrorKind::NotFound, "does not exist");
    // A new client does not get a token.
    let fresh = world.github().repository(&world.repo).await;
    check("token", fresh, ErrorKind::NotFound, "or there is no such repository");
}

#[tokio::test]
async fn an_empty_repository_and_one_without_its_default_branch_are_read() {
    let (world, github, _) = start().await;
    let empty = repo_ref(&world.emulator.add_empty_repository("octo", "empty").await.unwrap());
    let found = github.repository(&empty).await.unwrap();
    assert_eq!((found.default_branch.as_str(), found.archived), ("main", false));
    assert_eq!(github.file_at_default_branch(&empty, "README.md").await.unwrap(), None);
    world.emulator.set_default_branch(&world.emulated, "gone");
    assert_eq!(github.repository(&world.repo).await.unwrap().default_branch, "gone");
    assert_eq!(github.file_at_default_branch(&world.repo, "README.md").await.unwrap(), None);
}

#[tokio::test]
async fn errors_say_why_an_issue_cannot_be_used() {
    // spec: G7c
    let (world, github, number) = start().await;
    let comment = async |number| github.upsert_comment(&world.repo, number, "run-1", "hi").await;
    world.emulator.set_issue_locked(&world.emulated, number, true);
    assert!(github.issue(&world.repo, number).await.unwrap().locked);
    let words = "issue #1 of octo/hello is locked: unlock";
    check("locked", comment(number).await, ErrorKind::PermissionDenied, words);
    world.emulator.set_issue_locked(&world.emulated, number, false);

    world.emulator.delete_issue(&world.emulated, number);
    let words = "issue #1 of octo/hello was deleted";
    check("deleted", github.issue(&world.repo, number).await, ErrorKind::NotFound, words);
    check("deleted", comment(number).await, ErrorKind::NotFound, words);
    let words = "issue #99 of octo/hello does not exist";
    check("never there", comment(99).await, ErrorKind::NotFound, words);
}

#[tokio::test]
async fn a_transferred_issue_is_not_followed_with_the_token() {
    // spec: G8c
    let (world, github, number) = start().await;
    let seed = world.dir.path().join("seed");
    let other = world.emulator.add_repository("octo", "other", &seed).await.unwrap();
    world.emulator.transfer_issue(&world.emulated, number, &other).unwrap();
    let words = "issue #1 of octo/hello was transferred to another repository";
    check("read", github.issue(&world.repo, number).await, ErrorKind::NotFound, words);
    let comment = github.upsert_comment(&world.repo, number, "run-1", "hi").await;
    check("write", comment, ErrorKind::NotFound, words);
    let asked = world.emulator.calls();
    let there = format!("/repositories/{}", other.id);
    assert!(asked.iter().all(|call| !call.path.starts_with(&there)), "{asked:#?}");
}

#[tokio::test]
async fn bodies_over_the_limit_are_cut() {
    // spec: X13b
    let (world, github, number) = start().await;
    let tail = "\n\n<!-- ccc:run-0 -->".chars().count();
    for (n, (length, whole)) in
        [(65_536 - tail, true), (65_536 - tail + 1, false), (1 << 20, false)]
            .into_iter()
            .enumerate()
    {
        let (text, marker) = ("ö".repeat(length), format!("run-{n}"));
        github.upsert_comment(&world.repo, number, &marker, &text).await.unwrap();
        let body = world.emulator.comments(&world.emulated, number)[n].body.clone();
        assert_eq!(body.chars().count(), 65_536, "{length}");
        assert_eq!(body.starts_with(&text), whole, "{length}");
        assert_eq!(body.contains("The end of this text is missing"), !whole, "{length}");

        let length = length + tail;
        let body = "ö".repeat(length);
        let new = NewPullRequest {
            title: "t".repeat(300),
            body: body.clone(),
            ..world.pushed(&format!("claude/{n}")).await
        };
        github.open_pull_request(&world.repo, &new).await.unwrap();
        let pull = world.emulator.pull_requests(&world.emulated)[n].clone();
        assert_eq!(pull.body.chars().count(), 65_536, "{length}");
        assert_eq!((pull.body == body, pull.title.len()), (whole, 256), "{length}");
    }
}

#[tokio::test]
async fn errors_say_why_a_pull_request_cannot_be_opened() {
    // spec: G7c
    let (world, github, _) = start().await;
    let new = world.pushed("claude/1").await;
    let open = async |new: &NewPullRequest| github.open_pull_request(&world.repo, new).await;
    let gone = NewPullRequest { base: "release".to_owned(), ..new.clone() };
    check(
        "base gone",
        open(&gone).await,
        ErrorKind::NotFound,
        "the base branch `release` no longer exists",
    );
    let itself = NewPullRequest { base: "claude/1".to_owned(), ..new.clone() };
    check("nothing new", open(&itself).await, ErrorKind::Conflict, "no pull request is needed");
    world.emulator.fail_next("POST", PULLS, 403, 1);
    let words = "`Pull requests: write`";
    check("no permission", open(&new).await, ErrorKind::PermissionDenied, words);
    world.emulator.delete_branch(&world.emulated, "claude/1").await.unwrap();
    check("head gone", open(&new).await, ErrorKind::NotFound, "`claude/1` no longer exists");
}

#[tokio::test]
async fn writes_are_a_second_apart_and_wait_for_rate_limits() {
    // spec: G5a, G5b
    let (world, github, number) = start().await;
    github.access(&world.repo, Grant::Discuss, SECOND).await.unwrap();
    let wait = Fault::on("POST", ISSUES).status(403).header("retry-after", "120");
    world.emulator.inject(wait);
    let writes = (0..4).map(|n| {
        let (github, repo, marker) = (&github, &world.repo, format!("run-{n}"));
        async move { github.upsert_comment(repo, number, &marker, "hi").await }
    });
    futures_util::future::try_join_all(writes).await.unwrap();
    let calls = world.emulator.calls();
    let asked = calls.iter().position(|call| call.status == Some(403)).unwrap();
    let quiet = calls[asked + 1].at.duration_since(calls[asked].at);
    assert!(quiet >= SignedDuration::from_secs(120), "{quiet}");
    let wrote = |call: &&Call| call.method == "POST" && call.path.ends_with("/comments");
    let times: Vec<_> = calls.iter().filter(wrote).collect();
    assert_eq!(times.len(), 5);
    for pair in times.windows(2) {
        let apart = pair[1].at.duration_since(pair[0].at);
        assert!(apart >= SignedDuration::from_millis(990), "{apart}");
    }
    assert_eq!(world.emulator.comments(&world.emulated, number).len(), 4);
}

#[tokio::test]
async fn an_exhausted_hourly_limit_is_waited_for_or_reported() {
    // spec: G5b
    let (world, github, number) = start().await;
    github.repository(&world.repo).await.unwrap();
    let reset = (world.clock_now() + SignedDuration::from_mins(5)).as_second().to_string();
    let used_up = |reset: &str| {
        let fault = Fault::on("GET", ISSUES).status(403).header("x-ratelimit-remaining", "0");
        fault.header("x-ratelimit-reset", reset)
    };
    world.emulator.inject(used_up(&reset));
    let before = world.clock_now();
    github.issue(&world.repo, number).await.unwrap();
    assert!(world.clock_now().duration_since(before) >= SignedDuration::from_secs(295));

    let reset = (world.clock_now() + SignedDuration::from_mins(50)).as_second().to_string();
    world.emulator.inject(used_up(&reset));
    let calls = world.emulator.calls().len();
    for _ in 0..2 {
        let error = github.issue(&world.repo, number).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().unwrap() > 45 * 60 * SECOND, "{error}");
    }
    assert_eq!(world.emulator.calls().len(), calls + 1, "the second call was not sent");
}

#[tokio::test]
async fn answers_to_refused_accounts_are_limited_separately_and_written_once() {
    // spec: G5d, W11d
    let (world, github, number) = start().await;
    let answer = async |github: &GitHub, n: usize, body: &str| {
        github.answer_refused(&world.repo, number, &format!("refused-{n}"), body).await
    };
    let mut written = 0;
    for n in 0..30 {
        match answer(&github, n, "first").await {
            Ok(()) => written += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}"),
        }
    }
    assert_eq!(written, 20);
    github.upsert_comment(&world.repo, number, "run-1", "hi").await.unwrap();
    // A repeated answer writes nothing, also after a restart and without a place in the budget.
    answer(&github, 0, "second").await.unwrap();
    answer(&world.github(), 1, "second").await.unwrap();
    let comments = world.emulator.comments(&world.emulated, number);
    assert_eq!(comments.len(), 21);
    assert!(comments.iter().all(|comment| !comment.body.contains("second")), "{comments:?}");
    let bad = github.answer_refused(&world.repo, number, "a b", "x").await.unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_two_reasons_of_the_status_410_are_told_apart() {
    // spec: G7c
    let (world, github, number) = start().await;
    for (message, kind, words) in [
        ("This issue was deleted", ErrorKind::NotFound, "was deleted"),
        ("Issues are disabled for this repo", ErrorKind::PermissionDenied, "enable them"),
        (
            "Issues has been disabled in this repository.",
            ErrorKind::PermissionDenied,
            "enable them",
        ),
    ] {
        let body = format!("{{\"message\":\"{message}\"}}");
        world.emulator.inject(Fault::on("GET", ISSUES).body(410, "application/json", &body));
        check(message, github.issue(&world.repo, number).await, kind, words);
    }
}
