use super::*;
use crate::agent::Verdict;
use crate::vcs::PullRequest;
use crate::{BranchName, Stage};
use jiff::Timestamp;

fn outcomes() -> Vec<Outcome> {
    let hostile = "@all fixes #7 <img src=x> ![a](b) ```".to_owned();
    vec![
        Outcome::PullRequest {
            pull_request: PullRequest {
                number: Some(3),
                url: "https://h/3".into(),
                head: BranchName::new("claude/issue-1-00000000").unwrap(),
            },
        },
        Outcome::Answered { answer: hostile.clone() },
        Outcome::Refused {
            stage: Stage::Collect,
            reason: hostile.clone(),
            paths: vec![hostile.clone()],
        },
        Outcome::Failed { stage: Stage::Work, kind: ErrorKind::TimedOut, message: hostile },
        Outcome::Cancelled { stage: Stage::Work },
    ]
}

#[test]
fn untrusted_text_has_no_effect_in_any_outcome() {
    // spec: X13a, P5
    let run = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let mut report = AgentReport::new(Verdict::Completed, "done");
    report.denials = vec!["Bash(@all)".into()];
    let patch = Some("``` @all".to_owned());
    let data = CommentData { report: Some(report), patch, ..CommentData::default() };
    for outcome in outcomes() {
        let body = ended(run, "scripted", &outcome, &data);
        assert!(body.contains(&run.to_string()), "{body}");
        let outside_the_fence = body.split("````").next().unwrap();
        for acting in ["@all", "#7", "<img", "![a]"] {
            assert!(!outside_the_fence.contains(acting), "{acting} in {body}");
        }
    }
}

#[test]
fn a_failure_names_the_credential_to_check() {
    for (stage, kind, expected) in [
        (Stage::Work, ErrorKind::Unauthenticated, "the model's credential"),
        (Stage::Work, ErrorKind::PermissionDenied, "the model's credential"),
        (Stage::Publish, ErrorKind::PermissionDenied, "branch rules"),
        (Stage::Checkout, ErrorKind::PermissionDenied, "the App's permissions"),
        (Stage::Checkout, ErrorKind::Unauthenticated, "a credential of this service"),
    ] {
        assert!(next_step(stage, kind).contains(expected), "{stage} {kind}");
    }
}

/// Kinds of failures that end by themselves. Only these have the advice to wait.
const TEMPORARY: [ErrorKind; 3] =
    [ErrorKind::Unavailable, ErrorKind::RateLimited, ErrorKind::TimedOut];

#[test]
fn the_advice_fits_the_cause_of_a_failure() {
    // spec: X20c
    for (stage, kind, expected) in [
        (Stage::Work, ErrorKind::TimedOut, "a smaller change"),
        (Stage::Work, ErrorKind::LimitExceeded, "a smaller change"),
        (Stage::Work, ErrorKind::Unavailable, "can be temporary"),
        (Stage::Collect, ErrorKind::LimitExceeded, "a smaller change"),
        (Stage::Collect, ErrorKind::Unavailable, "can be temporary"),
        (Stage::Checkout, ErrorKind::LimitExceeded, "exceeds the limit"),
        (Stage::Checkout, ErrorKind::TimedOut, "can be temporary"),
        (Stage::Checkout, ErrorKind::NotFound, "has a commit on its default branch"),
        (Stage::Provision, ErrorKind::LimitExceeded, "exceeds the limit"),
        (Stage::Provision, ErrorKind::TimedOut, "Shorten the setup"),
        (Stage::Provision, ErrorKind::Unsupported, "The operator should correct"),
        (Stage::Provision, ErrorKind::InvalidInput, "The operator should correct"),
        (Stage::Commit, ErrorKind::LimitExceeded, "exceeds the limit"),
        (Stage::Checkout, ErrorKind::AlreadyExists, "Rename or delete the branch"),
        (Stage::Publish, ErrorKind::AlreadyExists, "Rename or delete the branch"),
        (Stage::Publish, ErrorKind::Conflict, "Open the run's branch"),
        (Stage::Publish, ErrorKind::NotFound, "the error message above names"),
        (Stage::Publish, ErrorKind::RateLimited, "can be temporary"),
        (Stage::Cleanup, ErrorKind::Unexpected, "the service's log"),
    ] {
        assert!(next_step(stage, kind).contains(expected), "{stage} {kind}");
    }
    for stage in Stage::ALL {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::Conflict,
            ErrorKind::InvalidInput,
            ErrorKind::Unauthenticated,
            ErrorKind::PermissionDenied,
            ErrorKind::Refused,
            ErrorKind::LimitExceeded,
            ErrorKind::DiskFull,
            ErrorKind::Cancelled,
            ErrorKind::Corrupt,
            ErrorKind::Unsupported,
            ErrorKind::Unexpected,
        ] {
            assert!(!TEMPORARY.contains(&kind));
            assert!(!next_step(stage, kind).contains("temporary"), "{stage} {kind}");
        }
        // Only the operator can free space on a full disk, in whatever stage.
        let full = next_step(stage, ErrorKind::DiskFull);
        assert!(full.contains("The operator should free space on it"), "{stage}: {full}");
        assert!(!full.contains("smaller") && !full.contains("limit"), "{stage}: {full}");
    }
}

#[test]
fn a_comment_fits_into_the_host_s_limit() {
    // spec: X13b
    let run = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let outcome = Outcome::Answered { answer: "@".repeat(1 << 20) };
    let patch = Some("+x\n".repeat(10_000));
    let body = ended(run, "a", &outcome, &CommentData { patch, ..CommentData::default() });
    assert!(body.len() < 65_536, "{}", body.len());
}
