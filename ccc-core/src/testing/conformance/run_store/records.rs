//! What is known of a run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use jiff::Timestamp;

use super::fixture::{Fixture, LEASE};
use crate::agent::{AgentReport, ModelUsage, Verdict};
use crate::progress::{AcceptedRun, Base, CollectedRun, CommittedRun, Progress, PublishedRun};
use crate::run::{Outcome, RunState, SkipReason};
use crate::run_store::{Fence, LogEntry};
use crate::testing::conformance::refused;
use crate::vcs::PullRequest;
use crate::{BranchName, ErrorKind, ObjectId, RunId, Stage};

fn pull_request() -> PullRequest {
    PullRequest {
        number: Some(12),
        url: "https://host.example/octo/hello/pull/12".to_owned(),
        head: BranchName::new("claude/issue-1-0a1b2c3d").unwrap(),
    }
}

fn full_report() -> AgentReport {
    let mut report = AgentReport::new(
        Verdict::Limited { reason: "turns".to_owned() },
        "words with ä, ☃,\n\"quotes\" and \0",
    );
    report.usage = vec![ModelUsage {
        model: "model".to_owned(),
        input_tokens: u64::from(u32::MAX) + 1,
        output_tokens: 2,
        cache_read_tokens: 3,
        cache_write_tokens: 4,
        micro_usd: Some(5),
    }];
    report.micro_usd = Some(1_250_000);
    report.denials = vec!["Bash".to_owned()];
    report.session = Some("session".to_owned());
    report
}

/// Every variant; every field has a value that is not its default.
fn every_progress() -> [Progress; 4] {
    let base = Base { branch: "main".to_owned(), commit: ObjectId::new("a".repeat(40)).unwrap() };
    let (tree, denied_hosts) =
        (ObjectId::new("b".repeat(64)).unwrap(), vec!["evil.example:443".to_owned()]);
    [
        Progress::Accepted(AcceptedRun {
            finished: Stage::Work,
            report: Some(full_report()),
            denied_hosts: denied_hosts.clone(),
        }),
        Progress::Collected(CollectedRun {
            base: base.clone(),
            tree: Some(tree.clone()),
            report: full_report(),
            denied_hosts: denied_hosts.clone(),
        }),
        Progress::Published(PublishedRun {
            pull_request: pull_request(),
            report: full_report(),
            denied_hosts: denied_hosts.clone(),
        }),
        Progress::Committed(CommittedRun {
            base,
            tree,
            commit: ObjectId::new("c".repeat(40)).unwrap(),
            branch: pull_request().head,
            report: full_report(),
            denied_hosts,
        }),
    ]
}

fn full_progress() -> Progress {
    let [.., committed] = every_progress();
    committed
}

/// Whole, after a lost lease and after a release; an older one does not come back.
pub async fn the_newest_progress_comes_with_the_next_claim(fixture: &Fixture) {
    // spec: Q3a
    let run = fixture.run_of(1).await;
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.progress, Progress::default());
    let early = Progress::accepted(Stage::Checkout);
    fixture.store.advance(run, claim.fence, &early).await.unwrap();
    for progress in every_progress() {
        fixture.store.advance(run, claim.fence, &progress).await.unwrap();
        assert_eq!(fixture.record(run).await.progress, progress);
    }
    fixture.advance(LEASE);
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.progress, full_progress(), "after a lost lease");
    fixture.store.release(run, claim.fence, Duration::ZERO).await.unwrap();
    let claim = fixture.claim_some().await;
    assert_eq!(claim.record.progress, full_progress(), "after a release");
    assert_eq!(fixture.record(run).await.progress, full_progress());
    // What is kept is what was said last, not a mixture.
    fixture.store.advance(run, claim.fence, &early).await.unwrap();
    assert_eq!(fixture.record(run).await.progress, early);
}

/// No write, no claim, ever; event and checkpoint stay with the outcome.
pub async fn a_finished_run_is_readable_and_nothing_else(fixture: &Fixture) {
    // spec: Q3b
    let (run, store) = (fixture.run_of(1).await, &fixture.store);
    let claim = fixture.claim_some().await;
    store.advance(run, claim.fence, &full_progress()).await.unwrap();
    let line = LogEntry { at: Timestamp::UNIX_EPOCH, text: "a line".to_owned() };
    store.append_log(run, claim.fence, std::slice::from_ref(&line)).await.unwrap();
    let outcome = Outcome::PullRequest { pull_request: pull_request() };
    store.finish(run, claim.fence, &outcome).await.unwrap();

    let record = fixture.record(run).await;
    assert_eq!(record.state, RunState::Finished { outcome: outcome.clone() });
    assert_eq!((&record.event, &record.progress), (&claim.record.event, &full_progress()));
    let (fence, conflict) = (claim.fence, ErrorKind::Conflict);
    refused("renew", conflict, store.renew(run, fence, LEASE).await);
    refused("release", conflict, store.release(run, fence, Duration::ZERO).await);
    refused("advance", conflict, store.advance(run, fence, &Progress::default()).await);
    refused("append_log", conflict, store.append_log(run, fence, &[line]).await);
    let other = Outcome::Cancelled { stage: Stage::Work };
    refused("finish", conflict, store.finish(run, fence, &other).await);
    for _ in 0..3 {
        assert!(fixture.claim().await.is_none(), "a finished run was handed out");
        fixture.advance(LEASE * 100);
    }
    assert_eq!(fixture.record(run).await, record);
    assert_eq!(store.tail_log(run, 0, 10).await.unwrap().len(), 1);
}

/// Every kind of ending, fields included.
pub async fn every_outcome_is_kept_whole(fixture: &Fixture) {
    // spec: Q3b
    let outcomes = [
        Outcome::PullRequest { pull_request: PullRequest { number: None, ..pull_request() } },
        Outcome::Answered { answer: "ä\n\"b\" '; -- \0".to_owned() },
        Outcome::Skipped { reason: SkipReason::IssueGone },
        Outcome::Refused {
            stage: Stage::Collect,
            reason: "no".to_owned(),
            paths: vec!["a".to_owned(), String::new()],
        },
        Outcome::Failed {
            stage: Stage::Provision,
            kind: ErrorKind::Unavailable,
            message: "no daemon".to_owned(),
        },
        Outcome::Cancelled { stage: Stage::Work },
    ];
    for (issue, outcome) in (1..).zip(outcomes) {
        let run = fixture.run_of(issue).await;
        let claim = fixture.claim_some().await;
        fixture.store.finish(run, claim.fence, &outcome).await.unwrap();
        assert_eq!(fixture.record(run).await.state, RunState::Finished { outcome });
    }
}

/// Not found, or a conflict: never done.
pub async fn a_write_to_a_run_that_is_not_there_is_refused(fixture: &Fixture) {
    let (store, run) = (&fixture.store, RunId::new(Timestamp::UNIX_EPOCH).unwrap());
    let (fence, progress) = (Fence(1), Progress::default());
    let outcome = Outcome::Cancelled { stage: Stage::Work };
    for (what, result) in [
        ("renew", store.renew(run, fence, LEASE).await.map(|_| ())),
        ("release", store.release(run, fence, Duration::ZERO).await),
        ("advance", store.advance(run, fence, &progress).await),
        ("append_log", store.append_log(run, fence, &[]).await),
        ("finish", store.finish(run, fence, &outcome).await),
    ] {
        let kind = result.map_err(|error| error.kind());
        assert!(
            matches!(kind, Err(ErrorKind::NotFound | ErrorKind::Conflict)),
            "{what} of a run that is not there: {kind:?}"
        );
    }
    assert_eq!(store.get(run).await.unwrap(), None, "a write made the run");
}

/// At most `limit`, and strictly older than `before`, so that pages neither overlap nor leave gaps.
pub async fn runs_are_listed_newest_first(fixture: &Fixture) {
    let mut newest_first = Vec::new();
    for issue in 1..=5 {
        newest_first.insert(0, fixture.run_of(issue).await);
    }
    let list = async |before, limit| -> Vec<RunId> {
        let records = fixture.store.list(before, limit).await.expect("a list");
        records.iter().map(|record| record.run).collect()
    };
    assert_eq!(list(None, 100).await, newest_first);
    assert_eq!(list(None, 2).await, newest_first[..2]);
    assert_eq!(list(Some(newest_first[1]), 2).await, newest_first[2..4]);
    assert_eq!(list(Some(newest_first[3]), 2).await, newest_first[4..]);
    assert_eq!(list(Some(newest_first[4]), 2).await, []);
    assert_eq!(list(None, 0).await, []);
    // The state of a run does not move it.
    fixture.claim_some().await;
    assert_eq!(list(None, usize::MAX).await, newest_first);
}

/// Absent is an answer and not an error.
pub async fn a_run_that_is_not_there_is_none(fixture: &Fixture) {
    fixture.run_of(1).await;
    let unknown = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(fixture.store.get(unknown).await.unwrap(), None);
}

fn lines(numbers: std::ops::Range<u64>) -> Vec<LogEntry> {
    let line = |n| LogEntry { at: Timestamp::UNIX_EPOCH, text: format!("line {n} ä\t☃") };
    numbers.map(line).collect()
}

/// In the order in which they were added, a batch as a whole; from and limit cut a piece out.
pub async fn log_lines_are_numbered_from_zero(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    let fence = fixture.claim_some().await.fence;
    let tail = async |from, limit| fixture.store.tail_log(run, from, limit).await.expect("a tail");
    assert_eq!(tail(0, 10).await, []);
    for batch in [0..3, 3..3, 3..4, 4..20] {
        fixture.store.append_log(run, fence, &lines(batch)).await.unwrap();
    }
    let all: Vec<(u64, LogEntry)> = (0..).zip(lines(0..20)).collect();
    assert_eq!(tail(0, 100).await, all);
    assert_eq!(tail(0, 2).await, all[..2]);
    assert_eq!(tail(5, 4).await, all[5..9]);
    assert_eq!(tail(18, 100).await, all[18..]);
    assert_eq!(tail(20, 100).await, []);
    assert_eq!(tail(u64::MAX, usize::MAX).await, []);
    assert_eq!(tail(0, 0).await, []);
}

/// The next worker goes on where the last one ended.
pub async fn log_lines_stay_when_the_run_changes_hands(fixture: &Fixture) {
    let run = fixture.run_of(1).await;
    let first = fixture.claim_some().await.fence;
    fixture.store.append_log(run, first, &lines(0..2)).await.unwrap();
    fixture.advance(LEASE);
    let second = fixture.claim_some().await.fence;
    fixture.store.append_log(run, second, &lines(2..3)).await.unwrap();
    let outcome = Outcome::Answered { answer: String::new() };
    fixture.store.finish(run, second, &outcome).await.unwrap();
    let all: Vec<(u64, LogEntry)> = (0..).zip(lines(0..3)).collect();
    assert_eq!(fixture.store.tail_log(run, 0, 10).await.unwrap(), all);
}

/// Two runs, two numberings.
pub async fn a_log_belongs_to_its_run(fixture: &Fixture) {
    let (one, two) = (fixture.run_of(1).await, fixture.run_of(2).await);
    let (first, second) = (fixture.claim_some().await, fixture.claim_some().await);
    assert_eq!((first.record.run, second.record.run), (one, two));
    fixture.store.append_log(one, first.fence, &lines(0..2)).await.unwrap();
    fixture.store.append_log(two, second.fence, &lines(0..1)).await.unwrap();
    assert_eq!(fixture.store.tail_log(one, 0, 10).await.unwrap().len(), 2);
    assert_eq!(fixture.store.tail_log(two, 0, 10).await.unwrap().len(), 1);
}
