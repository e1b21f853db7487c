//! Conformance cases for VCS hosts: tokens, comments, reactions, pull requests and missed
//! deliveries.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::fixture::Fixture;
use crate::ErrorKind;
use crate::vcs::{Grant, NewPullRequest, ReactionTarget};

/// Checks that `access` returns a different token for each grant. Each token must be valid for at
/// least the requested time (`min_ttl`), and must not appear in the clone URL or in `Debug` output.
pub async fn every_grant_has_its_own_token(fixture: &Fixture) {
    let (mut tokens, min_ttl) = (BTreeSet::new(), Duration::from_secs(120));
    let grants = [Grant::Read, Grant::Discuss, Grant::Publish];
    let mut without = 0;
    for grant in grants {
        let access = fixture.host.access(&fixture.repo, grant, min_ttl).await;
        let access = access.expect("`access` must succeed for every grant");
        assert_eq!(access.grant, grant, "`access` must return the grant that was requested");
        if let Some(end) = access.expires_at {
            let long_enough = end >= fixture.clock.now() + min_ttl;
            let rule = "`access` must return a token that is valid for at least `min_ttl`";
            assert!(long_enough, "{rule} ({min_ttl:?}), but the token expires at {end}");
        }
        let authority = access.clone_url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        let plain = !authority.contains('@');
        let rule = "`access` must return a clone URL without a user name or password";
        assert!(plain, "{rule}: {}", access.clone_url);
        let shown = format!("{access:?} {access:#?} {:?}", fixture.host);
        let both = access.token.is_some() == access.authorization.is_some();
        let rule = "`access` must return both a token and an authorization header, or neither";
        assert!(both, "{rule}: {access:?}");
        match (&access.token, &access.authorization) {
            (Some(token), Some(header)) => {
                for secret in [token, header] {
                    let secret = secret.expose_str().unwrap();
                    let one_line = !secret.is_empty() && !secret.contains(['\r', '\n']);
                    assert!(one_line, "the token and the header must each be one non-empty line");
                    assert!(!shown.contains(secret), "`Debug` must not show the token or header");
                    let in_url = access.clone_url.contains(secret);
                    assert!(!in_url, "`access` must return a clone URL without a token");
                }
                tokens.insert(token.expose().to_vec());
            }
            _ => without += 1,
        }
    }
    assert_eq!(
        tokens.len() + without,
        grants.len(),
        "`access` must return a different token for each grant"
    );
}

/// Checks that `release` succeeds twice for one token and revokes no other token. The case then
/// calls `repository`, which uses the adapter's own token, and releases two other tokens. These
/// calls must succeed.
pub async fn releasing_twice_is_ok_and_does_not_affect_other_tokens(fixture: &Fixture) {
    let access = async |grant| {
        let access = fixture.host.access(&fixture.repo, grant, Duration::from_secs(60)).await;
        access.expect("`access` must succeed")
    };
    let (read, publish) = (access(Grant::Read).await, access(Grant::Publish).await);
    fixture.host.release(read.clone()).await.expect("`release` must succeed");
    let again = fixture.host.release(read).await;
    again.expect("`release` must succeed for a token that is no longer valid");
    let repository = fixture.host.repository(&fixture.repo).await;
    repository.expect("`release` must not revoke the token that the adapter's own calls use");
    let again = access(Grant::Read).await;
    fixture.host.release(again).await.expect("`release` must succeed for a new token");
    fixture
        .host
        .release(publish)
        .await
        .expect("after the release of a token, `release` of a different token must succeed");
}

/// Checks that a repeated `react` succeeds, on an issue and on a comment.
pub async fn a_reaction_can_be_repeated(fixture: &Fixture) {
    fixture.upsert("conformance-reaction", "Something to react to.").await;
    let comment = fixture.comments().await.pop().expect("`comments` must return the new comment");
    for target in [ReactionTarget::Issue(fixture.issue), ReactionTarget::Comment(comment.id)] {
        for _ in 0..2 {
            fixture
                .host
                .react(&fixture.repo, target)
                .await
                .expect("the first and the repeated `react` must succeed");
        }
    }
}

/// Checks that the first `upsert_comment` with a marker creates a comment, and that each later call
/// replaces this comment's body. The author must be the account that `bot_identity` returns.
pub async fn a_comment_is_updated_and_not_repeated(fixture: &Fixture) {
    let before = fixture.comments().await.len();
    let mut ids = BTreeSet::new();
    for body in ["The first body.", "The second body.", "The second body.", "The third body."] {
        fixture.upsert("conformance-one", body).await;
        let comments = fixture.comments().await;
        assert_eq!(
            comments.len(),
            before + 1,
            "`upsert_comment` must create one comment for one marker"
        );
        let ours = comments.last().unwrap();
        let rule = "`upsert_comment` must set the body of the comment";
        assert!(ours.body.contains(body), "{rule} to {body:?}, but it is {:?}", ours.body);
        ids.insert(ours.id);
    }
    assert_eq!(ids.len(), 1, "`upsert_comment` must not create a second comment for a marker");
    let comment = fixture.comments().await.pop().unwrap();
    let replaced = !comment.body.contains("first") && !comment.body.contains("second");
    let rule = "`upsert_comment` must replace the earlier body completely";
    assert!(replaced, "{rule}: {:?}", comment.body);
    let us = fixture.host.bot_identity().await.expect("`bot_identity` must succeed");
    let author = (comment.author.id, &comment.author.login);
    let rule = "the author of the comment must be the account that `bot_identity` returns";
    assert_eq!(author, (us.id, &us.login), "{rule}");
}

/// Checks that `upsert_comment` creates one comment for each marker, even if one marker is a prefix
/// of a different marker. This must also hold if the body of one comment contains the marker of a
/// different comment.
pub async fn similar_markers_are_distinct(fixture: &Fixture) {
    let before = fixture.comments().await.len();
    fixture.upsert("conformance-1", "one").await;
    fixture.upsert("conformance-12", "twelve, and not conformance-2").await;
    fixture.upsert("conformance-2", "two").await;
    fixture.upsert("conformance-1", "one again").await;
    let comments = fixture.comments().await;
    let new: Vec<&str> = comments[before..].iter().map(|comment| &*comment.body).collect();
    let rule = "`upsert_comment` must create one comment for each marker";
    assert_eq!(new.len(), 3, "{rule}: {new:?}");
    for (body, expected) in new.iter().zip(["one again", "twelve", "two"]) {
        let rule = "`upsert_comment` must change only the comment with the given marker";
        assert!(body.contains(expected), "{rule}: {new:?}");
    }
}

/// Checks that `answer_refused` creates one comment for one marker, and that a repeated call does
/// not change the comment. A VCS host without answers must return [`ErrorKind::Unsupported`].
pub async fn a_refused_account_is_answered_once_or_not_at_all(fixture: &Fixture) {
    // spec: W11d
    let before = fixture.comments().await.len();
    for body in ["The first answer.", "The second answer."] {
        let marker = "conformance-refused";
        match fixture.host.answer_refused(&fixture.repo, fixture.issue, marker, body).await {
            Ok(()) => {}
            Err(error) => {
                let rule = "`answer_refused` must succeed or be unsupported";
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{rule}: {error}");
                let written = fixture.comments().await.len();
                assert_eq!(written, before, "an unsupported `answer_refused` must write nothing");
                return;
            }
        }
        let comments = fixture.comments().await;
        let rule = "`answer_refused` must create one comment for one marker";
        assert_eq!(comments.len(), before + 1, "{rule}");
        let answer = &comments.last().unwrap().body;
        let rule = "a repeated `answer_refused` must not change the comment";
        assert!(answer.contains("The first answer."), "{rule}: {answer}");
    }
}

/// Checks that `comments` returns the comments whose last change is earlier than the time `before`,
/// oldest first.
pub async fn comments_are_limited_to_those_before_a_time(fixture: &Fixture) {
    fixture.upsert("conformance-a", "one").await;
    fixture.upsert("conformance-b", "two").await;
    let all = fixture.comments().await;
    assert!(all.len() >= 2, "`comments` must return both new comments: {all:?}");
    let sorted = all.is_sorted_by_key(|comment| comment.created_at);
    assert!(sorted, "`comments` must return the oldest comment first: {all:?}");
    for before in all.iter().map(|comment| comment.updated_at).chain([Timestamp::UNIX_EPOCH]) {
        let found = fixture.host.comments(&fixture.repo, fixture.issue, before).await;
        let found = found.expect("`comments` must succeed");
        let expected: Vec<_> =
            all.iter().filter(|comment| comment.updated_at < before).cloned().collect();
        let rule =
            "`comments` must return exactly the comments whose last change precedes `before`";
        assert_eq!(found, expected, "{rule} ({before})");
    }
}

/// Checks that `open_pull_request` opens no second pull request for a branch. The second call must
/// return the existing pull request, even if the caller passes a different title.
pub async fn a_pull_request_is_opened_once(fixture: &Fixture) {
    let base = fixture.host.repository(&fixture.repo).await.expect("`repository` must succeed");
    let mut new = NewPullRequest {
        head: fixture.branch.clone(),
        base: base.default_branch,
        title: "A title".to_owned(),
        body: "A body.".to_owned(),
        draft: false,
    };
    let find = async || fixture.host.find_pull_request(&fixture.repo, &fixture.branch).await;
    let none = find().await.expect("`find_pull_request` must succeed");
    let rule = "`find_pull_request` must return `None` for a branch without a pull request";
    assert_eq!(none, None, "{rule}");
    let first = fixture.host.open_pull_request(&fixture.repo, &new).await;
    let first = first.expect("`open_pull_request` must open a pull request");
    assert_eq!(
        first.head, fixture.branch,
        "`open_pull_request` must use the given branch as the head"
    );
    assert!(!first.url.is_empty(), "`open_pull_request` must return a URL");
    new.title = "Another title".to_owned();
    let second = fixture.host.open_pull_request(&fixture.repo, &new).await;
    let second =
        second.expect("`open_pull_request` must succeed for a branch that has a pull request");
    assert_eq!(second, first, "`open_pull_request` must return the existing pull request");
    // A host can also not know it.
    let found = find().await.expect("`find_pull_request` must succeed");
    let same = found.is_none_or(|found| found == first);
    assert!(same, "`find_pull_request` must return the pull request of the branch");
}
