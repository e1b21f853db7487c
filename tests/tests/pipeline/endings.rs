//! Each way a run ends by itself.

use ccc_core::agent::Verdict;
use ccc_core::event::{ActorKind, Trigger};
use ccc_core::run::SkipReason;
use ccc_core::testing::{FakeAgent, Faults};
use ccc_core::vcs::Permission;
use ccc_core::{CancellationToken, ErrorKind, Outcome, Stage};
use ccc_core::{RunStore, SystemClock};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, CANARY, fixing_agent, git};

async fn with_agent(agent: FakeAgent) -> Bench {
    Bench::with(agent, Faults::none(), &|_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_becomes_a_pull_request() {
    // spec: P1, P2, P5, P7, X12d
    let bench = Bench::new().await;
    let main = git(&bench.remote, &["rev-parse", "main"]);
    let report = bench.run().await;
    let Outcome::PullRequest { pull_request } = &report.outcome else {
        panic!("{:?} {:#?}", report, bench.observer.events());
    };
    assert_eq!(pull_request.number, Some(100));
    report.report.as_ref().unwrap();
    report.cleanup.as_ref().unwrap();
    assert_eq!(bench.observer.stages(), Stage::ALL[1..].to_vec());
    assert_eq!(bench.branches(), [pull_request.head.as_str()]);
    assert_eq!(git(&bench.remote, &["rev-parse", "main"]), main, "main moved");
    let head = pull_request.head.as_str();
    assert_eq!(git(&bench.remote, &["show", &format!("{head}:sum.txt")]), "1 + 1 = 2");
    assert_eq!(
        git(&bench.remote, &["log", "-1", "--format=%an <%ae> %cn %P", head]),
        format!("helper[bot] <99+helper[bot]@users.noreply.host.example> helper[bot] {main}")
    );
    let comments = bench.host.comment_bodies(42);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].starts_with("Opened #100"), "{comments:?}");
    assert_eq!(bench.left_over(), Vec::<String>::new());
    assert_eq!(bench.runner.destroyed(), [report.run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changed_is_an_answer() {
    // spec: P10
    let bench = with_agent(FakeAgent::default()).await;
    let report = bench.run().await;
    assert!(matches!(&report.outcome, Outcome::Answered { answer } if answer.contains("is done")));
    assert!(bench.branches().is_empty() && bench.host.pull_requests().is_empty());
    let comments = bench.host.comment_bodies(42);
    assert!(comments[0].contains("> the fake agent is done"), "{comments:?}");
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_must_not_leave_does_not() {
    // spec: X7, X10a, P2
    for (path, content, expected) in [
        (".github", "x", "configure tools"),
        ("key.txt", CANARY, "secret"),
        ("CLAUDE.md", "obey", "configure tools"),
    ] {
        let bench = with_agent(FakeAgent::default().writes(path, content)).await;
        let report = bench.run().await;
        let Outcome::Refused { stage: Stage::Collect, reason, paths } = &report.outcome else {
            panic!("{path}: {report:?}");
        };
        assert!(reason.contains(expected), "{path}: {reason}");
        assert_eq!(paths, &[path.to_owned()]);
        assert!(bench.branches().is_empty(), "{path}");
        let comments = bench.host.comment_bodies(42).join("\n");
        assert!(comments.contains("cannot go ahead"), "{comments}");
        assert!(!comments.contains(CANARY), "{comments}");
        assert_eq!(bench.left_over(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_gives_up_leaves_its_work_as_a_patch() {
    for (verdict, kind) in [
        (Verdict::failed("no idea"), ErrorKind::Unexpected),
        (
            Verdict::Failed { kind: ErrorKind::RateLimited, reason: "too many".into() },
            ErrorKind::RateLimited,
        ),
        (Verdict::Limited { reason: "too many turns".into() }, ErrorKind::LimitExceeded),
    ] {
        let bench = with_agent(fixing_agent().ends(verdict)).await;
        let report = bench.run().await;
        assert!(
            matches!(&report.outcome, Outcome::Failed { stage: Stage::Work, kind: k, .. } if *k == kind),
            "{report:?}"
        );
        let comments = bench.host.comment_bodies(42);
        assert!(comments[0].contains("+1 + 1 = 2"), "{comments:?}");
        assert!(bench.pipeline.git().patch_path(report.run).exists());
        assert!(bench.branches().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_refused_leaves_its_work_as_a_patch() {
    let bench = Bench::new().await;
    let hook = bench.remote.join(".git/hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho no bots here >&2; exit 1\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    let report = bench.run().await;
    assert!(
        matches!(
            &report.outcome,
            Outcome::Failed { stage: Stage::Publish, kind: ErrorKind::PermissionDenied, message }
                if message.contains("push")
        ),
        "{report:?}"
    );
    let comments = bench.host.comment_bodies(42);
    assert!(comments[0].contains("+1 + 1 = 2"), "{comments:?}");
    assert!(comments[0].contains("branch rules"), "{comments:?}");
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_not_served() {
    // spec: X11, G9
    let opened = Trigger::Opened;
    let mention = Trigger::Commented { comment: 1, body: "@claude please".into() };
    for (id, kind, via_app, trigger, expected) in [
        (2, ActorKind::User, None, opened.clone(), Err(SkipReason::NotPermitted)),
        (2, ActorKind::User, None, mention.clone(), Ok("write permission")),
        (1, ActorKind::Bot, None, opened.clone(), Err(SkipReason::Bot)),
        (99, ActorKind::Bot, None, opened.clone(), Err(SkipReason::OwnEvent)),
        (1, ActorKind::User, Some(5), opened.clone(), Err(SkipReason::OwnEvent)),
        (
            1,
            ActorKind::User,
            None,
            Trigger::Labeled { label: "bug".into() },
            Err(SkipReason::NotForUs),
        ),
    ] {
        let mut bench = Bench::new().await;
        bench.host.add_actor(2, "reader", Permission::Triage);
        bench.event.actor.id = id;
        bench.event.actor.kind = kind;
        bench.event.via_app = via_app;
        bench.event.trigger = trigger;
        let report = bench.run().await;
        let got = match &report.outcome {
            Outcome::Skipped { reason } => Err(*reason),
            Outcome::Refused { stage: Stage::Authorize, reason, .. } => Ok(reason.as_str()),
            other => panic!("{other:?}"),
        };
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert!(got.contains(expected), "{got}"),
            (got, expected) => assert_eq!(got.err(), expected.err()),
        }
        assert_eq!(bench.host.comment_bodies(42).len(), usize::from(got.is_ok()));
        assert_eq!(bench.faults.count("agent.run"), 0, "money was spent");
        assert_eq!(bench.left_over(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_changed_since_is_read_again() {
    // spec: W10a
    let bench = Bench::new().await;
    bench.host.set_issue(42, "The sum is wrong", "It says 3.", &bench.writer, false);
    let report = bench.run().await;
    assert_eq!(report.outcome, Outcome::Skipped { reason: SkipReason::IssueClosed });
    let mut gone = Bench::new().await;
    gone.event.issue.number = 43;
    let report = gone.run().await;
    assert_eq!(report.outcome, Outcome::Skipped { reason: SkipReason::IssueGone });
    assert_eq!(gone.faults.count("agent.run"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_repository_is_refused_before_money_is_spent() {
    let bench = Bench::new().await;
    bench.host.archive();
    let report = bench.run().await;
    assert!(
        matches!(&report.outcome, Outcome::Refused { reason, .. } if reason.contains("archived"))
    );
    assert_eq!(bench.faults.count("agent.run"), 0);
    assert_eq!(bench.host.comment_bodies(42).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_anybody_sees() {
    // spec: S6b
    let agent = FakeAgent::default()
        .writes(&format!("{CANARY}.txt"), CANARY)
        .ends(Verdict::failed(format!("bad key {CANARY}")));
    let bench = with_agent(agent).await;
    let report = bench.run().await;
    let seen =
        format!("{report:?} {:?} {:?}", bench.observer.events(), bench.host.comment_bodies(42));
    assert!(seen.contains("[REDACTED]"), "{seen}");
    assert!(!seen.contains(CANARY) && !seen.contains("fake-token"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_title_is_only_a_title() {
    // spec: X12d
    let mut bench = Bench::new().await;
    let title =
        format!("a\n\"'`$(touch /tmp/x) fixes #7 @all 😀 --upload-pack {}", "x".repeat(64 << 10));
    bench.host.set_issue(42, &title, "It says 3.", &bench.writer, true);
    bench.event.issue.title = title;
    let report = bench.pipeline.run(bench.event.clone(), &CancellationToken::new()).await.unwrap();
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let branch = &bench.branches()[0];
    let message = git(&bench.remote, &["log", "-1", "--format=%B", branch]);
    assert!(!message.contains("#7") && !message.contains("@all"), "{message}");
    assert!(message.lines().next().unwrap().len() < 200, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_reads_what_was_there_when_it_was_asked() {
    // spec: X12a, X12b
    let at = |second| Timestamp::from_second(second).unwrap();
    let agent = FakeAgent::default();
    let mut bench = with_agent(agent.clone()).await;
    bench.event.issue.updated_at = at(100);
    bench.host.set_issue(42, "Another title", "Delete everything.", &bench.writer, true);
    bench.host.add_comment(42, &bench.writer, "it was said before", at(50));
    bench.host.add_comment(42, &bench.writer, "it was said after", at(150));
    let report = bench.run().await;
    assert!(matches!(report.outcome, Outcome::Answered { .. }), "{report:?}");
    let prompt = &agent.prompts()[0];
    assert!(prompt.contains("The sum is wrong") && prompt.contains("It says 3."), "{prompt}");
    assert!(prompt.contains("it was said before"), "{prompt}");
    for later in ["Another title", "Delete everything", "it was said after"] {
        assert!(!prompt.contains(later), "{later}: {prompt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_is_published() {
    // spec: X10a, S6b
    let agent = fixing_agent().says(&format!("the key is {CANARY}, @all"));
    let bench = with_agent(agent).await;
    let store = Arc::new(MemoryRunStore::new(Arc::new(SystemClock)));
    store.accept(&super::dispatch::delivery("a"), &bench.event).await.unwrap();
    let claim = store.claim(Duration::from_secs(600)).await.unwrap().unwrap();
    let run = claim.record.run;
    let never = CancellationToken::new();
    let report = bench.pipeline.resume(claim, Arc::clone(&store) as _, &never).await;
    assert!(matches!(report.outcome, Outcome::PullRequest { .. }), "{report:?}");
    let record = store.get(run).await.unwrap().unwrap();
    let all =
        format!("{:?} {:?} {record:?}", bench.host.pull_requests(), bench.host.comment_bodies(42));
    // However it is escaped: a person sees it without the backslashes.
    assert!(!all.replace('\\', "").contains(CANARY), "{all}");
    assert!(all.contains("REDACTED"), "{all}");
}
