//! Tokens, comments, reactions, pull requests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::fixture::Fixture;
use crate::ErrorKind;
use crate::vcs::{Grant, NewPullRequest, ReactionTarget};

/// Less power is another token; none is spent already, in the URL, or shown.
pub async fn every_grant_has_a_token_of_its_own(fixture: &Fixture) {
    let (mut tokens, min_ttl) = (BTreeSet::new(), Duration::from_secs(120));
    let grants = [Grant::Read, Grant::Discuss, Grant::Publish];
    let mut without = 0;
    for grant in grants {
        let access = fixture.host.access(&fixture.repo, grant, min_ttl).await.unwrap();
        assert_eq!(access.grant, grant);
        if let Some(end) = access.expires_at {
            assert!(end >= fixture.clock.now() + min_ttl, "the token ends too soon: {end}");
        }
        let authority = access.clone_url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        assert!(!authority.contains('@'), "user information in {}", access.clone_url);
        let shown = format!("{access:?} {access:#?} {:?}", fixture.host);
        assert_eq!(access.token.is_some(), access.authorization.is_some(), "{access:?}");
        match (&access.token, &access.authorization) {
            (Some(token), Some(header)) => {
                for secret in [token, header] {
                    let secret = secret.expose_str().unwrap();
                    assert!(!secret.is_empty() && !secret.contains(['\r', '\n']));
                    assert!(!shown.contains(secret), "a token is shown");
                    assert!(!access.clone_url.contains(secret), "a token is in the URL");
                }
                tokens.insert(token.expose().to_vec());
            }
            _ => without += 1,
        }
    }
    assert_eq!(tokens.len() + without, grants.len(), "two grants share a token");
}

/// Somebody else's token goes on, and a new one can be had.
pub async fn releasing_twice_is_ok_and_leaves_other_tokens_alone(fixture: &Fixture) {
    let access = async |grant| {
        fixture.host.access(&fixture.repo, grant, Duration::from_secs(60)).await.expect("access")
    };
    let (read, publish) = (access(Grant::Read).await, access(Grant::Publish).await);
    fixture.host.release(read.clone()).await.expect("release");
    fixture.host.release(read).await.expect("release of what is no longer valid");
    fixture.host.repository(&fixture.repo).await.expect("the host's own token goes on");
    let again = access(Grant::Read).await;
    fixture.host.release(again).await.unwrap();
    fixture.host.release(publish).await.unwrap();
}

/// On the issue and on a comment.
pub async fn a_reaction_can_be_repeated(fixture: &Fixture) {
    fixture.upsert("conformance-reaction", "Something to react to.").await;
    let comment = fixture.comments().await.pop().expect("the comment");
    for target in [ReactionTarget::Issue(fixture.issue), ReactionTarget::Comment(comment.id)] {
        for _ in 0..2 {
            fixture.host.react(&fixture.repo, target).await.expect("a reaction");
        }
    }
}

/// Three bodies, one comment, of ours, with the last body.
pub async fn a_comment_is_changed_and_not_repeated(fixture: &Fixture) {
    let before = fixture.comments().await.len();
    let mut ids = BTreeSet::new();
    for body in ["The first body.", "The second body.", "The second body.", "The third body."] {
        fixture.upsert("conformance-one", body).await;
        let comments = fixture.comments().await;
        assert_eq!(comments.len(), before + 1, "one comment for one marker");
        let ours = comments.last().unwrap();
        assert!(ours.body.contains(body), "{:?} is not {body:?}", ours.body);
        ids.insert(ours.id);
    }
    assert_eq!(ids.len(), 1, "the comment was made anew");
    let comment = fixture.comments().await.pop().unwrap();
    assert!(!comment.body.contains("first") && !comment.body.contains("second"));
    let us = fixture.host.bot_identity().await.unwrap();
    assert_eq!((comment.author.id, &comment.author.login), (us.id, &us.login));
}

/// Also when one is the beginning of the other, or only mentioned in the other's body.
pub async fn markers_are_told_apart(fixture: &Fixture) {
    let before = fixture.comments().await.len();
    fixture.upsert("conformance-1", "one").await;
    fixture.upsert("conformance-12", "twelve, and not conformance-2").await;
    fixture.upsert("conformance-2", "two").await;
    fixture.upsert("conformance-1", "one again").await;
    let comments = fixture.comments().await;
    let new: Vec<&str> = comments[before..].iter().map(|comment| &*comment.body).collect();
    assert_eq!(new.len(), 3, "three markers, three comments: {new:?}");
    for (body, expected) in new.iter().zip(["one again", "twelve", "two"]) {
        assert!(body.contains(expected), "{new:?}: not {expected:?}");
    }
}

/// Strictly before; oldest first.
pub async fn comments_are_those_before_a_moment(fixture: &Fixture) {
    fixture.upsert("conformance-a", "one").await;
    fixture.upsert("conformance-b", "two").await;
    let all = fixture.comments().await;
    assert!(all.len() >= 2, "{all:?}");
    assert!(all.is_sorted_by_key(|comment| comment.created_at), "not the oldest first: {all:?}");
    for before in all.iter().map(|comment| comment.updated_at).chain([Timestamp::UNIX_EPOCH]) {
        let found = fixture.host.comments(&fixture.repo, fixture.issue, before).await.unwrap();
        let expected: Vec<_> =
            all.iter().filter(|comment| comment.updated_at < before).cloned().collect();
        assert_eq!(found, expected, "before {before}");
    }
}

/// The second call finds what the first one made, whatever title it has.
pub async fn a_pull_request_is_opened_once(fixture: &Fixture) {
    let base = fixture.host.repository(&fixture.repo).await.unwrap().default_branch;
    let mut new = NewPullRequest {
        head: fixture.branch.clone(),
        base,
        title: "A title".to_owned(),
        body: "A body.".to_owned(),
        draft: false,
    };
    let first = fixture.host.open_pull_request(&fixture.repo, &new).await.expect("opened");
    assert_eq!(first.head, fixture.branch);
    assert!(!first.url.is_empty());
    new.title = "Another title".to_owned();
    let second = fixture.host.open_pull_request(&fixture.repo, &new).await.expect("found");
    assert_eq!(second, first);
}

/// Oldest first, where the host keeps a log of them.
pub async fn missed_deliveries_are_told_or_unsupported(fixture: &Fixture) {
    let since = fixture.clock.now() - Duration::from_secs(3_600);
    match fixture.host.missed_deliveries(since).await {
        Ok(missed) => {
            assert!(missed.is_sorted_by_key(|delivery| delivery.delivered_at), "{missed:?}");
            assert!(missed.iter().all(|delivery| delivery.delivered_at >= since), "{missed:?}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
    }
}
