//! What every VCS host must do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use super::refused;
use crate::ErrorKind;
use crate::event::{Actor, ActorKind};
use crate::vcs::{Grant, Permission};

mod fixture;
mod writes;

pub use fixture::Fixture;
pub use writes::*;

/// Makes a test of every case for VCS hosts. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! vcs_host_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            vcs_host,
            $make,
            [
                a_writer_may_write_and_a_stranger_may_not,
                an_account_that_is_not_there_may_nothing,
                a_login_that_changed_hands_may_nothing,
                the_repository_is_as_it_is_now,
                what_is_not_there_is_not_found,
                the_issue_is_as_it_is_now,
                a_file_is_read_and_a_missing_one_is_none,
                who_we_are_stays_the_same,
                every_grant_has_a_token_of_its_own,
                releasing_twice_is_ok_and_leaves_other_tokens_alone,
                a_reaction_can_be_repeated,
                a_comment_is_changed_and_not_repeated,
                markers_are_told_apart,
                comments_are_those_before_a_moment,
                a_pull_request_is_opened_once,
                missed_deliveries_are_told_or_unsupported,
            ]
        );
    };
}

/// By the levels that the port knows.
pub async fn a_writer_may_write_and_a_stranger_may_not(fixture: &Fixture) {
    let writer = fixture.host.permission(&fixture.repo, &fixture.writer).await.unwrap();
    assert!(writer >= Permission::Write, "the writer may {writer:?}");
    let stranger = fixture.host.permission(&fixture.repo, &fixture.stranger).await.unwrap();
    assert!(stranger < Permission::Write, "the stranger may {stranger:?}");
}

/// An answer and not an error.
pub async fn an_account_that_is_not_there_may_nothing(fixture: &Fixture) {
    let nobody = Actor {
        id: fixture.writer.id + 1_000_003,
        login: "an-account-that-is-not-there".to_owned(),
        kind: ActorKind::User,
    };
    let permission = fixture.host.permission(&fixture.repo, &nobody).await.unwrap();
    assert_eq!(permission, Permission::None);
}

/// The account is its number: whoever took over a writer's login is somebody else.
pub async fn a_login_that_changed_hands_may_nothing(fixture: &Fixture) {
    let other = Actor { id: fixture.writer.id + 1_000_003, ..fixture.writer.clone() };
    let permission = fixture.host.permission(&fixture.repo, &other).await.unwrap();
    assert_eq!(permission, Permission::None, "a login is no proof");
}

/// Its number, its branch, and that it can be pushed to.
pub async fn the_repository_is_as_it_is_now(fixture: &Fixture) {
    let found = fixture.host.repository(&fixture.repo).await.unwrap();
    assert_eq!((found.repo.id, &found.repo.host), (fixture.repo.id, &fixture.repo.host));
    assert!(!found.default_branch.is_empty() && !found.archived, "{found:?}");
    assert_eq!(fixture.host.repository(&fixture.repo).await.unwrap(), found);
    assert!(!fixture.host.name().is_empty());
}

/// Repository and issue, and no token for a repository that is not there.
pub async fn what_is_not_there_is_not_found(fixture: &Fixture) {
    let (host, unknown) = (&fixture.host, fixture.unknown_repo());
    refused("repository", ErrorKind::NotFound, host.repository(&unknown).await);
    refused("issue", ErrorKind::NotFound, host.issue(&unknown, fixture.issue).await);
    for grant in [Grant::Read, Grant::Discuss, Grant::Publish] {
        let access = host.access(&unknown, grant, Duration::from_secs(60)).await;
        refused("access", ErrorKind::NotFound, access);
    }
    let number = fixture.issue + 1_000_003;
    refused("issue", ErrorKind::NotFound, host.issue(&fixture.repo, number).await);
}

/// Open, and an issue.
pub async fn the_issue_is_as_it_is_now(fixture: &Fixture) {
    let issue = fixture.host.issue(&fixture.repo, fixture.issue).await.unwrap();
    assert_eq!(issue.number, fixture.issue);
    assert!(issue.open && !issue.locked && !issue.is_pull_request, "{issue:?}");
    assert!(!issue.title.is_empty() && !issue.author.login.is_empty(), "{issue:?}");
}

/// The bytes as they are; absent is no error.
pub async fn a_file_is_read_and_a_missing_one_is_none(fixture: &Fixture) {
    let (path, content) = &fixture.file;
    let read = async |path| fixture.host.file_at_default_branch(&fixture.repo, path).await.unwrap();
    assert_eq!(read(path).await.as_ref(), Some(content));
    for missing in ["a-file-that-is-not-there", "no/such/directory/file.txt"] {
        assert_eq!(read(missing).await, None, "{missing}");
    }
}

/// With an address for commits.
pub async fn who_we_are_stays_the_same(fixture: &Fixture) {
    let us = fixture.host.bot_identity().await.unwrap();
    assert!(!us.login.is_empty() && us.email.contains('@'), "{us:?}");
    assert_eq!(fixture.host.bot_identity().await.unwrap(), us);
}
