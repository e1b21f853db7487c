//! Tests of the calls that a check of an actor's permission costs.

use std::time::Duration;

use ccc_core::VcsHost as _;
use ccc_core::event::{Actor, ActorKind};
use ccc_core::vcs::{Grant, Permission};
use jiff::SignedDuration;

use crate::common::{World, world, world_with};

const MINUTE: Duration = Duration::from_secs(60);

fn alice(world: &World) -> Actor {
    let id = world.emulator.add_user("alice", github_emulator::ActorKind::User).id;
    Actor { id, login: "alice".to_owned(), kind: ActorKind::User }
}

/// Returns the number of tokens that were requested, and of those that were revoked.
fn tokens(world: &World) -> (usize, usize) {
    let revoked = world.emulator.tokens().iter().filter(|token| token.revoked).count();
    (world.count("POST", "/access_tokens"), revoked)
}

#[tokio::test]
async fn checks_of_permissions_share_one_token_until_it_is_unused() {
    // spec: G1g
    let world = world().await;
    let (github, actor) = (world.github(), alice(&world));
    for _ in 0..50 {
        let permission = github.permission(&world.repo, &actor).await.unwrap();
        assert_eq!(permission, Permission::Read);
        github.revoke_unused().await;
        world.pass(SignedDuration::from_mins(1));
    }
    assert_eq!(tokens(&world), (1, 0));
    assert_eq!(world.count("GET", "/permission"), 50);
    world.pass(SignedDuration::from_mins(13));
    // A token that expires in less than five minutes is replaced. The former token is revoked when
    // neither of them was used for 15 minutes.
    github.permission(&world.repo, &actor).await.unwrap();
    world.pass(SignedDuration::from_mins(14));
    github.revoke_unused().await;
    assert_eq!(tokens(&world).0, 2);
    assert!(!world.emulator.tokens()[1].revoked);
    world.pass(SignedDuration::from_mins(1));
    github.revoke_unused().await;
    assert!(world.emulator.tokens()[1].revoked);
}

#[tokio::test]
async fn an_unused_token_is_not_revoked_while_a_run_has_leased_it() {
    // spec: G1g
    let world = world().await;
    let github = world.github();
    let leased = github.access(&world.repo, Grant::Discuss, MINUTE).await.unwrap();
    github.permission(&world.repo, &alice(&world)).await.unwrap();
    world.pass(SignedDuration::from_mins(20));
    github.revoke_unused().await;
    assert_eq!(tokens(&world), (2, 0));
    github.release(leased).await.unwrap();
    assert_eq!(tokens(&world), (2, 2));
    // When the service ends, the tokens of checks are revoked without a wait.
    github.permission(&world.repo, &alice(&world)).await.unwrap();
    assert_eq!(tokens(&world), (3, 2));
    github.revoke_idle().await;
    assert_eq!(tokens(&world), (3, 3));
}

#[tokio::test]
async fn the_remaining_requests_of_an_installation_are_known_until_the_hour_ends() {
    // spec: W11f
    let world = world_with(|config| config.rate_limit = 100).await;
    let (github, actor) = (world.github(), alice(&world));
    assert_eq!(github.request_quota(&world.repo), None, "nothing is known before a response");
    let mut remaining = Vec::new();
    for _ in 0..85 {
        github.permission(&world.repo, &actor).await.unwrap();
        remaining.push(github.request_quota(&world.repo).unwrap());
    }
    assert!(remaining.windows(2).all(|pair| pair[0].remaining == pair[1].remaining + 1));
    assert!(!remaining[0].is_low() && remaining[84].is_low(), "{remaining:?}");
    assert_eq!(remaining[84].limit, 100);
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(github.request_quota(&world.repo), None);
}
