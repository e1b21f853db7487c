//! Conformance cases for run stores: the order of claims, and the limits of unchecked runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use super::fixture::{Fixture, WITHIN_LEASE, by, comment};
use crate::run::{ActorCheck, Outcome};
use crate::run_store::{MAX_PENDING_PER_ACTOR, MAX_PENDING_PER_REPOSITORY};
use crate::testing::conformance::assert_fails_with;
use crate::{ErrorKind, IssueEvent};

/// Returns a comment on issue `issue` of repository `repo` by the account `actor`.
fn request(actor: u64, repo: u64, issue: u64) -> IssueEvent {
    let mut event = by(actor, comment(issue, issue));
    event.repo.id = repo;
    event
}

/// Claims all runs of the store, one after the other, and ends each of them. Returns the numbers of
/// their issues.
async fn claimed_issues(fixture: &Fixture) -> Vec<u64> {
    let mut issues = Vec::new();
    while let Some(claim) = fixture.claim().await {
        let outcome = Outcome::Answered { answer: String::new() };
        let run = claim.record.run;
        fixture.store.finish(run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
        issues.push(claim.record.event.issue.number);
    }
    issues
}

/// Checks that many waiting runs of one actor do not delay the runs of other actors, or the same
/// actor's runs in other repositories, by more than one run each.
pub async fn actors_and_repositories_take_turns(fixture: &Fixture) {
    // spec: Q2f
    for issue in 1..=20 {
        fixture.accept(&format!("many-{issue}"), &request(10, 7, issue)).await;
    }
    fixture.accept("other-actor", &request(20, 7, 101)).await;
    fixture.accept("other-repository", &request(10, 8, 102)).await;
    fixture.accept("other-actor-again", &request(20, 7, 103)).await;
    let issues = claimed_issues(fixture).await;
    let expected = [1, 101, 102];
    assert_eq!(issues[..3], expected, "`claim` must return a run of each requester: {issues:?}");
    let place = issues.iter().position(|issue| *issue == 103).unwrap();
    let rule = "`claim` must return the second run of a requester after at most one run of each \
                other requester";
    assert!(place <= 4, "{rule}: {issues:?}");
    let many: Vec<u64> = issues.iter().copied().filter(|issue| *issue <= 20).collect();
    let oldest_first: Vec<u64> = (1..=20).collect();
    assert_eq!(many, oldest_first, "`claim` must return a requester's oldest run first");
}

/// Checks that runs whose actor may start runs are claimed before older runs whose actor was not
/// checked.
pub async fn runs_of_permitted_actors_are_claimed_first(fixture: &Fixture) {
    // spec: Q2f
    for (n, actor) in (1..).zip([10, 20, 30]) {
        let event = request(actor, 7, n);
        let accepted = fixture.accept_unchecked(&format!("unchecked-{n}"), &event).await;
        let run = accepted.expect("`accept` must succeed").run;
        let check = fixture.record(run).await.actor_check;
        assert_eq!(check, ActorCheck::Pending, "`accept` must store the check that was passed");
    }
    for issue in 11..=13 {
        fixture.accept(&format!("permitted-{issue}"), &request(40, 7, issue)).await;
    }
    let issues = claimed_issues(fixture).await;
    let expected = [11, 12, 13, 1, 2, 3];
    assert_eq!(issues, expected, "`claim` must return the runs of permitted actors first");
}

/// Checks that `accept` refuses further runs of an actor with [`ErrorKind::LimitExceeded`] once the
/// actor has [`MAX_PENDING_PER_ACTOR`] unfinished runs without a check. Duplicates, checked runs,
/// and runs of other actors must still be accepted.
pub async fn unchecked_runs_of_an_actor_are_limited(fixture: &Fixture) {
    // spec: W11e
    let most = MAX_PENDING_PER_ACTOR as u64;
    for issue in 1..=most {
        // The limit applies to all repositories together.
        let event = request(10, issue % 3, issue);
        let accepted = fixture.accept_unchecked(&format!("unchecked-{issue}"), &event).await;
        accepted.expect("`accept` must succeed below the limit");
    }
    for issue in [100, 101] {
        let refused = fixture.accept_unchecked(&issue.to_string(), &request(10, 7, issue)).await;
        let call = "`accept` of an unchecked run above the actor's limit";
        assert_fails_with(call, ErrorKind::LimitExceeded, refused);
    }
    assert_eq!(fixture.list().await.len() as u64, most, "a refused `accept` must not create a run");
    let again = fixture.accept_unchecked("unchecked-1", &request(10, 1, 1)).await;
    let again = again.expect("`accept` of a known delivery must succeed above the limit");
    assert!(again.duplicate, "`accept` must report a known delivery as a duplicate");
    fixture.accept("checked", &request(10, 7, 200)).await;
    let other = fixture.accept_unchecked("other", &request(20, 7, 201)).await;
    other.expect("`accept` must succeed for another actor");
    // One run of the actor ends, and makes room for one run.
    assert_eq!(
        claimed_issues(fixture).await.len() as u64,
        most + 2,
        "`claim` must return all runs"
    );
    let accepted = fixture.accept_unchecked("after", &request(10, 7, 202)).await;
    accepted.expect("`accept` must succeed after the actor's runs have ended");
}

/// Checks that `accept` refuses further runs of a repository with [`ErrorKind::Unavailable`] once
/// the repository has [`MAX_PENDING_PER_REPOSITORY`] unfinished runs without a check. Checked runs,
/// and runs of other repositories, must still be accepted.
pub async fn unchecked_runs_of_a_repository_are_limited(fixture: &Fixture) {
    // spec: W11e
    for issue in 1..=MAX_PENDING_PER_REPOSITORY as u64 {
        let event = request(1_000 + issue, 7, issue);
        let accepted = fixture.accept_unchecked(&format!("unchecked-{issue}"), &event).await;
        accepted.expect("`accept` must succeed below the limit");
    }
    let refused = fixture.accept_unchecked("one-more", &request(10, 7, 500)).await;
    let call = "`accept` of an unchecked run above the repository's limit";
    assert_fails_with(call, ErrorKind::Unavailable, refused);
    fixture.accept("checked", &request(10, 7, 501)).await;
    let other = fixture.accept_unchecked("other", &request(10, 8, 502)).await;
    other.expect("`accept` must succeed for another repository");
}

/// Checks that a few actors cannot use all places of a repository for runs without a check. Each of
/// `actors` requests runs until `accept` refuses. Afterwards `accept` must still succeed for another
/// actor in the same repository, and the refusals must have been [`ErrorKind::Unavailable`] or
/// [`ErrorKind::LimitExceeded`].
pub async fn a_few_actors_do_not_use_all_unchecked_runs_of_a_repository(fixture: &Fixture) {
    // spec: W11e
    let (mut issue, mut used) = (0, Vec::new());
    for actor in 1_000..1_025 {
        let mut accepted = 0;
        loop {
            issue += 1;
            let event = request(actor, 7, issue);
            match fixture.accept_unchecked(&format!("flood-{issue}"), &event).await {
                Ok(_) => accepted += 1,
                Err(error) => {
                    let kinds = [ErrorKind::Unavailable, ErrorKind::LimitExceeded];
                    assert!(kinds.contains(&error.kind()), "`accept` failed with {error:?}");
                    break;
                }
            }
        }
        used.push(accepted);
    }
    assert_eq!(used[0], MAX_PENDING_PER_ACTOR, "`accept` must accept the runs of a single actor");
    assert!(
        used.is_sorted_by(|a, b| a >= b),
        "a later actor must not get a larger share: {used:?}"
    );
    let total: usize = used.iter().sum();
    assert!(total < MAX_PENDING_PER_REPOSITORY, "25 actors must not use all places: {used:?}");
    let other = fixture.accept_unchecked("other", &request(10, 7, 5_000)).await;
    other.expect("`accept` must succeed for an actor without a run");
    let other = fixture.accept_unchecked("elsewhere", &request(1_024, 8, 5_001)).await;
    other.expect("`accept` must succeed in another repository");
    fixture.accept("checked", &request(1_000, 7, 5_002)).await;
}
