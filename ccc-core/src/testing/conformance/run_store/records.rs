//! Conformance cases for run stores: progress, outcomes and lists of runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use jiff::Timestamp;

use super::fixture::{Fixture, LEASE, WITHIN_LEASE};
use crate::agent::{AgentReport, ModelUsage, Verdict};
use crate::policy::{AppliedPolicy, ProtectedClass, TrustPolicy};
use crate::progress::{AcceptedRun, Base, CollectedRun, CommittedRun, Progress, PublishedRun};
use crate::run::{Outcome, RunState, SkipReason};
use crate::run_store::Fence;
use crate::testing::conformance::assert_fails_with;
use crate::vcs::{Permission, PullRequest};
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

fn full_policy() -> AppliedPolicy {
    let policy = TrustPolicy::default()
        .with_permission(Permission::Triage)
        .with_protected_classes([ProtectedClass::Agents])
        .with_protected_names(["Makefile".to_owned()])
        .with_max_files(7)
        .with_max_bytes(u64::from(u32::MAX) + 1);
    let mut policy = AppliedPolicy::from(&policy);
    policy.exceptions = vec!["an exception".to_owned()];
    policy
}

/// Returns one value of each variant of [`Progress`]. All fields differ from their default
/// values. Therefore, a case fails if the store does not store one of the fields.
fn every_progress() -> [Progress; 4] {
    let base = Base { branch: "main".to_owned(), commit: ObjectId::new("a".repeat(40)).unwrap() };
    let (tree, denied_hosts) =
        (ObjectId::new("b".repeat(64)).unwrap(), vec!["evil.example:443".to_owned()]);
    let policy = full_policy();
    [
        Progress::Accepted(AcceptedRun {
            finished: Stage::Work,
            report: Some(full_report()),
            denied_hosts: denied_hosts.clone(),
            policy: Some(policy.clone()),
        }),
        Progress::Collected(CollectedRun {
            base: base.clone(),
            tree: Some(tree.clone()),
            report: full_report(),
            denied_hosts: denied_hosts.clone(),
            policy: policy.clone(),
        }),
        Progress::Published(PublishedRun {
            pull_request: pull_request(),
            report: full_report(),
            denied_hosts: denied_hosts.clone(),
            policy: policy.clone(),
        }),
        Progress::Committed(CommittedRun {
            base,
            tree,
            commit: ObjectId::new("c".repeat(40)).unwrap(),
            branch: pull_request().head,
            report: full_report(),
            denied_hosts,
            policy,
        }),
    ]
}

fn full_progress() -> Progress {
    let [.., committed] = every_progress();
    committed
}

/// Checks that each `advance` replaces the run's progress. The next `claim` must return the newest
/// progress unchanged, both after the end of a lease and after a release.
pub async fn the_newest_progress_comes_with_the_next_claim(fixture: &Fixture) {
    // spec: Q3a
    let run = fixture.run_of(1).await;
    let claim = fixture.claim_some().await;
    assert_eq!(
        claim.record.progress,
        Progress::default(),
        "the first `claim` of a run must return the default progress"
    );
    let early = Progress::accepted(Stage::Checkout);
    fixture.store.advance(run, claim.fence, &early).await.expect(WITHIN_LEASE);
    for progress in every_progress() {
        fixture.store.advance(run, claim.fence, &progress).await.expect(WITHIN_LEASE);
        let stored = fixture.record(run).await.progress;
        assert_eq!(stored, progress, "`advance` must store the progress unchanged");
    }
    fixture.advance(LEASE);
    let claim = fixture.claim_some().await;
    let found = claim.record.progress;
    assert_eq!(
        found,
        full_progress(),
        "after the end of a lease, `claim` must return the stored progress"
    );
    fixture.store.release(run, claim.fence, Duration::ZERO).await.expect(WITHIN_LEASE);
    let claim = fixture.claim_some().await;
    let stored = fixture.record(run).await.progress;
    assert_eq!(
        claim.record.progress,
        full_progress(),
        "after a release, `claim` must return the stored progress"
    );
    assert_eq!(stored, full_progress(), "`get` must return the same progress as `claim`");
    fixture.store.advance(run, claim.fence, &early).await.expect(WITHIN_LEASE);
    let stored = fixture.record(run).await.progress;
    assert_eq!(stored, early, "`advance` must replace the stored progress with the new progress");
}

/// Checks that a finished run can be read, with its event, progress and outcome. The run can
/// never be claimed again, and every write to the run fails with [`ErrorKind::Conflict`].
pub async fn a_finished_run_can_be_read_and_not_changed(fixture: &Fixture) {
    // spec: Q3b
    let (run, store) = (fixture.run_of(1).await, &fixture.store);
    let claim = fixture.claim_some().await;
    store.advance(run, claim.fence, &full_progress()).await.expect(WITHIN_LEASE);
    let outcome = Outcome::PullRequest { pull_request: pull_request() };
    store.finish(run, claim.fence, &outcome).await.expect(WITHIN_LEASE);

    let record = fixture.record(run).await;
    let finished = RunState::Finished { outcome: outcome.clone() };
    assert_eq!(record.state, finished, "`get` must return the outcome that `finish` stored");
    assert_eq!(record.event, claim.record.event, "`finish` must not change the event");
    assert_eq!(record.progress, full_progress(), "`finish` must not change the progress");
    let (fence, conflict) = (claim.fence, ErrorKind::Conflict);
    let of = |call: &str| format!("`{call}` of a finished run");
    assert_fails_with(&of("renew"), conflict, store.renew(run, fence, LEASE).await);
    assert_fails_with(&of("release"), conflict, store.release(run, fence, Duration::ZERO).await);
    assert_fails_with(
        &of("advance"),
        conflict,
        store.advance(run, fence, &Progress::default()).await,
    );
    let other = Outcome::Cancelled { stage: Stage::Work };
    assert_fails_with(&of("finish"), conflict, store.finish(run, fence, &other).await);
    for _ in 0..3 {
        assert!(fixture.claim().await.is_none(), "`claim` must not return a finished run");
        fixture.advance(LEASE * 100);
    }
    assert_eq!(fixture.record(run).await, record, "a refused write must not change the run");
}

/// Checks that `finish` stores every kind of outcome with all fields unchanged.
pub async fn every_outcome_is_stored_whole(fixture: &Fixture) {
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
        fixture.store.finish(run, claim.fence, &outcome).await.expect(WITHIN_LEASE);
        let state = fixture.record(run).await.state;
        assert_eq!(
            state,
            RunState::Finished { outcome },
            "`finish` must store the outcome unchanged"
        );
    }
}

/// Checks that every write to an unknown run fails with [`ErrorKind::NotFound`] or
/// [`ErrorKind::Conflict`] and creates nothing.
pub async fn a_write_to_an_unknown_run_is_refused(fixture: &Fixture) {
    let (store, run) = (&fixture.store, RunId::new(Timestamp::UNIX_EPOCH).unwrap());
    let (fence, progress) = (Fence(1), Progress::default());
    let outcome = Outcome::Cancelled { stage: Stage::Work };
    for (what, result) in [
        ("renew", store.renew(run, fence, LEASE).await.map(|_| ())),
        ("release", store.release(run, fence, Duration::ZERO).await),
        ("advance", store.advance(run, fence, &progress).await),
        ("finish", store.finish(run, fence, &outcome).await),
    ] {
        let kind = result.map_err(|error| error.kind());
        assert!(
            matches!(kind, Err(ErrorKind::NotFound | ErrorKind::Conflict)),
            "`{what}` of an unknown run must fail with NotFound or Conflict, but returned {kind:?}"
        );
    }
    let found = store.get(run).await.expect("`get` must succeed");
    assert_eq!(found, None, "a refused write to an unknown run must not create the run");
}

/// Checks that `list` returns at most `limit` runs, the newest first. If `before` is the id of a
/// run, the list must start with the newest run that is older than `before`. The case passes the
/// last run of one page as `before` to get the next page. No run may be missing or appear twice.
pub async fn runs_are_listed_newest_first(fixture: &Fixture) {
    let mut newest_first = Vec::new();
    for issue in 1..=5 {
        newest_first.insert(0, fixture.run_of(issue).await);
    }
    let list = async |before, limit| -> Vec<RunId> {
        let records = fixture.store.list(before, limit).await.expect("`list` must succeed");
        records.iter().map(|record| record.run).collect()
    };
    assert_eq!(list(None, 100).await, newest_first, "`list` must return the newest run first");
    assert_eq!(list(None, 2).await, newest_first[..2], "`list` must return at most `limit` runs");
    let older = "`list` must start with the newest run that is older than the run `before`";
    assert_eq!(list(Some(newest_first[1]), 2).await, newest_first[2..4], "{older}");
    assert_eq!(list(Some(newest_first[3]), 2).await, newest_first[4..], "{older}");
    assert_eq!(list(Some(newest_first[4]), 2).await, [], "{older}");
    assert_eq!(list(None, 0).await, [], "`list` with a `limit` of 0 must return no run");
    fixture.claim_some().await;
    let all = list(None, usize::MAX).await;
    assert_eq!(all, newest_first, "`list` must not order runs by their state");
}

/// Checks that `check` succeeds and changes no run.
pub async fn a_store_that_works_passes_its_check(fixture: &Fixture) {
    fixture.run_of(1).await;
    let before = fixture.list().await;
    fixture.store.check().await.expect("`check` must succeed for a store that works");
    assert_eq!(fixture.list().await, before, "`check` must change no run");
}

/// Checks that `get` of an unknown run returns `None` and no error.
pub async fn an_unknown_run_is_none(fixture: &Fixture) {
    fixture.run_of(1).await;
    let unknown = RunId::new(Timestamp::UNIX_EPOCH).unwrap();
    let found = fixture.store.get(unknown).await.expect("`get` must succeed for an unknown run");
    assert_eq!(found, None, "`get` of an unknown run must return `None`");
}
