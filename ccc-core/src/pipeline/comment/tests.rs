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

#[test]
fn a_comment_fits_into_the_host_s_limit() {
    // spec: X13b
    let run = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let outcome = Outcome::Answered { answer: "@".repeat(1 << 20) };
    let patch = Some("+x\n".repeat(10_000));
    let body = ended(run, "a", &outcome, &CommentData { patch, ..CommentData::default() });
    assert!(body.len() < 65_536, "{}", body.len());
}
