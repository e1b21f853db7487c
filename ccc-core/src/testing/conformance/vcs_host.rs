//! Conformance cases for VCS hosts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use super::assert_fails_with;
use crate::ErrorKind;
use crate::event::{Actor, ActorKind};
use crate::vcs::{Grant, Permission};

mod fixture;
mod writes;

pub use fixture::Fixture;
pub use writes::*;

/// Generates one test for each conformance case of the VCS host port. The macro's argument is a
/// function that returns a future. The future creates a new
/// [fixture](crate::testing::conformance::vcs_host::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! vcs_host_conformance {
    (@run $make:expr) => {
        $crate::vcs_host_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            vcs_host,
            $make,
            [
                a_writer_may_write_and_a_stranger_may_not,
                an_unknown_account_has_no_permission,
                a_login_with_another_account_id_has_no_permission,
                the_repository_is_returned_in_its_current_state,
                unknown_repositories_and_issues_are_not_found,
                the_issue_is_returned_in_its_current_state,
                a_file_is_read_and_a_missing_one_is_none,
                the_bot_identity_stays_the_same,
                every_grant_has_its_own_token,
                releasing_twice_is_ok_and_does_not_affect_other_tokens,
                a_reaction_can_be_repeated,
                a_comment_is_updated_and_not_repeated,
                similar_markers_are_distinct,
                a_refused_account_is_answered_once_or_not_at_all,
                comments_are_limited_to_those_before_a_time,
                a_pull_request_is_opened_once,
            ]
        );
    };
    ($make:expr) => {
        $crate::vcs_host_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that `permission` returns at least [`Permission::Write`] for an account that can push,
/// and a lower permission for an account that cannot push.
pub async fn a_writer_may_write_and_a_stranger_may_not(fixture: &Fixture) {
    let writer = fixture.host.permission(&fixture.repo, &fixture.writer).await;
    let writer = writer.expect("`permission` must succeed for the account `writer`");
    let enough = writer >= Permission::Write;
    assert!(
        enough,
        "the account `writer` must have at least the permission `Write`, but has {writer:?}"
    );
    let stranger = fixture.host.permission(&fixture.repo, &fixture.stranger).await;
    let stranger = stranger.expect("`permission` must succeed for the account `stranger`");
    let less = stranger < Permission::Write;
    assert!(
        less,
        "the account `stranger` must have a lower permission than `Write`, but has {stranger:?}"
    );
}

/// Checks that `permission` returns [`Permission::None`], and no error, for an account that does
/// not exist.
pub async fn an_unknown_account_has_no_permission(fixture: &Fixture) {
    let unknown = Actor {
        id: fixture.writer.id + 1_000_003,
        login: "an-account-that-is-not-there".to_owned(),
        kind: ActorKind::User,
    };
    let permission = fixture.host.permission(&fixture.repo, &unknown).await;
    let permission = permission.expect("`permission` must not fail for an unknown account");
    assert_eq!(
        permission,
        Permission::None,
        "`permission` must return `Permission::None` for an unknown account"
    );
}

/// Checks that `permission` identifies an account by its id, not by its login. If the id is unknown
/// and the login belongs to an account that can push, the result must be [`Permission::None`].
pub async fn a_login_with_another_account_id_has_no_permission(fixture: &Fixture) {
    let other = Actor { id: fixture.writer.id + 1_000_003, ..fixture.writer.clone() };
    let permission = fixture.host.permission(&fixture.repo, &other).await;
    let permission = permission.expect("`permission` must not fail for an unknown account id");
    assert_eq!(
        permission,
        Permission::None,
        "`permission` must return `None` for an unknown account id, even if the login can push"
    );
}

/// Checks that `repository` returns the VCS host, id and default branch of the given repository,
/// and reports that the repository is not archived.
pub async fn the_repository_is_returned_in_its_current_state(fixture: &Fixture) {
    let repository = async || {
        let found = fixture.host.repository(&fixture.repo).await;
        found.expect("`repository` must succeed for an existing repository")
    };
    let found = repository().await;
    let identity = (found.repo.id, &found.repo.host);
    let expected = (fixture.repo.id, &fixture.repo.host);
    assert_eq!(identity, expected, "`repository` must return the repository that was requested");
    let usable = !found.default_branch.is_empty() && !found.archived;
    let rule = "the returned repository must have a default branch and must not be archived";
    assert!(usable, "{rule}: {found:?}");
    let rule = "`repository` must return the same value again for an unchanged repository";
    assert_eq!(repository().await, found, "{rule}");
    assert!(!fixture.host.name().is_empty(), "`name` of the VCS host must not be empty");
}

/// Checks that `repository`, `issue` and `access` fail with [`ErrorKind::NotFound`] for a
/// repository or an issue that does not exist.
pub async fn unknown_repositories_and_issues_are_not_found(fixture: &Fixture) {
    let (host, unknown) = (&fixture.host, fixture.unknown_repo());
    let repository = host.repository(&unknown).await;
    assert_fails_with("`repository` of an unknown repository", ErrorKind::NotFound, repository);
    let issue = host.issue(&unknown, fixture.issue).await;
    assert_fails_with("`issue` of an unknown repository", ErrorKind::NotFound, issue);
    for grant in [Grant::Read, Grant::Discuss, Grant::Publish] {
        let access = host.access(&unknown, grant, Duration::from_secs(60)).await;
        assert_fails_with("`access` to an unknown repository", ErrorKind::NotFound, access);
    }
    let number = fixture.issue + 1_000_003;
    let issue = host.issue(&fixture.repo, number).await;
    assert_fails_with("`issue` with an unknown number", ErrorKind::NotFound, issue);
}

/// Checks that `issue` returns the current state of an issue that is open, not locked and not a
/// pull request.
pub async fn the_issue_is_returned_in_its_current_state(fixture: &Fixture) {
    let issue = fixture.host.issue(&fixture.repo, fixture.issue).await;
    let issue = issue.expect("`issue` must succeed for an existing issue");
    assert_eq!(issue.number, fixture.issue, "`issue` must return the issue that was requested");
    let plain = issue.open && !issue.locked && !issue.is_pull_request;
    let rule = "`issue` must report that the issue is open, not locked and not a pull request";
    assert!(plain, "{rule}: {issue:?}");
    let complete = !issue.title.is_empty() && !issue.author.login.is_empty();
    assert!(complete, "`issue` must return a title and an author: {issue:?}");
}

/// Checks that `file_at_default_branch` returns the bytes of a file unchanged. For a file that does
/// not exist, the method must return `None` and no error.
pub async fn a_file_is_read_and_a_missing_one_is_none(fixture: &Fixture) {
    let (path, content) = &fixture.file;
    let read = async |path| {
        let found = fixture.host.file_at_default_branch(&fixture.repo, path).await;
        found.expect("`file_at_default_branch` must succeed, even for a missing file")
    };
    let unchanged = "`file_at_default_branch` must return the file unchanged";
    assert_eq!(read(path).await.as_ref(), Some(content), "{unchanged}: {path}");
    for missing in ["a-file-that-is-not-there", "no/such/directory/file.txt"] {
        let none = "`file_at_default_branch` must return `None` for a missing file";
        assert_eq!(read(missing).await, None, "{none}: {missing}");
    }
}

/// Checks that `bot_identity` returns a login and an email address for commits, and returns the
/// same value every time.
pub async fn the_bot_identity_stays_the_same(fixture: &Fixture) {
    let us = fixture.host.bot_identity().await.expect("`bot_identity` must succeed");
    let complete = !us.login.is_empty() && us.email.contains('@');
    assert!(complete, "`bot_identity` must return a login and an email address: {us:?}");
    let again = fixture.host.bot_identity().await.expect("`bot_identity` must succeed");
    assert_eq!(again, us, "`bot_identity` must return the same value every time");
}
