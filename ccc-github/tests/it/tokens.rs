//! Tests of installation tokens: their number, permissions and lifetime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::vcs::Grant;
use ccc_core::{Clock as _, ErrorKind, Secret, VcsHost as _};
use ccc_github::{AppKey, GitHub};
use github_emulator::Fault;
use jiff::SignedDuration;

use crate::common::{Skewed, git, world};
use crate::emulated::{repo_ref, secret};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn each_token_is_for_one_repository_and_the_permissions_of_its_grant() {
    // spec: G1a, G4
    let world = world().await;
    let github = world.github();
    for grant in [Grant::Read, Grant::Discuss, Grant::Publish] {
        let access = github.access(&world.repo, grant, MINUTE).await.unwrap();
        assert_eq!(access.clone_url, world.emulator.git_url(&world.emulated));
        let token = access.token.clone().unwrap();
        let shown = format!("{access:?} {github:?}");
        assert!(!shown.contains(token.expose_str().unwrap()), "{shown}");
    }
    let power: Vec<_> = world.emulator.tokens().iter().map(|t| t.permissions.clone()).collect();
    let map = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
        all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    assert_eq!(
        power,
        [
            map(&[("contents", "read"), ("issues", "read"), ("metadata", "read")]),
            map(&[("issues", "write"), ("metadata", "read")]),
            map(&[("contents", "write"), ("metadata", "read"), ("pull_requests", "write")]),
        ]
    );
    for token in world.emulator.tokens() {
        assert_eq!(token.repositories, Some(vec![world.repo.id]));
    }
}

#[tokio::test]
async fn a_token_of_one_repository_is_never_used_for_another() {
    // spec: G1a
    let world = world().await;
    let seed = world.dir.path().join("seed");
    let other = repo_ref(&world.emulator.add_repository("octo", "other", &seed).await.unwrap());
    let github = world.github();
    let a = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    let b = github.access(&other, Grant::Read, MINUTE).await.unwrap();
    assert_ne!(a.token.unwrap().expose(), b.token.unwrap().expose());
    let scopes: Vec<_> = world.emulator.tokens().into_iter().map(|t| t.repositories).collect();
    assert_eq!(scopes, [Some(vec![world.repo.id]), Some(vec![other.id])]);
}

#[tokio::test]
async fn many_callers_mint_once_and_the_last_release_revokes() {
    // spec: G1b, G1c
    let world = world().await;
    let github = world.github();
    let asks = (0..50).map(|_| github.access(&world.repo, Grant::Publish, MINUTE));
    let all = futures_util::future::try_join_all(asks).await.unwrap();
    assert_eq!(world.count("POST", "/access_tokens"), 1);
    let last = all[0].clone();
    for access in all.into_iter().skip(1) {
        github.release(access).await.unwrap();
    }
    assert!(!world.emulator.tokens()[0].revoked, "the token is still leased");
    github.release(last.clone()).await.unwrap();
    assert!(world.emulator.tokens()[0].revoked);
    github.release(last).await.unwrap();
    let fresh = github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), 2);
    github.release(fresh).await.unwrap();
}

#[tokio::test]
async fn a_failed_mint_is_reported_to_all_waiting_callers_and_not_cached() {
    // spec: G1c
    let world = world().await;
    let github = world.github();
    // The first call finds the installation, so that the failures below are failures of the mint.
    github.repository(&world.repo).await.unwrap();
    let before = world.count("POST", "/access_tokens");
    world.emulator.fail_next("POST", "/app/installations", 422, 1);
    let asks = (0..20).map(|_| github.access(&world.repo, Grant::Publish, MINUTE));
    let all = futures_util::future::join_all(asks).await;
    assert_eq!(world.count("POST", "/access_tokens"), before + 1);
    for failed in all {
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
}

#[tokio::test]
async fn a_thousand_callers_with_an_expired_token_make_one_mint() {
    // spec: G1c
    let world = world().await;
    let github = world.github();
    let old = github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    world.pass(SignedDuration::from_mins(59));
    let asks = (0..1_000).map(|_| github.access(&world.repo, Grant::Publish, MINUTE));
    let all = futures_util::future::try_join_all(asks).await.unwrap();
    assert_eq!(world.count("POST", "/access_tokens"), 2);
    assert_eq!(world.count("GET", "/installation"), 1);
    let new = all[0].token.as_ref().unwrap().expose();
    assert!(all.iter().all(|access| access.token.as_ref().unwrap().expose() == new));
    assert_ne!(old.token.unwrap().expose(), new);
}

#[tokio::test]
async fn a_run_that_outlasts_its_first_token_can_push() {
    // spec: G1b
    let world = world().await;
    let github = world.github();
    let early = github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    world.pass(SignedDuration::from_hours(2));
    let work = world.dir.path().join("work");
    let url = early.clone_url.clone();
    assert!(git(world.dir.path(), None, &["clone", "-q", &url, "work"]).await.status.success());
    git(&work, None, &["commit", "-q", "--allow-empty", "-m", "late"]).await;
    let push = ["push", "-q", "origin", "HEAD:refs/heads/claude/late"];
    assert!(
        !git(&work, early.authorization.as_ref(), &push).await.status.success(),
        "the first token has expired"
    );
    let late = github.access(&world.repo, Grant::Publish, 10 * MINUTE).await.unwrap();
    assert!(git(&work, late.authorization.as_ref(), &push).await.status.success());
}

#[tokio::test]
async fn tokens_of_api_calls_are_revoked_with_the_last_release() {
    // spec: G1a
    let world = world().await;
    let github = world.github();
    github.repository(&world.repo).await.unwrap();
    github.repository(&world.repo).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), 1, "the token is cached between calls");
    let publish = github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    github.release(publish).await.unwrap();
    assert!(world.emulator.tokens().iter().all(|token| token.revoked));
    github.repository(&world.repo).await.unwrap();
}

#[tokio::test]
async fn a_token_that_expires_too_early_is_replaced_and_revoked_after_its_lease() {
    // spec: G1b
    let world = world().await;
    let github = world.github();
    let old = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    world.pass(SignedDuration::from_mins(50));
    let new = github.access(&world.repo, Grant::Read, 30 * MINUTE).await.unwrap();
    assert_ne!(old.token.as_ref().unwrap().expose(), new.token.as_ref().unwrap().expose());
    assert!(!world.emulator.tokens()[0].revoked, "the old token is still leased");
    github.release(old).await.unwrap();
    assert!(world.emulator.tokens()[0].revoked);
    assert!(!world.emulator.tokens()[1].revoked);
    let error = github.access(&world.repo, Grant::Read, 120 * MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_token_with_too_many_permissions_is_refused_and_revoked() {
    // spec: G4
    let world = world().await;
    let github = world.github();
    world.emulator.grant_too_much(true);
    let error = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("administration: write"), "{error}");
    assert!(world.emulator.tokens()[0].revoked);
    assert!(github.repository(&world.repo).await.is_err());
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    // spec: G2a
    let world = world().await;
    let github = world.github();
    github.repository(&world.repo).await.unwrap();
    world.pass(SignedDuration::from_mins(5));
    let number = world.emulator.open_issue(&world.emulated, "alice", "t", "b").await.unwrap();
    // The token becomes invalid between its check and its use.
    world.emulator.revoke_tokens();
    github.issue(&world.repo, number).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), 2);

    world.pass(SignedDuration::from_mins(5));
    world.emulator.fail_next("GET", "/repos/octo/hello/issues", 401, 99);
    let error = github.issue(&world.repo, number).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(world.emulator.tokens().len(), 3, "a second 401 is final");
}

#[tokio::test]
async fn calls_with_a_new_token_are_repeated_after_a_401() {
    // spec: G2b
    let world = world().await;
    let github = world.github();
    let number = world.emulator.open_issue(&world.emulated, "alice", "t", "b").await.unwrap();
    world.emulator.fail_next("GET", "/repos/octo/hello/issues", 401, 3);
    let before = world.clock.now();
    github.issue(&world.repo, number).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), 1, "the same token is accepted later");
    let waited = world.clock.now().duration_since(before);
    assert!(waited >= SignedDuration::from_secs(1 + 2 + 4), "{waited}");
}

#[tokio::test]
async fn an_installation_with_a_changed_id_is_found_again() {
    // spec: G2c
    let world = world().await;
    let github = world.github();
    let read = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    github.access(&world.repo, Grant::Discuss, MINUTE).await.unwrap();
    world.pass(SignedDuration::from_mins(5));
    world.emulator.reinstall("octo");
    github.repository(&world.repo).await.unwrap();
    assert_eq!(world.count("GET", "/installation"), 2);
    // The token of the other grant belongs to the former installation, and is not leased again.
    let minted = world.emulator.tokens().len();
    github.access(&world.repo, Grant::Discuss, MINUTE).await.unwrap();
    assert_eq!(world.emulator.tokens().len(), minted + 1);
    github.release(read).await.unwrap();
}

#[tokio::test]
async fn uninstalled_and_suspended_installations_have_their_own_errors() {
    // spec: G2c
    let world = world().await;
    let github = world.github();
    github.repository(&world.repo).await.unwrap();
    let fails = async |github: &GitHub| {
        let error = github.repository(&world.repo).await.unwrap_err();
        (error.kind(), error.to_string())
    };
    world.pass(SignedDuration::from_mins(5));
    world.emulator.set_suspended("octo", true);
    for github in [&github, &world.github()] {
        let (kind, line) = fails(github).await;
        assert_eq!(kind, ErrorKind::PermissionDenied);
        assert!(line.contains("the GitHub App is suspended on octo"), "{line}");
    }
    let asked = world.count("POST", "/access_tokens");
    fails(&world.github()).await;
    assert_eq!(
        world.count("POST", "/access_tokens"),
        asked,
        "no token is requested for a suspended installation"
    );
    world.emulator.set_suspended("octo", false);
    github.repository(&world.repo).await.unwrap();
    world.emulator.uninstall("octo");
    let (kind, line) = fails(&github).await;
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(line.contains("not installed on octo/hello"), "{line}");
    world.emulator.reinstall("octo");
    github.repository(&world.repo).await.unwrap();
}

#[tokio::test]
async fn apps_and_hosts_are_independent() {
    // spec: G1e
    let (world, other) = (world().await, world().await);
    let second = world.emulator.add_app("second", "octo").await.unwrap();
    let key = AppKey::from_pem(&secret(&second.private_key)).unwrap();
    let clock = Arc::<Skewed>::clone(&world.clock);
    let second = GitHub::builder(second.id, key, clock).api_url(world.emulator.api_url());
    let hosts = [world.github(), second.build().unwrap(), other.github()];
    // The repositories have the same id on both hosts.
    assert_eq!(world.repo.id, other.repo.id);
    let mut tokens = Vec::new();
    for (github, repo) in hosts.iter().zip([&world.repo, &world.repo, &other.repo]) {
        for _ in 0..2 {
            let access = github.access(repo, Grant::Read, MINUTE).await.unwrap();
            tokens.push(access.token.unwrap().expose().to_vec());
        }
    }
    assert!(tokens[0] == tokens[1] && tokens[2] == tokens[3] && tokens[4] == tokens[5]);
    assert!(tokens[0] != tokens[2] && tokens[2] != tokens[4] && tokens[0] != tokens[4]);
    let apps: Vec<_> = world.emulator.tokens().iter().map(|token| token.app).collect();
    assert_eq!(apps.len(), 2);
    assert_ne!(apps[0], apps[1]);
    assert_eq!(other.emulator.tokens().len(), 1);
    let error = hosts[2].access(&world.repo, Grant::Read, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "another host's repository");
}

#[tokio::test]
async fn clocks_may_differ_by_a_day() {
    // spec: G3
    for hours in [24, -24] {
        let world = world().await;
        let clock = Arc::new(Skewed::default());
        clock.set(SignedDuration::from_hours(hours));
        let github = world.github_with(Arc::<Skewed>::clone(&clock));
        let access = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
        let left = access.expires_at.unwrap() - ccc_core::Clock::now(clock.as_ref());
        let left = left.total(jiff::Unit::Minute).unwrap();
        assert!((58.0..62.0).contains(&left), "an hour by the local clock, not {left} min");
        github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
        assert_eq!(world.emulator.tokens().len(), 1);
    }
}

#[tokio::test]
async fn errors_say_what_the_operator_must_fix() {
    // spec: G2c
    let world = world().await;
    world.emulator.set_installed(&world.emulated, false);
    let error = world.github().repository(&world.repo).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains(
            "not installed on octo/hello, or there is no such repository: install the App"
        ),
        "{error}"
    );

    let key = AppKey::from_pem(&world.private_key()).unwrap();
    let github = |app: u64, url: &str| {
        let clock = Arc::<Skewed>::clone(&world.clock);
        GitHub::builder(app, key.clone(), clock).api_url(url).build().unwrap()
    };
    let error = github(1, world.emulator.api_url()).bot_identity().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(
        error.to_string().contains("check that the configured private key belongs to App ID 1,"),
        "{error}"
    );

    let error = github(1, "http://127.0.0.1:1").bot_identity().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot reach 127.0.0.1:1"), "{error}");
    assert!(AppKey::from_pem(&Secret::from("x")).is_err());
}

#[tokio::test]
async fn a_release_during_a_call_does_not_revoke_the_calls_token() {
    // spec: G1b
    let world = world().await;
    let github = Arc::new(world.github());
    let number = world.emulator.open_issue(&world.emulated, "alice", "t", "b").await.unwrap();
    let access = github.access(&world.repo, Grant::Publish, MINUTE).await.unwrap();
    github.repository(&world.repo).await.unwrap();
    let late = Fault::on("GET", "/repos/octo/hello/issues").delay(Duration::from_millis(300));
    world.emulator.inject(late);
    let release = async {
        while world.count("GET", "/issues/1") == 0 {
            tokio::task::yield_now().await;
        }
        github.release(access).await.unwrap();
    };
    let (issue, ()) = tokio::join!(github.issue(&world.repo, number), release);
    issue.unwrap();
    let ended: Vec<_> = world.emulator.tokens().iter().map(|token| token.revoked).collect();
    assert_eq!(ended, [true, false], "the token of the call stays valid");
    let calls = world.emulator.calls();
    assert!(calls.iter().all(|call| call.status != Some(401)), "{calls:#?}");
}

#[tokio::test]
async fn a_token_whose_revocation_is_rate_limited_is_used_again() {
    // spec: G1b, G5b
    let world = world().await;
    let github = world.github();
    let access = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    let limit =
        Fault::on("GET", "/repos/octo/hello/issues").status(403).header("retry-after", "3000");
    world.emulator.inject(limit);
    github.issue(&world.repo, 1).await.unwrap_err();
    let before = world.clock.now();
    let error = github.release(access.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    assert_eq!(
        world.count("DELETE", "/installation/token"),
        0,
        "no request is sent in the meantime"
    );
    assert!(
        world.clock.now().duration_since(before) < SignedDuration::from_secs(5),
        "the release does not wait"
    );
    let again = github.access(&world.repo, Grant::Read, MINUTE).await.unwrap();
    assert_eq!(access.token.unwrap().expose(), again.token.as_ref().unwrap().expose());
    world.pass(SignedDuration::from_mins(51));
    github.release(again).await.unwrap();
    assert!(world.emulator.tokens()[0].revoked);
}

#[tokio::test]
async fn a_call_is_repeated_only_once_if_the_hosts_clocks_disagree() {
    // spec: G3
    let world = world().await;
    let github = world.github();
    for (n, minutes) in [10, -10, 10, -10].into_iter().enumerate() {
        let then = world.clock.now() + SignedDuration::from_mins(minutes);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then);
        let fault = Fault::on("GET", "/app").status(401).header("date", &date.unwrap());
        world.emulator.inject(fault.times(if n == 3 { 9 } else { 1 }));
    }
    assert!(github.bot_identity().await.is_err());
    assert_eq!(world.count("GET", "/app"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_leased_token_is_revoked() {
    // spec: G1b
    let world = Arc::new(world().await);
    let github = Arc::new(world.github());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (world, github) = (Arc::clone(&world), Arc::clone(&github));
        tasks.spawn(async move {
            for _ in 0..40 {
                let grant = [Grant::Read, Grant::Publish][n % 2];
                let access = github.access(&world.repo, grant, MINUTE).await.unwrap();
                github.repository(&world.repo).await.unwrap();
                let listed = git_refs(&access).await;
                assert!(listed, "a leased token was refused");
                github.release(access).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let calls = world.emulator.calls();
    assert_eq!(calls.iter().filter(|call| call.status == Some(401)).count(), 0);
    assert!(
        world.emulator.tokens().iter().all(|token| token.revoked),
        "a token was not revoked at the end"
    );
}

/// Returns whether git's first request for the repository succeeds with the token.
async fn git_refs(access: &ccc_core::vcs::Access) -> bool {
    use ccc_github::http::Http as _;
    let url = format!("{}/info/refs?service=git-upload-pack", access.clone_url);
    let authorization = access.authorization.as_ref().unwrap().expose_str().unwrap();
    let request = http::Request::get(url).header("authorization", authorization);
    let http = ccc_github::http::ReqwestHttp::direct().unwrap();
    let answer = http.send(request.body(bytes::Bytes::new()).unwrap()).await.unwrap();
    answer.status().is_success()
}
